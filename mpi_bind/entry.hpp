// What every entry point of the C API does around its work.
#pragma once

#include "comm_cache.hpp"
#include "errors.hpp"

#include <ranges.hpp>

#include <mpi.h>

/// Makes MPIX_<name> a weak alias of PMPIX_<name>, which profilers may replace.
#define CAUSEWAY_ENTRY(name) \
  extern "C" decltype(PMPIX_##name) MPIX_##name __attribute__((weak, alias("PMPIX_" #name)))

namespace causeway::mpi {

/// True between MPI_Init and MPI_Finalize of an MPI that has the binary interface of the one that
/// this was compiled for; otherwise an error is logged, which names the call.
bool mpi_is_running(const char* call);

/// Runs work(), which returns a Status, and raises that on comm. Outside of MPI's lifetime there is
/// no error handler: MPI_ERR_OTHER is returned. A profiler shows the call. An exception of the
/// handler's goes to the caller, as those of MPI's own calls do.
template <class Work>
int enter(MPI_Comm comm, const char* call, Work&& work) {
  if (!is_known(comm) && !mpi_is_running(call)) return MPI_ERR_OTHER;
  const ProfiledRange range(call);
  // Work tells the other ranks itself of what is thrown between them.
  const Status status = guarded(work);
  return raise(comm, call, status);
}

}  // namespace causeway::mpi
