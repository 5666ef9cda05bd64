// Requests: exchanges that have begun, as MPI's generalised requests.
#pragma once

#include <communicator.hpp>

#include <mpi.h>

namespace causeway::mpi {

/// Begins an exchange on comm, which `communicator` is attached to, and gives its request: of
/// MPI_Wait and its kin it is what they wait for, and what went wrong they return, having raised it
/// through comm's error handler while comm is attached. `call` stays.
Status begin(MPI_Comm comm, const char* call, Communicator& communicator, const Buffers& buffers,
             MPI_Request* request);

/// Begins an exchange that sends and takes nothing, for one of the pattern that this rank's caller
/// got wrong. Where MPI has no threads, it is done on return.
Status begin_decline(Communicator& communicator, const Pattern* pattern);

/// An error unless MPI lets threads call it that the program does not know of.
Status check_threads(int rank);

}  // namespace causeway::mpi
