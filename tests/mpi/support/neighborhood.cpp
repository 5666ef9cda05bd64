// Communicators with topologies, and the edges that a rank has on them by MPI's rules.
#include "neighborhood.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace causeway::test {

namespace {

/// How many of the same rank come before each.
std::vector<int> occurrences(const std::vector<int>& ranks) {
  std::vector<int> tags;
  for (auto rank = ranks.begin(); rank != ranks.end(); ++rank) {
    tags.push_back(static_cast<int>(std::count(ranks.begin(), rank, *rank)));
  }
  return tags;
}

Neighborhood distributed_graph(std::string name, const std::vector<int>& sources,
                               const std::vector<int>& targets) {
  MPI_Comm made = MPI_COMM_NULL;
  // The arrays of no edges are not null.
  std::vector<int> from = sources;
  std::vector<int> to = targets;
  from.push_back(0);
  to.push_back(0);
  MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, static_cast<int>(sources.size()), from.data(),
                                 MPI_UNWEIGHTED, static_cast<int>(targets.size()), to.data(),
                                 MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &made);
  return {ScopedComm(made), std::move(name),      targets,
          sources,          occurrences(targets), occurrences(sources)};
}

/// The same where each rank names edges of any: MPI chooses the order.
Neighborhood named_by_others(const std::vector<int>& from, const std::vector<int>& to) {
  const std::vector<int> ones(from.size(), 1);
  MPI_Comm made = MPI_COMM_NULL;
  MPI_Dist_graph_create(MPI_COMM_WORLD, static_cast<int>(from.size()), from.data(), ones.data(),
                        to.data(), ones.data(), MPI_INFO_NULL, 0, &made);
  int in = 0;
  int out = 0;
  int weighted = 0;
  MPI_Dist_graph_neighbors_count(made, &in, &out, &weighted);
  std::vector<int> sources(static_cast<std::size_t>(in) + 1);
  std::vector<int> targets(static_cast<std::size_t>(out) + 1);
  std::vector<int> weights(std::max(sources.size(), targets.size()));
  std::vector<int> other_weights = weights;
  MPI_Dist_graph_neighbors(made, in, sources.data(), weights.data(), out, targets.data(),
                           other_weights.data());
  sources.pop_back();
  targets.pop_back();
  return {ScopedComm(made), "graph named by others", targets,
          sources,          occurrences(targets),    occurrences(sources)};
}

}  // namespace

Neighborhood random_graph_of_others(Random& random) {
  const auto last = static_cast<std::uint64_t>(world_size() - 1);
  Random own(random() + static_cast<std::uint64_t>(world_rank()));
  std::vector<int> from;
  std::vector<int> to;
  for (std::uint64_t edges = between(own, 1, 6); edges > 0; --edges) {
    from.push_back(static_cast<int>(between(own, 0, last)));
    to.push_back(static_cast<int>(between(own, 0, last)));
  }
  return named_by_others(from, to);
}

Neighborhood random_graph(Random& random) {
  const int ranks = world_size();
  const std::uint64_t rarity = between(random, 1, 4);
  std::vector<int> sources;
  std::vector<int> targets;
  for (int from = 0; from < ranks; ++from) {
    for (int to = 0; to < ranks; ++to) {
      const std::uint64_t times = one_in(random, rarity) ? between(random, 1, 3) : 0;
      if (from == world_rank()) targets.insert(targets.end(), times, to);
      if (to == world_rank()) sources.insert(sources.end(), times, from);
    }
  }
  Random own(random() + static_cast<std::uint64_t>(world_rank()));
  std::ranges::shuffle(sources, own);
  std::ranges::shuffle(targets, own);
  return distributed_graph("random graph", sources, targets);
}

Neighborhood random_old_graph(Random& random) {
  const int ranks = world_size();
  std::vector<std::vector<int>> neighbors(static_cast<std::size_t>(ranks));
  for (int one = 0; one < ranks; ++one) {
    for (int other = 0; other <= one; ++other) {
      const std::uint64_t times = between(random, 0, 2);
      auto& of_one = neighbors[static_cast<std::size_t>(one)];
      of_one.insert(of_one.end(), times, other);
      if (other == one) continue;
      auto& of_other = neighbors[static_cast<std::size_t>(other)];
      of_other.insert(of_other.end(), times, one);
    }
  }
  std::vector<int> ends;
  std::vector<int> edges;
  for (std::vector<int>& of_one : neighbors) {
    std::ranges::shuffle(of_one, random);
    edges.insert(edges.end(), of_one.begin(), of_one.end());
    ends.push_back(static_cast<int>(edges.size()));
  }
  edges.push_back(0);
  MPI_Comm made = MPI_COMM_NULL;
  MPI_Graph_create(MPI_COMM_WORLD, ranks, ends.data(), edges.data(), 0, &made);
  const std::vector<int>& own = neighbors[static_cast<std::size_t>(world_rank())];
  return {ScopedComm(made), "random old graph", own, own, occurrences(own), occurrences(own)};
}

Neighborhood grid(std::vector<int> dimensions, std::vector<int> periods) {
  MPI_Comm made = MPI_COMM_NULL;
  MPI_Cart_create(MPI_COMM_WORLD, static_cast<int>(dimensions.size()), dimensions.data(),
                  periods.data(), 0, &made);
  std::string name = "grid of";
  for (std::size_t d = 0; d < dimensions.size(); ++d) {
    name += ' ' + std::to_string(dimensions[d]) + (periods[d] != 0 ? "o" : "-");
  }
  Neighborhood found{ScopedComm(made), name, {}, {}, {}, {}};
  for (int d = 0; d < static_cast<int>(dimensions.size()); ++d) {
    int below = MPI_PROC_NULL;
    int above = MPI_PROC_NULL;
    MPI_Cart_shift(found.comm, d, 1, &below, &above);
    found.targets.insert(found.targets.end(), {below, above});
    // A tag for each dimension and way: what goes down comes from above.
    found.send_tags.insert(found.send_tags.end(), {2 * d, 2 * d + 1});
    found.receive_tags.insert(found.receive_tags.end(), {2 * d + 1, 2 * d});
  }
  found.sources = found.targets;
  return found;
}

Neighborhood ring() {
  const int ranks = world_size();
  return distributed_graph("ring", {(world_rank() + ranks - 1) % ranks},
                           {(world_rank() + 1) % ranks});
}

}  // namespace causeway::test
