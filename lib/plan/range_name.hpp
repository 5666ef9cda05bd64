// Names of exchanges, for a profiler.
#pragma once

#include "schedule.hpp"

namespace causeway {

/// The name of an exchange's range: the operation and the protocol of what a rank sends the
/// others: ll, ll128, staged, direct, pull, mixed or nothing.
const char* range_name(const Schedule& schedule);

}  // namespace causeway
