// Schedules: how the blocks of an exchange travel. Pure: no MPI, no device.
#pragma once

#include "extent.hpp"
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
};

/// Bytes that each lane of a pair has lines of ll for, or of ll128, so that messages of `bytes`
/// fit.
std::uint64_t ll_bytes_for(std::uint64_t bytes, std::uint64_t lanes);
std::uint64_t ll128_bytes_for(std::uint64_t bytes, std::uint64_t lanes);

/// One exchange on one rank: what a launch is given, and the lists that go with it.
struct Schedule {
  Schedule() = default;
  Schedule(Schedule&&) = default;  // what moves keeps its lists where they are
  Schedule& operator=(Schedule&&) = default;

  kernels::ExchangeArgs args{};                ///< `split` and `visits` are of the lists below
  std::vector<kernels::SendBlock> send;        ///< by rank
  std::vector<kernels::ReceiveBlock> receive;  ///< by rank
  std::vector<kernels::Visits> visits;
  /// What the split was made from: the demands of each role, by hops to the peer, and the thread
  /// blocks of their own that the rank's block for itself is worth.
  std::array<std::vector<Demand>, 2> demands;
  std::uint64_t self_bytes = 0;  ///< that the rank sends itself
  std::uint32_t self_blocks = 1;
  /// Of a launch whose like may come while it runs; 0 where that does not count.
  std::uint32_t blocks_of_early = 0;
  /// Upper bound of thread blocks, counting an overlapping next launch.
  std::uint32_t max_ctas = 0;
};

/// The most thread blocks that a schedule finds work for.
std::uint32_t most_useful_blocks(std::uint32_t lanes, std::uint32_t ranks);

/// Whether a message of `bytes` bytes to a peer would be for copy engines, if they may move it.
bool prefers_engine(const ScheduleLimits& limits, std::size_t peer, std::uint64_t bytes);

/// Fills in the schedule of an exchange on rank `self` of send[j] to and receive[j] from rank j, by
/// channels: its lists, the split and max_ctas. The places of layouts and the other arguments are
/// the caller's. The schedule's memory is reused.
void make_schedule(const ScheduleLimits& limits, int self, std::span<const Extent> send,
                   std::span<const Extent> receive, Schedule* schedule);

/// The split for a launch of the schedule that gets no more than `blocks` blocks, at least 1, and
/// its visits, which ExchangeArgs is to point to.
kernels::BlockSplit split_blocks(const Schedule& schedule, std::uint32_t blocks,
                                 std::vector<kernels::Visits>* visits);

}  // namespace causeway
