// What every entry point of the C API does around its work.
#pragma once

#include "errors.hpp"

#include <ranges.hpp>

#include <mpi.h>

#include <exception>

/// Makes MPIX_<name> a weak alias of PMPIX_<name>, which profilers may replace.
#define CAUSEWAY_ENTRY(name) \
  extern "C" decltype(PMPIX_##name) MPIX_##name __attribute__((weak, alias("PMPIX_" #name)))

namespace causeway::mpi {

/// True between MPI_Init and MPI_Finalize, when there is an MPI to call.
inline bool mpi_is_running() {
  int initialized = 0;
  int finalized = 0;
  PMPI_Initialized(&initialized);
  PMPI_Finalized(&finalized);
  return initialized != 0 && finalized == 0;
}

/// Runs work(), which returns a Status, and raises what it returns or throws on comm. Outside of
/// MPI's lifetime there is no error handler: MPI_ERR_OTHER is returned. A profiler shows the call.
template <class Work>
int enter(MPI_Comm comm, const char* call, Work&& work) noexcept {
  if (!mpi_is_running()) return MPI_ERR_OTHER;
  const ProfiledRange range(call);
  try {
    return raise(comm, call, work());
  } catch (const std::exception& problem) {
    return raise(comm, call, Status(ErrorKind::kSystem, problem.what()));
  }
}

}  // namespace causeway::mpi
