// Plans: what the calls that make them have in common.
#pragma once

#include "arguments.hpp"
#include "comm_cache.hpp"

#include <causeway/mpix.h>
#include <buffers.hpp>

#include <functional>

namespace causeway::mpi {

/// What a plan is of: fills in the buffers of this rank, whose blocks lie in *blocks and whose
/// pattern may lie in *pattern. An error where its arguments are wrong.
using FillPlan = std::function<Status(const Attached&, Blocks* blocks, Pattern* pattern, Buffers*)>;

/// Collective: makes a plan on comm, which attach() attaches if need be, and raises what goes wrong
/// there. MPI_IN_PLACE for sendbuf is an error. The functions are references, which take no memory.
int make_plan(const char* call, MPI_Comm comm,
              const std::function<Status(std::shared_ptr<Attached>*)>& attach, const void* sendbuf,
              const FillPlan& fill, MPI_Info info, MPIX_Plan* plan);

}  // namespace causeway::mpi
