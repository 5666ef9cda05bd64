// Names of exchanges, for a profiler.
#include "range_name.hpp"

namespace causeway {

namespace {

/// The names of an operation, by what its messages have in common.
struct Names {
  const char* nothing;
  const char* mixed;
  const char* ll;
  const char* ll128;
  const char* direct;
  const char* pull;
  const char* staged;
};

constexpr Names kAlltoallv = {"alltoallv nothing", "alltoallv mixed",  "alltoallv ll",
                              "alltoallv ll128",   "alltoallv direct", "alltoallv pull",
                              "alltoallv staged"};
constexpr Names kNeighbor = {"neighbor nothing", "neighbor mixed",  "neighbor ll",
                             "neighbor ll128",   "neighbor direct", "neighbor pull",
                             "neighbor staged"};
constexpr Names kSendrecv = {"sendrecv nothing", "sendrecv mixed",  "sendrecv ll",
                             "sendrecv ll128",   "sendrecv direct", "sendrecv pull",
                             "sendrecv staged"};

const Names& names_of(kernels::Operation operation) {
  switch (operation) {
    case kernels::Operation::kNeighbor:
      return kNeighbor;
    case kernels::Operation::kSendrecv:
      return kSendrecv;
    default:
      return kAlltoallv;
  }
}

}  // namespace

const char* range_name(const Schedule& schedule) {
  const Names& names = names_of(schedule.args.operation);
  const kernels::SendItem* first = nullptr;
  for (const kernels::SendItem& item : schedule.send) {
    if (item.bytes == 0) continue;
    if (first == nullptr) first = &item;
    if (item.protocol != first->protocol) return names.mixed;
  }
  if (first == nullptr) return names.nothing;
  switch (static_cast<device::Protocol>(first->protocol)) {
    case device::Protocol::kLl:
      return names.ll;
    case device::Protocol::kLl128:
      return names.ll128;
    case device::Protocol::kDirect:
      return names.direct;
    case device::Protocol::kPull:
      return names.pull;
    default:
      return names.staged;
  }
}

}  // namespace causeway
