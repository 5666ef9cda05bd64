// Neighbours: whom a rank exchanges with by its communicator's topology.
#include "neighbors.hpp"

#include <cstddef>
#include <span>
#include <utility>

namespace causeway::mpi {

namespace {

int kind_of_topology(MPI_Comm comm) {
  int kind = MPI_UNDEFINED;
  PMPI_Topo_test(comm, &kind);
  return kind;
}

/// MPI's calls take arrays also where there is nothing to store in them.
std::vector<int> array_of(int size) { return std::vector<int>(static_cast<std::size_t>(size) + 1); }

void read_cartesian(MPI_Comm comm, Neighbors* found) {
  int dimensions = 0;
  PMPI_Cartdim_get(comm, &dimensions);
  for (int dimension = 0; dimension < dimensions; ++dimension) {
    int below = MPI_PROC_NULL;
    int above = MPI_PROC_NULL;
    PMPI_Cart_shift(comm, dimension, 1, &below, &above);
    found->targets.insert(found->targets.end(), {below, above});
  }
  found->sources = found->targets;
}

void read_graph(MPI_Comm comm, int rank, Neighbors* found) {
  int degree = 0;
  PMPI_Graph_neighbors_count(comm, rank, &degree);
  found->targets = array_of(degree);
  PMPI_Graph_neighbors(comm, rank, degree, found->targets.data());
  found->targets.pop_back();
  found->sources = found->targets;
}

void read_distributed_graph(MPI_Comm comm, Neighbors* found) {
  int in = 0;
  int out = 0;
  int weighted = 0;
  PMPI_Dist_graph_neighbors_count(comm, &in, &out, &weighted);
  found->sources = array_of(in);
  found->targets = array_of(out);
  std::vector<int> in_weights = array_of(in);
  std::vector<int> out_weights = array_of(out);
  PMPI_Dist_graph_neighbors(comm, in, found->sources.data(), in_weights.data(), out,
                            found->targets.data(), out_weights.data());
  found->sources.pop_back();
  found->targets.pop_back();
}

/// Edges of the neighbours that there are, with neighbour `order ^ index` at each index. Of a
/// grid's two neighbours along a dimension the one below comes first: what a rank sends below, that
/// one receives from above. Where both are the same rank, its second receive so belongs to the
/// first send, and the order of receives is turned round.
std::vector<Edge> edges_of(std::span<const int> neighbors, std::size_t order) {
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < neighbors.size(); ++i) {
    const std::size_t block = i ^ order;
    if (neighbors[block] == MPI_PROC_NULL) continue;
    edges.push_back(
        {static_cast<std::uint32_t>(neighbors[block]), static_cast<std::uint32_t>(block)});
  }
  return edges;
}

}  // namespace

Status check_topology(MPI_Comm comm) {
  if (kind_of_topology(comm) != MPI_UNDEFINED) return {};
  return {ErrorKind::kTopology,
          "comm has no topology: it has to be made by MPI_Cart_create, MPI_Graph_create, "
          "MPI_Dist_graph_create or MPI_Dist_graph_create_adjacent"};
}

Status find_neighbors(MPI_Comm comm, std::unique_ptr<const Neighbors>* neighbors) {
  const int kind = kind_of_topology(comm);
  if (kind == MPI_UNDEFINED) return {};
  int rank = 0;
  int ranks = 0;
  PMPI_Comm_rank(comm, &rank);
  PMPI_Comm_size(comm, &ranks);
  auto found = std::make_unique<Neighbors>();
  if (kind == MPI_CART) read_cartesian(comm, found.get());
  if (kind == MPI_GRAPH) read_graph(comm, rank, found.get());
  if (kind == MPI_DIST_GRAPH) read_distributed_graph(comm, found.get());
  found->pattern =
      pattern_of_edges(kernels::Operation::kNeighbor, rank, ranks, edges_of(found->targets, 0),
                       edges_of(found->sources, kind == MPI_CART ? 1 : 0));
  *neighbors = std::move(found);
  return {};
}

}  // namespace causeway::mpi
