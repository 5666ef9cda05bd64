// Errors: a Status as an MPI error code, raised through a communicator's error handler.
#pragma once

#include <status.hpp>

#include <mpi.h>

namespace causeway::mpi {

/// The MPI error code of a status, MPI_SUCCESS for ok; its class says what kind of error it is and
/// its string is `call`: the status's sentence. MPI is initialised. Throws nothing.
int error_code(const char* call, const Status& status);

/// Raises a status through comm's error handler, or through MPI_COMM_WORLD's when comm is not a
/// communicator, and returns its code. MPI_SUCCESS and no handler for ok. Throws what the handler
/// throws; the caller holds no lock.
int raise(MPI_Comm comm, const char* call, const Status& status);

}  // namespace causeway::mpi
