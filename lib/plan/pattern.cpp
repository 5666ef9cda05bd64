// Patterns: which ranks an exchange is between, whatever its blocks are. Pure: no MPI, no device.
#include "pattern.hpp"

#include <algorithm>
#include <unordered_map>

namespace causeway {

namespace {

/// Hands the edges of one role out to rounds, round k taking the k-th of each peer.
void add_edges(std::uint32_t self, std::span<const Edge> edges, std::vector<Edge> Round::*list,
               std::optional<std::uint32_t> Round::*of_self, std::vector<Round>* rounds) {
  std::unordered_map<std::uint32_t, std::size_t> before;
  for (const Edge& edge : edges) {
    const std::size_t k = before[edge.peer]++;
    if (k == rounds->size()) rounds->emplace_back();
    Round& round = (*rounds)[k];
    if (edge.peer == self) {
      round.*of_self = edge.block;
    } else {
      (round.*list).push_back(edge);
    }
  }
}

}  // namespace

Pattern pattern_of_all(int self, int ranks) {
  std::vector<Edge> edges;
  for (std::uint32_t rank = 0; rank < static_cast<std::uint32_t>(ranks); ++rank) {
    edges.push_back({rank, rank});
  }
  return pattern_of_edges(kernels::Operation::kAlltoallv, self, ranks, edges, edges);
}

Pattern pattern_of_edges(kernels::Operation operation, int self, int ranks,
                         std::span<const Edge> sends, std::span<const Edge> receives) {
  const auto own = static_cast<std::uint32_t>(self);
  const auto all = static_cast<std::uint32_t>(ranks);
  Pattern pattern{operation, {}};
  add_edges(own, sends, &Round::sends, &Round::to_self, &pattern.rounds);
  add_edges(own, receives, &Round::receives, &Round::from_self, &pattern.rounds);
  for (Round& round : pattern.rounds) {
    std::ranges::sort(round.sends, {}, [&](const Edge& to) { return (to.peer + all - own) % all; });
    std::ranges::sort(round.receives, {},
                      [&](const Edge& from) { return (own + all - from.peer) % all; });
  }
  return pattern;
}

}  // namespace causeway
