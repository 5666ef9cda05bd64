// Launchers: run an operation on a device. Plain C++, for callers without a CUDA compiler.
#pragma once

#include "args.h"
#include "host_executor.hpp"
#include "host_steps.hpp"

namespace causeway::kernels {

/// Runs an exchange on the calling thread and the executor's, which must be 2 * args.split.blocks
/// - 1 at least; returns when it is done. Faults are in args.comm.control.reports.
void launch_exchange_host(HostExecutor& executor, const ExchangeArgs& args, const WorkLists& lists);

/// The same in steps, for exchanges without any_source: see advance_on_host() and finish_on_host().
bool advance_exchange_host(const ExchangeArgs& args, const WorkLists& lists,
                           HostProgress* progress);
void finish_exchange_host(const ExchangeArgs& args, const WorkLists& lists,
                          const HostProgress& progress);

/// The most thread blocks of a launch on a GPU.
inline constexpr std::uint32_t kMostBlocks = 192;

/// Enqueues an exchange on a cudaStream_t of the current GPU. Lists that go in the kernel's
/// arguments are the host's, and copied; others, and all that args points to, must be accessible to
/// that GPU until the stream has passed. Returns a cudaError_t. Only in builds with CUDA, like the
/// next.
int launch_exchange_cuda(const ExchangeArgs& args, const WorkLists& lists, void* stream);

/// The same of an exchange with any_source, which launch_exchange_cuda() leaves to this one.
int launch_any_source_cuda(const ExchangeArgs& args, const WorkLists& lists, void* stream);

/// Enqueues a trial of lines of ll128 between this rank and each peer on its host, which does the
/// same at this time: *failures, device memory of 0, is 0 afterwards where all came whole. It
/// leaves them in the first slots of lane 0. It ends within seconds.
int launch_ll128_trial(const device::Communicator& comm, std::uint32_t* failures, void* stream);

/// Loads the kernels onto the current GPU, so that no launch has to. Returns a cudaError_t.
int load_exchange_cuda();

/// What runs a communicator's exchanges on each device. Tests have their own.
struct Launchers {
  decltype(&launch_exchange_host) host = launch_exchange_host;
  decltype(&launch_exchange_cuda) cuda = nullptr;     ///< null: those above
  decltype(&load_exchange_cuda) load_cuda = nullptr;  ///< goes with it

  friend bool operator==(const Launchers&, const Launchers&) = default;
};

}  // namespace causeway::kernels
