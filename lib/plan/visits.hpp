// Visits: which thread block serves which lanes of which peers. Pure: no MPI, no device.
#pragma once

#include <args.h>

#include <cstdint>
#include <span>
#include <vector>

namespace causeway {

/// What one role of an exchange has to do with one peer.
struct Demand {
  std::uint64_t work;   ///< at least 1; blocks are given in proportion to it
  std::uint32_t lanes;  ///< that it visits, at least 1; more blocks than these find nothing to do
};

/// Gives each peer some of `blocks` thread blocks, at least as many as there are peers: (*each)[i]
/// of them, from 1 to demands[i].lanes. None has more work for each of its blocks than it must:
/// equal demands get equal shares, and what would not make the slowest faster is left over. Returns
/// how many are given.
std::uint32_t share_blocks(std::span<const Demand> demands, std::uint32_t blocks,
                           std::span<std::uint32_t> each);

/// Has up to `blocks` thread blocks, at least 1, serve all peers, of whom there are some, in both
/// roles. sends[h - 1] and receives[h - 1] are of the peers that are h ranks away. Returns how many
/// blocks that takes, BlockSplit::peer_blocks; *visits is as ExchangeArgs::visits wants it, and
/// its memory is reused. With blocks for every peer each serves one, and a share of its lanes;
/// otherwise a block has all lanes of some peers.
std::uint32_t make_visits(std::span<const Demand> sends, std::span<const Demand> receives,
                          std::uint32_t blocks, std::vector<kernels::Visits>* visits);

}  // namespace causeway
