// The memory that the stress exchanges, and the device that it runs on: chosen by what is linked.
#pragma once

#include "stress.hpp"

namespace causeway::test {

/// As CAUSEWAY_DEVICE names it.
extern const char* const kStressDevice;

/// False, having printed why the stress is skipped, when this machine has no such device.
bool stress_device_is_there();

/// Makes the device of a rank current on the calling thread.
void use_device_of_rank(int rank);

/// An exchange of the device's memory in place of `exchange`'s host memory, with the same result.
/// Called and used by one thread.
StressExchange in_stress_memory(StressExchange exchange);

}  // namespace causeway::test
