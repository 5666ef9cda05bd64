// Names of exchanges, for a profiler.
#include "range_name.hpp"

namespace causeway {

const char* range_name(const Schedule& schedule, int self) {
  const kernels::SendBlock* first = nullptr;
  for (std::size_t peer = 0; peer < schedule.send.size(); ++peer) {
    const kernels::SendBlock& block = schedule.send[peer];
    if (static_cast<int>(peer) == self || block.bytes == 0) continue;
    if (first == nullptr) first = &block;
    if (block.protocol != first->protocol) return "alltoallv mixed";
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
