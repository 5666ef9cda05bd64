// Plans: how the blocks of an exchange are to travel. Pure: no MPI, no device.
#include "plan.hpp"

#include <algorithm>

namespace causeway {

namespace {

/// A lane of its own costs a block another wait; below this many bytes it costs more than it moves.
constexpr std::uint64_t kLeastLaneBytes = 16 * 1024;

/// Lines are worth several lanes sooner, and at most this many.
constexpr std::uint64_t kLeastLineBytes = 2 * 1024;
constexpr std::uint64_t kMostLineLanes = 16;

/// Blocks of their own for what a rank sends itself, and the bytes for which one is added.
constexpr std::uint32_t kMostSelfBlocks = 32;
constexpr std::uint64_t kSelfBlockBytes = 64 * 1024;

/// The same where all peers' messages go in lines.
constexpr std::uint64_t kSelfBlockBytesBesideLines = 8 * 1024;

/// Threads of a block where all messages go in lines, and otherwise: each warp takes as many
/// instructions to set up.
constexpr std::uint32_t kLineThreads = 256;
constexpr std::uint32_t kThreads = 1024;

bool has_lines(const PlanLimits& limits, std::size_t peer) {
  return limits.ll_bytes > 0 &&
         (limits.links.empty() || limits.links[peer] == device::LinkKind::kMemory);
}

bool goes_in_lines(const PlanLimits& limits, std::size_t peer, std::uint64_t bytes) {
  return has_lines(limits, peer) && bytes <= limits.ll_bytes;
}

std::uint8_t lanes_for(const PlanLimits& limits, std::size_t peer, std::uint64_t bytes) {
  if (!goes_in_lines(limits, peer, bytes)) {
    return static_cast<std::uint8_t>(
        std::clamp<std::uint64_t>(bytes / kLeastLaneBytes, 1, limits.lanes));
  }
  const std::uint64_t most = std::min<std::uint64_t>(limits.lanes, kMostLineLanes);
  const std::uint64_t share =
      std::min(kLeastLineBytes, line_bytes_for(limits.ll_bytes, limits.lanes));
  return static_cast<std::uint8_t>(std::clamp<std::uint64_t>((bytes + share - 1) / share, 1, most));
}

/// Divides the blocks of a launch. `lanes` is the most that any pair uses.
kernels::BlockSplit split_blocks(const PlanLimits& limits, std::uint32_t peers, std::uint32_t lanes,
                                 std::uint64_t to_self, bool in_lines) {
  const std::uint32_t threads = in_lines ? kLineThreads : kThreads;
  const std::uint64_t self_block = in_lines ? kSelfBlockBytesBesideLines : kSelfBlockBytes;
  std::uint32_t peer_blocks = lanes * peers;
  if (peer_blocks > limits.max_blocks) {
    peer_blocks = limits.max_blocks < peers ? limits.max_blocks : limits.max_blocks / peers * peers;
  }
  if (peer_blocks == limits.max_blocks) return {peer_blocks, peer_blocks, 0, threads};
  const std::uint64_t most = std::min(limits.max_blocks - peer_blocks, kMostSelfBlocks);
  const auto self_blocks =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(to_self / self_block, 1, most));
  return {peer_blocks + self_blocks, peer_blocks, peer_blocks, threads};
}

}  // namespace

std::uint64_t line_bytes_for(std::uint64_t ll_bytes, std::uint64_t lanes) {
  const std::uint64_t spread = std::min(lanes, kMostLineLanes);
  return device::round_up((ll_bytes + spread - 1) / spread, device::kLineBytes);
}

std::uint32_t most_useful_blocks(std::uint32_t lanes, std::uint32_t ranks) {
  return lanes * (ranks - 1) + kMostSelfBlocks;
}

void plan_alltoallv(const PlanLimits& limits, int self, std::span<const Extent> send,
                    std::span<const Extent> receive, AlltoallvPlan* plan) {
  plan->send.resize(send.size());
  plan->receive.resize(receive.size());
  std::uint8_t most_lanes = 1;
  bool in_lines = limits.ll_bytes > 0;
  for (std::size_t peer = 0; peer < send.size(); ++peer) {
    const std::uint64_t bytes = send[peer].bytes;
    const std::uint8_t lanes = lanes_for(limits, peer, bytes);
    const device::Protocol protocol =
        goes_in_lines(limits, peer, bytes) ? device::Protocol::kLines : device::Protocol::kStaged;
    plan->send[peer] = {
        send[peer].offset,
        bytes,
        kernels::lane_bytes_of(bytes, lanes),
        static_cast<std::uint32_t>(std::min<std::uint64_t>(limits.piece_bytes, 1U << 31)),
        0,
        lanes,
        static_cast<std::uint8_t>(protocol)};
    plan->receive[peer] = {receive[peer].offset, receive[peer].bytes, 0,
                           goes_in_lines(limits, peer, receive[peer].bytes)};
    if (peer == static_cast<std::size_t>(self)) continue;
    // Without lines every lane says in every exchange that it carries nothing.
    if (!has_lines(limits, peer)) most_lanes = static_cast<std::uint8_t>(limits.lanes);
    in_lines = in_lines && goes_in_lines(limits, peer, std::max(bytes, receive[peer].bytes));
    most_lanes = std::max({most_lanes, lanes, lanes_for(limits, peer, receive[peer].bytes)});
  }
  plan->split = split_blocks(limits, static_cast<std::uint32_t>(send.size() - 1), most_lanes,
                             send[static_cast<std::size_t>(self)].bytes,
                             in_lines && send[static_cast<std::size_t>(self)].bytes <=
                                             kMostSelfBlocks * kSelfBlockBytesBesideLines);
}

}  // namespace causeway
