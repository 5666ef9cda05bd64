// Patterns: that both ends of each edge know its round, and that rounds keep to the order of hops.
#include <pattern.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

namespace causeway {
namespace {

using Random = std::mt19937_64;

/// An edge of the whole graph, with its place in the lists of blocks at both ends.
struct Whole {
  std::uint32_t from;
  std::uint32_t to;
  std::uint32_t sent;
  std::uint32_t received;
};

/// The edges of a random graph between `ranks` ranks; the k-th from one to another is so at both.
std::vector<Whole> random_edges(Random& random, std::uint32_t ranks) {
  std::vector<Whole> edges(random() % (4 * ranks));
  std::vector<std::uint32_t> sent(ranks);
  std::vector<std::uint32_t> received(ranks);
  for (Whole& edge : edges) {
    edge.from = static_cast<std::uint32_t>(random() % ranks);
    edge.to = static_cast<std::uint32_t>(random() % ranks);
    edge.sent = sent[edge.from]++;
    edge.received = received[edge.to]++;
  }
  return edges;
}

Pattern pattern_of(const std::vector<Whole>& edges, std::uint32_t self, std::uint32_t ranks) {
  std::vector<Edge> sends;
  std::vector<Edge> receives;
  for (const Whole& edge : edges) {
    if (edge.from == self) sends.push_back({edge.to, edge.sent});
    if (edge.to == self) receives.push_back({edge.from, edge.received});
  }
  return pattern_of_edges(kernels::Operation::kNeighbor, static_cast<int>(self),
                          static_cast<int>(ranks), sends, receives);
}

/// The blocks of one role, by round and peer.
using Found = std::map<std::pair<std::size_t, std::uint32_t>, std::uint32_t>;

Found found_in(const Pattern& pattern, std::uint32_t self, std::vector<Edge> Round::*list,
               std::optional<std::uint32_t> Round::*of_self) {
  Found found;
  for (std::size_t k = 0; k < pattern.rounds.size(); ++k) {
    for (const Edge& edge : pattern.rounds[k].*list) {
      EXPECT_NE(edge.peer, self);
      EXPECT_TRUE(found.emplace(std::pair(k, edge.peer), edge.block).second) << "a peer twice";
    }
    const std::optional<std::uint32_t>& own = pattern.rounds[k].*of_self;
    if (own) found[{k, self}] = *own;
  }
  return found;
}

TEST(Pattern, HasEachEdgeInTheSameRoundAtBothEnds) {
  Random random(23);
  for (int i = 0; i < 300; ++i) {
    const auto ranks = static_cast<std::uint32_t>(1 + random() % 7);
    const std::vector<Whole> edges = random_edges(random, ranks);
    std::vector<Found> sends;
    std::vector<Found> receives;
    std::size_t in_all = 0;
    const auto hops = [&](std::uint32_t from, std::uint32_t to) {
      return (to + ranks - from) % ranks;
    };
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      const Pattern pattern = pattern_of(edges, rank, ranks);
      EXPECT_EQ(pattern.operation, kernels::Operation::kNeighbor);
      sends.push_back(found_in(pattern, rank, &Round::sends, &Round::to_self));
      receives.push_back(found_in(pattern, rank, &Round::receives, &Round::from_self));
      in_all += sends.back().size();
      const auto out = [&](const Edge& edge) { return hops(rank, edge.peer); };
      const auto in = [&](const Edge& edge) { return hops(edge.peer, rank); };
      for (const Round& round : pattern.rounds) {
        EXPECT_TRUE(std::ranges::is_sorted(round.sends, {}, out));
        EXPECT_TRUE(std::ranges::is_sorted(round.receives, {}, in));
      }
    }
    EXPECT_EQ(in_all, edges.size());
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> rounds;
    for (const Whole& edge : edges) {
      const std::size_t round = rounds[{edge.from, edge.to}]++;
      EXPECT_EQ(sends[edge.from].at({round, edge.to}), edge.sent);
      EXPECT_EQ(receives[edge.to].at({round, edge.from}), edge.received);
    }
  }
}

TEST(Pattern, OfAllHasOneRoundWithEachOther) {
  const Pattern pattern = pattern_of_all(2, 4);
  ASSERT_EQ(pattern.rounds.size(), 1U);
  const Round& round = pattern.rounds.front();
  const auto peers = [](const std::vector<Edge>& edges) {
    std::vector<std::uint32_t> found;
    for (const Edge& edge : edges) {
      EXPECT_EQ(edge.block, edge.peer);
      found.push_back(edge.peer);
    }
    return found;
  };
  EXPECT_EQ(peers(round.sends), (std::vector<std::uint32_t>{3, 0, 1}));
  EXPECT_EQ(peers(round.receives), (std::vector<std::uint32_t>{1, 0, 3}));
  EXPECT_EQ(round.to_self, 2U);
  EXPECT_EQ(round.from_self, 2U);
}

TEST(Pattern, OfNobodyHasNoRounds) {
  const Pattern pattern = pattern_of_edges(kernels::Operation::kNeighbor, 0, 3, {}, {});
  EXPECT_TRUE(pattern.rounds.empty());
}

}  // namespace
}  // namespace causeway
