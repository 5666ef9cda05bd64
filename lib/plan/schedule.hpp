// Schedules: how the blocks of an exchange travel. Pure: no MPI, no device.
#pragma once

#include "extent.hpp"
#include "memory.hpp"
#include "pattern.hpp"
#include "tuner.hpp"
#include "visits.hpp"

#include <args.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace causeway {

/// What a schedule has to keep to: agreed at attach, but for the tuner.
struct ScheduleLimits {
  std::uint32_t lanes;                           ///< of every pair
  std::uint32_t max_blocks;                      ///< thread blocks of a launch
  std::uint64_t piece_bytes;                     ///< largest piece: the eager limit
  std::uint64_t ll_bytes = 0;                    ///< largest message in lines, on memory links
  std::span<const device::LinkKind> links = {};  ///< by rank; none for memory links throughout
  std::span<const std::uint32_t> regions = {};   ///< buffers of each rank that this one can write
                                                 ///< to, by rank; empty for none
  const Tuner* tuner = &host_tuner();
  std::uint64_t ll128_bytes = 0;  ///< largest message in lines of ll128
  std::uint32_t max_ctas = 0;     ///< thread blocks of launches that are on the device together
  std::span<const std::uint8_t> pullers = {};  ///< by rank, whether it can read this one's memory;
                                               ///< empty for none
};

/// Bytes that each lane of a pair has lines of ll for, or of ll128, so that messages of `bytes`
/// fit.
std::uint64_t ll_bytes_for(std::uint64_t bytes, std::uint64_t lanes);
std::uint64_t ll128_bytes_for(std::uint64_t bytes, std::uint64_t lanes);

/// A message of an exchange, as the rank at one end of it sees it.
struct Message {
  std::uint32_t peer;   ///< rank at the other end
  const Extent* block;  ///< of this rank's buffer; the caller's
};

/// What one rank sends and receives in a round of an exchange. No peer is twice in a list, and each
/// list is in ascending order of hops.
struct Messages {
  kernels::Operation operation = kernels::Operation::kAlltoallv;
  Tags tags = tags_of(operation);
  bool any_source = false;  ///< see Pattern
  std::vector<Message> sends;
  std::vector<Message> receives;
  const Extent* to_self = nullptr;    ///< that the rank sends itself; null for nothing,
  const Extent* from_self = nullptr;  ///< and where that goes; null where it asks for nothing
  bool in_place = false;              ///< peers may store what they send this rank where it belongs
  bool gathers = false;               ///< some block has a layout
};

/// Lists what a rank sends and receives in a round of a pattern, of these blocks; nothing to and
/// from the same peers where a list of blocks is empty. The memory of *messages is reused.
void list_messages(const Pattern& pattern, const Round& round, std::span<const Extent> send,
                   std::span<const Extent> receive, Messages* messages);

/// One round of an exchange on one rank: what a launch is given, and the lists that go with it.
struct Schedule {
  Schedule() = default;
  Schedule(Schedule&&) = default;  // what moves keeps its lists where they are
  Schedule& operator=(Schedule&&) = default;

  kernels::ExchangeArgs args{};  ///< `split` is of `visits`
  std::vector<kernels::SendItem> send;
  std::vector<kernels::ReceiveItem> receive;
  VisitLists visits;
  Memory device_lists;  ///< a device's own copy of them, where it needs one and has kept it
  /// What the split was made from: the demands of each role, by item, and the thread blocks of
  /// their own that what the rank sends itself is worth.
  std::array<std::vector<Demand>, 2> demands;
  std::uint32_t self_blocks = 1;
  /// Of a launch whose like may come while it runs; 0 where that does not count.
  std::uint32_t blocks_of_early = 0;
  /// Upper bound of thread blocks, counting an overlapping next launch.
  std::uint32_t max_ctas = 0;

  kernels::WorkLists lists() const { return lists_with(visits); }
  /// With the visits of another split.
  kernels::WorkLists lists_with(const VisitLists& others) const {
    const bool in_short = !others.in_short.empty();
    return {send.data(), receive.data(), in_short ? nullptr : others.whole.data(),
            in_short ? others.in_short.data() : nullptr};
  }
};

/// The most thread blocks that a schedule finds work for.
std::uint32_t most_useful_blocks(std::uint32_t lanes, std::uint32_t ranks);

/// Whether a message of `bytes` bytes to a peer would be for copy engines, if they may move it.
bool prefers_engine(const ScheduleLimits& limits, kernels::Operation operation, std::size_t peer,
                    std::uint64_t bytes);

/// Fills in the schedule of what rank `self` of `ranks` ranks does in an exchange by channels: its
/// lists, the split, the item for the rank itself and max_ctas. The places of layouts and the other
/// arguments are the caller's. The schedule's memory is reused. Takes time in proportion to the
/// messages, whatever the number of ranks.
void make_schedule(const ScheduleLimits& limits, int self, int ranks, const Messages& messages,
                   Schedule* schedule);

/// The split for a launch of the schedule that gets no more than `blocks` blocks, at least 1, and
/// its visits, which WorkLists is to point to.
kernels::BlockSplit split_blocks(const Schedule& schedule, std::uint32_t blocks,
                                 VisitLists* visits);

}  // namespace causeway
