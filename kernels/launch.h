// Launchers: run an operation on a device. Plain C++, for callers without a CUDA compiler.
#pragma once

#include "args.h"
#include "host_executor.hpp"

namespace causeway::kernels {

/// Runs an alltoallv on the calling thread and the executor's, which must be 2 * args.blocks - 1 at
/// least; returns when it is done. Faults are in args.comm.control.reports.
void launch_alltoallv_host(HostExecutor& executor, const AlltoallvArgs& args);

/// Enqueues an alltoallv on a cudaStream_t of the current GPU; all that args points to must be
/// memory of that GPU, or mapped into it, and stay until the stream has passed. Returns a
/// cudaError_t. Only in builds with CAUSEWAY_HAVE_CUDA.
int launch_alltoallv_cuda(const AlltoallvArgs& args, void* stream);

}  // namespace causeway::kernels
