// Names of exchanges, for a profiler.
#include "range_name.hpp"

namespace causeway {

const char* range_name(const Schedule& schedule) {
  const kernels::SendItem* first = nullptr;
  for (const kernels::SendItem& item : schedule.send) {
    if (item.bytes == 0) continue;
    if (first == nullptr) first = &item;
    if (item.protocol != first->protocol) return "alltoallv mixed";
  }
  if (first == nullptr) return "alltoallv nothing";
  switch (static_cast<device::Protocol>(first->protocol)) {
    case device::Protocol::kLl:
      return "alltoallv ll";
    case device::Protocol::kLl128:
      return "alltoallv ll128";
    case device::Protocol::kDirect:
      return "alltoallv direct";
    default:
      return "alltoallv staged";
  }
}

}  // namespace causeway
