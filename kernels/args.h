// What launches are given: plain data that a kernel takes by value.
#pragma once

#include <causeway/device/communicator.hpp>
#include <causeway/device/layout.hpp>

namespace causeway::kernels {

/// Where a block for one peer begins, in bytes from sendbuf, and how it is to travel.
struct SendBlock {
  std::int64_t offset;
  std::uint64_t bytes;
  std::uint64_t piece_bytes;  ///< payload that is published at once; at least 1
  std::uint32_t lanes;        ///< lanes that share the block, the first ones; at least 1
  std::uint32_t layout;       ///< of its elements, a place in AlltoallvArgs::layouts; 0 where they
                              ///< lie side by side
};

/// Where the block from one peer goes, in bytes from recvbuf, and how many bytes are asked for.
struct ReceiveBlock {
  std::int64_t offset;
  std::uint64_t bytes;
  std::uint32_t layout;  ///< as above
};

/// How the thread blocks of a launch share the work: the first ones exchange with peers, and the
/// last ones move what the rank sends itself. A block may do both, the latter at the end.
struct BlockSplit {
  std::uint32_t blocks;       ///< of the launch; at least 1
  std::uint32_t peer_blocks;  ///< at least 1 where there are peers
  std::uint32_t first_self;   ///< less than `blocks`
};

/// The split for a launch that gets no more than `blocks` blocks, at least 1.
constexpr BlockSplit shrunk(const BlockSplit& split, std::uint32_t blocks) {
  if (blocks >= split.blocks) return split;
  if (blocks > split.peer_blocks) return {blocks, split.peer_blocks, split.first_self};
  return {blocks, blocks, 0};
}

struct AlltoallvArgs {
  device::Communicator comm;
  const std::byte* sendbuf;
  std::byte* recvbuf;
  const SendBlock* send;          ///< [comm.size], by rank; memory of the device
  const ReceiveBlock* receive;    ///< [comm.size], by rank; memory of the device
  const device::Layout* layouts;  ///< memory of the device; null where no block has one
  BlockSplit split;
  bool declined;  ///< take no part: tell every peer so, send and take nothing
};

}  // namespace causeway::kernels
