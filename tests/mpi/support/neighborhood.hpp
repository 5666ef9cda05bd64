// Communicators with topologies, and the edges that a rank has on them by MPI's rules.
#pragma once

#include "scoped_mpi.hpp"
#include "world.hpp"

#include <mpi.h>

#include <string>
#include <vector>

namespace causeway::test {

/// A rank's neighbours. The two ends of an edge know it by one tag, which no other edge from the
/// same rank to the same has.
struct Neighborhood {
  ScopedComm comm;
  std::string name;
  std::vector<int> targets;
  std::vector<int> sources;
  std::vector<int> send_tags;
  std::vector<int> receive_tags;
};

/// Collective over MPI_COMM_WORLD: a distributed graph with edges that are there several times,
/// edges from ranks to themselves and ranks without any, as `random`, equal on all ranks, has it.
Neighborhood random_graph(Random& random);

/// One of MPI_Dist_graph_create, whose edges any rank may have named.
Neighborhood random_graph_of_others(Random& random);

/// A graph of MPI_Graph_create, whose edges go both ways and are there once or twice.
Neighborhood random_old_graph(Random& random);

/// A grid of all ranks.
Neighborhood grid(std::vector<int> dimensions, std::vector<int> periods);

/// Each rank has an edge to the next one.
Neighborhood ring();

}  // namespace causeway::test
