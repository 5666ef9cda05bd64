// What is kept of communicators that were freed, for others of the same ranks.
#include "kept_communicators.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace causeway::mpi {

namespace {

/// Programs have few groups of ranks and make communicators of them again and again, several at a
/// time. Memory counts in full, whether or not it was touched.
constexpr std::size_t kMostKept = 16;
constexpr std::uint64_t kMostBytes = std::uint64_t{128} << 20;

}  // namespace

KeptCommunicators::List KeptCommunicators::take(MPI_Comm comm, const Config& config) {
  List taken;
  if (kept_.empty() && spares_.empty()) return taken;
  int size = 0;
  PMPI_Comm_size(comm, &size);
  const Group group(comm);
  const auto serves = [&](const KeptCommunicator& kept) {
    return kept.communicator->size() == size && kept.group->is(group) &&
           kept.communicator->suits(config);
  };
  const auto last = std::find_if(kept_.rbegin(), kept_.rend(), serves);
  if (last != kept_.rend()) {
    taken.splice(taken.begin(), kept_, std::prev(last.base()));
  } else if (!spares_.empty() && serves(spares_.front())) {
    taken.splice(taken.begin(), spares_, spares_.begin());
  }
  return taken;
}

KeptCommunicators::List KeptCommunicators::add(List one) {
  kept_.splice(kept_.end(), one);
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  auto first = kept_.end();
  while (first != kept_.begin()) {
    const auto before = std::prev(first);
    bytes += before->communicator->segment_bytes();
    if (++count > kMostKept || bytes > kMostBytes) break;
    first = before;
  }
  List leaving;
  leaving.splice(leaving.begin(), kept_, kept_.begin(), first);
  return leaving;
}

}  // namespace causeway::mpi
