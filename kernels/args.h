// What launches are given: plain data that a kernel takes by value.
#pragma once

#include <causeway/device/communicator.hpp>
#include <causeway/device/layout.hpp>

namespace causeway::kernels {

/// Where a block for one peer begins, in bytes from sendbuf, and how it is to travel.
struct SendBlock {
  std::int64_t offset;
  std::uint64_t bytes;
  std::uint64_t lane_bytes;   ///< that each lane carries, but for the last: a multiple of a line
  std::uint32_t piece_bytes;  ///< payload that is published at once; at least 1
  std::uint16_t layout;       ///< of its elements, a place in AlltoallvArgs::layouts; 0 where they
                              ///< lie side by side
  std::uint8_t lanes;         ///< lanes that share the block, the first ones; at least 1
  std::uint8_t protocol;      ///< a device::Protocol: kStaged or kLines
};

/// What each of `lanes` lanes carries of a block of `bytes` bytes.
CAUSEWAY_FN constexpr std::uint64_t lane_bytes_of(std::uint64_t bytes, std::uint64_t lanes) {
  return device::round_up((bytes + lanes - 1) / lanes, device::kLineBytes);
}

/// Where the block from one peer goes, in bytes from recvbuf, and how many bytes are asked for.
struct ReceiveBlock {
  std::int64_t offset;
  std::uint64_t bytes;
  std::uint16_t layout;   ///< as above
  std::uint8_t in_lines;  ///< 1 where such a block likely comes in lines
};

/// How the thread blocks of a launch share the work: the first ones exchange with peers, and the
/// last ones move what the rank sends itself. A block may do both, the latter at the end.
struct BlockSplit {
  std::uint32_t blocks;       ///< of the launch; at least 1
  std::uint32_t peer_blocks;  ///< at least 1 where there are peers
  std::uint32_t first_self;   ///< less than `blocks`
  std::uint32_t threads = 0;  ///< of a block, on GPUs: a multiple of 64

  /// From a peer of a block to the next, in hops.
  CAUSEWAY_FN constexpr std::uint32_t hop_step() const { return peer_blocks; }
};

/// What one role of a thread block does: its lanes of the peers that are `hops` ranks away, and
/// then of those BlockSplit::hop_step() further, and so on.
struct Visits {
  std::uint16_t hops;  ///< at least the number of ranks where there is nothing to do
  std::uint8_t lane;
  std::uint8_t lane_step;
};

/// The visits of a block in an exchange of `ranks` ranks. With blocks for every peer each has its
/// share of a pair's lanes; otherwise a block has all lanes of some peers.
constexpr Visits visits_of(const BlockSplit& split, std::uint32_t ranks, std::uint32_t block) {
  const std::uint32_t peers = ranks - 1;
  const auto visits = [](std::uint32_t hops, std::uint32_t lane, std::uint32_t step) {
    return Visits{static_cast<std::uint16_t>(hops), static_cast<std::uint8_t>(lane),
                  static_cast<std::uint8_t>(step)};
  };
  if (block >= split.peer_blocks || peers == 0) return visits(ranks, 0, 1);
  if (split.peer_blocks < peers) return visits(1 + block, 0, 1);
  const std::uint32_t each = split.peer_blocks / peers;
  const std::uint32_t lane = block / peers;
  return visits(lane < each ? 1 + block % peers : ranks, lane, each);
}

/// The split for a launch that gets no more than `blocks` blocks, at least 1.
constexpr BlockSplit shrunk(const BlockSplit& split, std::uint32_t blocks) {
  if (blocks >= split.blocks) return split;
  if (blocks > split.peer_blocks) {
    return {blocks, split.peer_blocks, split.first_self, split.threads};
  }
  return {blocks, blocks, 0, split.threads};
}

struct AlltoallvArgs {
  BlockSplit split;
  bool declined;  ///< take no part: tell every peer so, send and take nothing
  const std::byte* sendbuf;
  std::byte* recvbuf;
  device::Communicator comm;
  const device::Layout* layouts;  ///< memory of the device; null where no block has one
};

}  // namespace causeway::kernels
