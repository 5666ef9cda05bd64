// Visits: which thread block serves which lanes of which peers. Pure: no MPI, no device.
#pragma once

#include <args.h>

#include <cstdint>
#include <span>
#include <vector>

namespace causeway {

/// What one role of an exchange has to do for one item.
struct Demand {
  std::uint64_t work;   ///< at least 1; blocks are given in proportion to it
  std::uint32_t lanes;  ///< that it visits, at least 1; more blocks than these find nothing to do
  std::uint32_t peer;   ///< of the item
};

/// Visits of a launch's blocks, laid out as WorkLists has them: in the short form where both roles
/// have few enough items for it, else in the other. The one not in use is empty.
struct VisitLists {
  std::vector<kernels::Visits> whole;
  std::vector<kernels::ShortVisits> in_short;
};

/// Gives each item some of `blocks` thread blocks, at least as many as there are items: each[i] of
/// them, from 1 to demands[i].lanes. None has more work for each of its blocks than it must:
/// equal demands get equal shares, and what would not make the slowest faster is left over. Returns
/// how many are given.
std::uint32_t share_blocks(std::span<const Demand> demands, std::uint32_t blocks,
                           std::span<std::uint32_t> each);

/// Has up to `blocks` thread blocks, at least 1, serve all items of both roles, of which there are
/// some: sends[i] and receives[i] are what item i of the role demands. Returns how many blocks that
/// takes, BlockSplit::peer_blocks; the memory of *visits is reused. With blocks for every item of a
/// role each serves one, and a share of its lanes; otherwise a block has all lanes of some items.
std::uint32_t make_visits(std::span<const Demand> sends, std::span<const Demand> receives,
                          std::uint32_t blocks, VisitLists* visits);

}  // namespace causeway
