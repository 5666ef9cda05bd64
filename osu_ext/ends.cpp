// Between which ranks blocks go.
#include "ends.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace causeway::osu {
namespace {

/// The rank one step along a dimension of a grid.
int neighbour(const Topology& topology, int rank, std::size_t dimension, int step) {
  const auto& dimensions = topology.dimensions;
  const int size = dimensions[dimension];
  const int stride =
      std::accumulate(dimensions.begin() + static_cast<std::ptrdiff_t>(dimension) + 1,
                      dimensions.end(), 1, std::multiplies<>());
  const int here = rank / stride % size;
  const int there = here + step;
  if (!topology.is_periodic && (there < 0 || there >= size)) {
    return kNobody;
  }
  return rank + ((there + size) % size - here) * stride;
}

/// The other one of a pair.
int partner(const Topology& topology, int rank) {
  const int other = rank ^ 1;
  return other < topology.ranks ? other : kNobody;
}

/// The ranks that `rank` sends to, or receives from.
std::vector<int> ranks_beside(const Topology& topology, int rank, bool sends) {
  const int ranks = topology.ranks;
  switch (topology.shape) {
    case Shape::kPairs:
      return {partner(topology, rank)};
    case Shape::kOneWay:
      return {sends == (rank % 2 == 0) ? partner(topology, rank) : kNobody};
    case Shape::kRing:
      return {(rank + (sends ? 1 : ranks - 1)) % ranks};
    case Shape::kGrid: {
      std::vector<int> neighbours;
      for (std::size_t dimension = 0; dimension < topology.dimensions.size(); ++dimension) {
        neighbours.push_back(neighbour(topology, rank, dimension, -1));
        neighbours.push_back(neighbour(topology, rank, dimension, 1));
      }
      return neighbours;
    }
    case Shape::kAllRanks:
      break;
  }
  std::vector<int> all(static_cast<std::size_t>(ranks));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

std::vector<End> ends_sent(const Topology& topology, int rank) {
  std::vector<End> ends;
  for (const int other : ranks_beside(topology, rank, true)) {
    const auto before = other == kNobody ? 0 : std::ranges::count(ends, other, &End::rank);
    ends.push_back({other, static_cast<int>(before)});
  }
  return ends;
}

std::vector<End> ends_received(const Topology& topology, int rank) {
  std::vector<End> ends;
  for (const int other : ranks_beside(topology, rank, false)) {
    End end{other, 0};
    // Elsewhere there is one block at most from a rank to another.
    if (topology.shape == Shape::kGrid && other != kNobody) {
      const std::size_t opposite = ends.size() ^ 1;
      end.occurrence = ends_sent(topology, other)[opposite].occurrence;
    }
    ends.push_back(end);
  }
  return ends;
}

std::size_t blocks_each_way(const Topology& topology) {
  return ranks_beside(topology, 0, true).size();
}

}  // namespace causeway::osu
