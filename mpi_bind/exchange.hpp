// What the entry points of exchanges have in common.
#pragma once

#include "arguments.hpp"
#include "comm_cache.hpp"

#include <buffers.hpp>

#include <mpi.h>

#include <memory>

namespace causeway::mpi {

/// How a call runs its exchange: to its end, on a stream, or in the background.
struct CallForm {
  enum Kind { kToItsEnd, kOnStream, kBegun } kind = kToItsEnd;
  void* stream = nullptr;
  MPI_Request* request = nullptr;
};

/// Whom the blocks of an exchange are for.
enum class Among {
  kAll,       ///< block j is for rank j
  kNeighbors  ///< block i is for neighbour i in the communicator's topology
};

/// Collective: attaches comm unless it is attached, as attach() does. An error where there is no
/// topology and has to be one.
Status attach_for(Among among, MPI_Comm comm, const Status& ready,
                  std::shared_ptr<Attached>* attached);

/// The blocks of a call's arguments, which lie in *blocks. An error where they are wrong; *buffers
/// has the pattern nevertheless.
template <class Count, class Displacement>
Status to_buffers(const Attached& attached, Among among, const Side<Count, Displacement>& send,
                  const Side<Count, Displacement>& receive, Blocks* blocks, Buffers* buffers);

/// Makes a call's exchange, and raises what goes wrong on comm, which is attached on its first use.
/// A rank whose arguments are wrong takes part, so that the others do not wait for it. For the
/// types of to_blocks().
template <class Count, class Displacement>
int exchange(const char* call, Among among, const Side<Count, Displacement>& send,
             const Side<Count, Displacement>& receive, MPI_Comm comm, const CallForm& form = {});

}  // namespace causeway::mpi
