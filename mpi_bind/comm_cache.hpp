// The communicators that are attached: state kept as attributes of the user's MPI communicators.
#pragma once

#include "kept_communicators.hpp"
#include "mpi_bootstrap.hpp"
#include "neighbors.hpp"

#include <communicator.hpp>

#include <mpi.h>

#include <cstdint>
#include <memory>

namespace causeway::mpi {

/// What a communicator is attached to.
struct Attached {
  OwnedBootstrap bootstrap;                    ///< of what ranks agree on, for one call at a time
  std::unique_ptr<const Neighbors> neighbors;  ///< null without a topology
  std::unique_ptr<Communicator> communicator;
  std::shared_ptr<const Group> group;  ///< of its ranks, once it is known
  bool may_be_kept = true;             ///< for another communicator of the same ranks
  Config config;                       ///< that it was attached with, as this rank read it
};

/// An error unless comm is an intracommunicator that can be used now.
Status check_comm(MPI_Comm comm);

/// What comm is attached to; null when it is not.
std::shared_ptr<Attached> find_attached(MPI_Comm comm);

/// What a communicator was found to be, and how often any had been detached, or freed, before.
struct Known {
  Attached* attached = nullptr;  ///< null where it is not attached, or cannot be used
  std::uint64_t detachments = 0;
};

/// The same for a call: what it finds stays there until the call returns. Quick where the thread's
/// last call was on the same communicator.
Known find_known(MPI_Comm comm);

/// Whether find_known() would be quick. MPI is running then.
bool is_known(MPI_Comm comm);

/// Whether comm is still what `communicator` was found by. Unlike find_attached for communicators
/// that may have been freed.
bool is_attached(MPI_Comm comm, const Communicator* communicator);

/// Collective: attaches comm unless it is attached, with settings from info and the environment.
/// When `ready` is an error on any rank, that is every rank's. On failure every rank gets the same
/// error, but for one that waited too long, and none is attached. Settings of one that is attached
/// stay: info's are checked, and warned of where they differ.
Status attach(MPI_Comm comm, MPI_Info info, const Status& ready,
              std::shared_ptr<Attached>* attached);

/// Frees what comm is attached to, if anything, and what is kept of communicators before it.
Status detach(MPI_Comm comm);

}  // namespace causeway::mpi
