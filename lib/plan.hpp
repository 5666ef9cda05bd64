// Plans: how the blocks of an exchange are to travel. Pure: no MPI, no device.
#pragma once

#include "extent.hpp"

#include <args.h>

#include <cstdint>
#include <span>
#include <vector>

namespace causeway {

/// What a plan has to keep to: agreed at attach.
struct PlanLimits {
  std::uint32_t lanes;                           ///< of every pair
  std::uint32_t max_blocks;                      ///< thread blocks of a launch
  std::uint64_t piece_bytes;                     ///< largest piece: the eager limit
  std::uint64_t ll_bytes = 0;                    ///< largest message in lines, on memory links
  std::span<const device::LinkKind> links = {};  ///< by rank; none for memory links throughout
};

/// Bytes that each lane of a pair has lines for, so that messages of ll_bytes fit.
std::uint64_t line_bytes_for(std::uint64_t ll_bytes, std::uint64_t lanes);

/// The blocks of one alltoallv, by rank, as a launch wants them.
struct AlltoallvPlan {
  std::vector<kernels::SendBlock> send;
  std::vector<kernels::ReceiveBlock> receive;
  kernels::BlockSplit split{1, 1, 0};
};

/// The most thread blocks that a plan finds work for.
std::uint32_t most_useful_blocks(std::uint32_t lanes, std::uint32_t ranks);

/// Plans an alltoallv on rank `self` of send[j] to and receive[j] from rank j, all but the places
/// of their layouts. The plan's memory is reused.
void plan_alltoallv(const PlanLimits& limits, int self, std::span<const Extent> send,
                    std::span<const Extent> receive, AlltoallvPlan* plan);

}  // namespace causeway
