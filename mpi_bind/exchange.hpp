// What the entry points of exchanges have in common.
#pragma once

#include "arguments.hpp"

#include <mpi.h>

namespace causeway::mpi {

/// How a call runs its exchange: to its end, on a stream, or in the background.
struct CallForm {
  enum Kind { kToItsEnd, kOnStream, kBegun } kind = kToItsEnd;
  void* stream = nullptr;
  MPI_Request* request = nullptr;
};

/// Makes a call's exchange, and raises what goes wrong on comm, which is attached on its first use.
/// A rank whose arguments are wrong takes part, so that the others do not wait for it. For the
/// types of to_blocks().
template <class Count, class Displacement>
int exchange(const char* call, const Side<Count, Displacement>& send,
             const Side<Count, Displacement>& receive, MPI_Comm comm, const CallForm& form = {});

}  // namespace causeway::mpi
