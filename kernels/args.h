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
  std::uint32_t piece_bytes;  ///< payload published at once; kDirect: most in the ring; at least 1
  std::uint16_t layout;       ///< of its elements, a place in ExchangeArgs::layouts; 0 where they
                              ///< lie side by side
  std::uint8_t lanes;         ///< lanes that share the block, the first ones; at least 1
  std::uint8_t protocol;      ///< a device::Protocol: kStaged, kLl or kDirect
};

/// What each of `lanes` lanes carries of a block of `bytes` bytes.
CAUSEWAY_FN constexpr std::uint64_t lane_bytes_of(std::uint64_t bytes, std::uint64_t lanes) {
  return device::round_up((bytes + lanes - 1) / lanes, device::kLineBytes);
}

/// Where the block from one peer goes, in bytes from recvbuf, and how many bytes are asked for.
struct ReceiveBlock {
  std::int64_t offset;
  std::uint64_t bytes;
  std::uint16_t layout;      ///< as above
  std::uint8_t protocol;     ///< a device::Protocol, by which it will likely come,
  std::uint32_t lane_bytes;  ///< and most bytes of a lane then
};

/// How the thread blocks of a launch share the work: the first ones exchange with peers, and the
/// last ones move what the rank sends itself. A block may do both, the latter at the end.
struct BlockSplit {
  std::uint32_t blocks;            ///< of the launch; at least 1
  std::uint32_t peer_blocks;       ///< at least 1 where there are peers
  std::uint32_t first_self;        ///< less than `blocks`
  std::uint32_t threads = 0;       ///< of a block, on GPUs: a multiple of 64
  std::uint32_t send_threads = 0;  ///< of those, the first ones, which send; the others receive.
                                   ///< Whole warps

  /// From a peer of a block to the next, in hops.
  CAUSEWAY_FN constexpr std::uint32_t hop_step() const { return peer_blocks; }
};

/// What a thread block does at once.
enum Role : std::uint32_t { kSends = 0, kReceives = 1 };

/// What one role of a thread block does: its lanes of the peers that are `hops` ranks away, and
/// then of those BlockSplit::hop_step() further, and so on.
struct Visits {
  std::uint16_t hops;  ///< at least the number of ranks where there is nothing to do
  std::uint8_t lane;
  std::uint8_t lane_step;
};

inline constexpr Visits kNoVisits{0xffff, 0, 1};

/// The lists of a launch of one block, which visits everyone.
inline constexpr Visits kAllVisits[2] = {{1, 0, 1}, {1, 0, 1}};

/// The most threads of a block on GPUs: as many as can have registers for all that they do.
inline constexpr std::uint32_t kMostThreads = 512;

/// How many of them receive where peers store what they send straight into this rank's memory, and
/// there is nothing to do but to hear of it.
inline constexpr std::uint32_t kThreadsThatHear = 32;

/// How a launch on a GPU meets its neighbours on the stream. One that comes early takes
/// multiprocessors and waits there until all before it is over.
struct Overlap {
  bool with_previous = true;  ///< it may come while the launch before it ends, or earlier where
                              ///< that one lets it
  bool with_next = false;     ///< it lets the next launch come as soon as it runs itself
};

struct ExchangeArgs {
  BlockSplit split;
  bool declined;  ///< take no part: tell every peer so, send and take nothing
  const std::byte* sendbuf;
  std::byte* recvbuf;
  device::Communicator comm;
  const device::Layout* layouts;  ///< memory of the device; null where no block has one
  std::uint64_t region;  ///< that recvbuf's blocks lie in, for peers to write to; or kNoRegion
  std::uint64_t region_offset;  ///< of recvbuf in it; blocks may lie before recvbuf
  const Visits* visits;         ///< host memory: [2 * split.peer_blocks], the list of those blocks
                                ///< for kSends and then that for kReceives
  Overlap overlap = {};
};

/// What a block does in one role. On the host.
constexpr Visits visits_of(const ExchangeArgs& args, Role role, std::uint32_t block) {
  return block < args.split.peer_blocks ? args.visits[role * args.split.peer_blocks + block]
                                        : kNoVisits;
}

}  // namespace causeway::kernels
