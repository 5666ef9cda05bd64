// The stress in host memory.
#include "stress_memory.hpp"

namespace causeway::test {

const char* const kStressDevice = "host";

bool stress_device_is_there() { return true; }

void use_device_of_rank(int) {}

StressExchange in_stress_memory(StressExchange exchange) { return exchange; }

}  // namespace causeway::test
