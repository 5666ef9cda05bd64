// The operations that are measured, in the forms in which causeway and MPI have them.
#pragma once

#include "library.hpp"

#include <causeway/mpix.h>

namespace causeway::osu {

/// One operation. Every function makes a call of it and returns its error code.
struct Operation {
  int (*causeway)(const Call& call);
  int (*on_stream)(const Call& call, void* stream);
  int (*plan)(const Call& call, MPIX_Plan* plan);
  int (*mpi)(const Call& call);
  // The same two begun and waited for; none where there is no such form.
  int (*causeway_immediate)(const Call& call);
  int (*mpi_immediate)(const Call& call);
};

extern const Operation kAlltoallv;
extern const Operation kSendrecv;
extern const Operation kNeighborAlltoallv;

}  // namespace causeway::osu
