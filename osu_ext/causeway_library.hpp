// causeway as the benchmarks call it: exchange by exchange, and through plans.
#pragma once

#include "library.hpp"
#include "operations.hpp"

#include <mpi.h>

#include <cstddef>
#include <memory>
#include <optional>

namespace causeway::osu {

/// The operation, or its form on a stream, a cudaStream_t, where one is given. `registers` says
/// whether its buffers are registered.
[[nodiscard]] std::unique_ptr<Library> make_causeway(const Operation& operation,
                                                     std::optional<void*> stream, bool registers);

/// MPIX_Plan_start of a plan per prepared call, on a cudaStream_t, or NULL on the host. A plan
/// registers what it receives into, which would serve other calls too, so that its receive buffer
/// is its own.
[[nodiscard]] std::unique_ptr<Library> make_causeway_plan(const Operation& operation, void* stream);

/// Memory of the device that causeway's exchanges on `comm` run on, which it can register; none
/// where there is too little.
[[nodiscard]] Buffer allocate_shareable(MPI_Comm comm, std::size_t bytes);

}  // namespace causeway::osu
