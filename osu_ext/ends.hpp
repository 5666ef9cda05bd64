// Between which ranks blocks go.
#pragma once

#include <cstddef>
#include <vector>

namespace causeway::osu {

/// The rank at the other end of a block that does not move.
inline constexpr int kNobody = -1;

/// The other end of a block.
struct End {
  int rank = kNobody;
  int occurrence = 0;  ///< which it is of the blocks that one rank sends the other, in their order

  friend bool operator==(const End&, const End&) = default;
};

/// Which blocks a rank sends, and which it receives.
enum class Shape {
  kAllRanks,  ///< one per rank, in order
  kPairs,     ///< one, to and from the rank whose number differs in the last bit
  kOneWay,    ///< the same, but that only even ranks send
  kRing,      ///< one, to the next rank and from the one before
  kGrid,      ///< along each dimension one with the rank below, then one with the rank above
};

struct Topology {
  int ranks = 0;
  Shape shape = Shape::kAllRanks;
  std::vector<int> dimensions;  ///< of a grid, whose ranks are in row-major order
  bool is_periodic = false;     ///< whether the grid's ends meet
};

/// The ends of the blocks that `rank` sends, and of those that it receives, in their order. What is
/// sent to the rank below arrives as from the one above.
[[nodiscard]] std::vector<End> ends_sent(const Topology& topology, int rank);
[[nodiscard]] std::vector<End> ends_received(const Topology& topology, int rank);

/// How many blocks each rank sends, and receives; those that do not move count too.
[[nodiscard]] std::size_t blocks_each_way(const Topology& topology);

}  // namespace causeway::osu
