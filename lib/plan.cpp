// Plans: how the blocks of an exchange are to travel. Pure: no MPI, no device.
#include "plan.hpp"

#include <algorithm>

namespace causeway {

namespace {

/// A lane of its own costs a block another wait; below this many bytes it costs more than it moves.
constexpr std::uint64_t kLeastLaneBytes = 16 * 1024;

/// Blocks of their own for what a rank sends itself, and the bytes for which one is added.
constexpr std::uint32_t kMostSelfBlocks = 32;
constexpr std::uint64_t kSelfBlockBytes = 64 * 1024;

}  // namespace

std::uint32_t most_useful_blocks(std::uint32_t lanes, std::uint32_t ranks) {
  return lanes * (ranks - 1) + kMostSelfBlocks;
}

void plan_alltoallv(const PlanLimits& limits, int self, std::span<const Extent> send,
                    std::span<const Extent> receive, AlltoallvPlan* plan) {
  plan->send.resize(send.size());
  plan->receive.resize(receive.size());
  for (std::size_t peer = 0; peer < send.size(); ++peer) {
    const std::uint64_t lanes =
        std::clamp<std::uint64_t>(send[peer].bytes / kLeastLaneBytes, 1, limits.lanes);
    plan->send[peer] = {send[peer].offset, send[peer].bytes, limits.piece_bytes,
                        static_cast<std::uint32_t>(lanes), 0};
  }
  for (std::size_t peer = 0; peer < receive.size(); ++peer) {
    plan->receive[peer] = {receive[peer].offset, receive[peer].bytes, 0};
  }
  const auto visits = limits.lanes * static_cast<std::uint32_t>(send.size() - 1);
  if (visits >= limits.max_blocks) {
    plan->split = {limits.max_blocks, limits.max_blocks, 0};
    return;
  }
  const std::uint64_t to_self = send[static_cast<std::size_t>(self)].bytes;
  const auto most = static_cast<std::uint64_t>(limits.max_blocks - visits);
  const auto self_blocks = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      to_self / kSelfBlockBytes, 1, std::min<std::uint64_t>(most, kMostSelfBlocks)));
  plan->split = {visits + self_blocks, visits, visits};
}

}  // namespace causeway
