// Plans: how the blocks of an exchange are to travel. Pure: no MPI, no device.
#include "plan.hpp"

#include <algorithm>

namespace causeway {

namespace {

/// A lane of its own costs a block another wait; below this many bytes it costs more than it moves.
constexpr std::uint64_t kLeastLaneBytes = 16 * 1024;

}  // namespace

void plan_alltoallv(const PlanLimits& limits, std::span<const Extent> send,
                    std::span<const Extent> receive, AlltoallvPlan* plan) {
  plan->send.resize(send.size());
  plan->receive.resize(receive.size());
  for (std::size_t peer = 0; peer < send.size(); ++peer) {
    const std::uint64_t lanes =
        std::clamp<std::uint64_t>(send[peer].bytes / kLeastLaneBytes, 1, limits.lanes);
    plan->send[peer] = {send[peer].offset, send[peer].bytes, limits.piece_bytes,
                        static_cast<std::uint32_t>(lanes)};
  }
  for (std::size_t peer = 0; peer < receive.size(); ++peer) {
    plan->receive[peer] = {receive[peer].offset, receive[peer].bytes};
  }
  const std::uint64_t visits = static_cast<std::uint64_t>(limits.lanes) * send.size();
  plan->blocks = static_cast<std::uint32_t>(std::min<std::uint64_t>(limits.max_blocks, visits));
}

}  // namespace causeway
