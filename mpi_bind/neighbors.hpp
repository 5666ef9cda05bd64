// Neighbours: whom a rank exchanges with by its communicator's topology.
#pragma once

#include <pattern.hpp>
#include <status.hpp>

#include <mpi.h>

#include <memory>
#include <vector>

namespace causeway::mpi {

/// The neighbours of a rank, in MPI's order; MPI_PROC_NULL where a Cartesian grid ends.
struct Neighbors {
  std::vector<int> targets;
  std::vector<int> sources;
  Pattern pattern;  ///< of edges with targets[i] for what is sent, sources[i] for what is received
};

/// An error unless comm, which is an intracommunicator, has a topology.
Status check_topology(MPI_Comm comm);

/// The neighbours of this rank on an intracommunicator; null where it has no topology. Local.
Status find_neighbors(MPI_Comm comm, std::unique_ptr<const Neighbors>* neighbors);

}  // namespace causeway::mpi
