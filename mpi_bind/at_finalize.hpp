// What is to be done while MPI can still be called for the last time.
#pragma once

namespace causeway::mpi {

/// Has MPI_Finalize make a call before it does anything else. False when MPI refuses.
bool at_finalize(void (*call)());

}  // namespace causeway::mpi
