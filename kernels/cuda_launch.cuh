// The kernel that runs any operation's blocks on a GPU.
#pragma once

#include "args.h"

#include <causeway/device/communicator.hpp>
#include <causeway/device/cuda_device.hpp>
#include <causeway/device/near.hpp>

#include <atomic>

namespace causeway::kernels {

/// Threads of small blocks have as many registers as they like.
inline constexpr unsigned kFewThreads = 256;

namespace impl {

/// Waits until all that came before on the stream is over: the launch itself has not. What precedes
/// this must not touch memory that anything enqueued changes.
__device__ inline void follow_the_stream() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Lets the next launch on the stream come. Behind follow_the_stream(): so no more than one waits.
__device__ inline void admit_next() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

/// Whether an operation's kernels wait in follow_the_stream(), on all GPUs that they were loaded
/// on.
template <class Operation>
inline std::atomic<bool> follows_the_stream{true};

/// What each group of a launch holds of the occupancy: its low bits count the groups, the others
/// tell the launches that run at the same time apart, also as nodes of graphs.
__device__ inline unsigned long long occupancy_share() {
  unsigned long long grid;
  asm volatile("mov.u64 %0, %gridid;" : "=l"(grid));
  return ((grid + 1) << 16) | 1;
}

/// Asks for a communicator's channels for this launch; the leader's answer is for enter().
template <device::Group G>
__device__ unsigned long long ask_to_enter(const G& group, const device::Communicator& comm,
                                           unsigned long long share) {
  if (group.rank() != 0) return 0;
  return atomicCAS(comm.occupancy, 0ULL, 2 * gridDim.x * share);
}

/// False, with a report, when another launch that is still running has the channels; and without
/// when the communicator was detached. All threads of each group of the launch call it.
template <device::Group G>
__device__ bool enter(const G& group, const device::Communicator& comm, unsigned long long before,
                      unsigned long long share) {
  const bool free = before == (before & 0xffffULL) * share;
  const volatile auto* const now = comm.occupancy;
  // The answer is not looked at for the bit: ptxas would do so, and wait for it, further up.
  if (group.rank() == 0 && !free && (*now & device::kDetachedBit) == 0) {
    device::report_fault<device::CudaDevice>(
        comm.control,
        {device::Fault::kOverlapped, device::WaitFor::kNothing, comm.rank, 0, 0, 0, 0, 0});
  }
  return group.all(free || group.rank() != 0);
}

/// Gives the group's share of the channels up; the last one leaves nothing. What the groups have
/// written is for the next launch on the stream to see.
template <device::Group G>
__device__ void leave(const G& group, const device::Communicator& comm, unsigned long long share) {
  if (group.rank() != 0) return;
  if (comm.launches_over == nullptr) {
    atomicAdd(comm.occupancy, 0 - share);
    return;
  }
  __threadfence();  // what the group has posted comes before the count
  if (atomicAdd(comm.occupancy, 0 - share) != share) return;
  __threadfence();
  device::CudaDevice::store_release(comm.launches_over, *comm.launches_over + 1);
}

/// Has a group wait for the stream, and then for the communicator's channels.
template <device::Group G>
class Gate {
 public:
  __device__ Gate(const G& group, const device::Communicator& comm, const Overlap& overlap)
      : group_(group), comm_(comm), overlap_(overlap), share_(occupancy_share()) {}

  __device__ void open() {
    follow_the_stream();
    before_ = ask_to_enter(group_, comm_, share_);
    if (overlap_.with_next) admit_next();
  }
  __device__ bool operator()() {
    entered_ = enter(group_, comm_, before_, share_);
    return entered_;
  }
  __device__ void close() const {
    if (entered_) leave(group_, comm_, share_);
  }

 private:
  const G& group_;
  const device::Communicator& comm_;
  const Overlap& overlap_;
  const unsigned long long share_;
  unsigned long long before_ = 0;
  bool entered_ = false;
};

}  // namespace impl

template <unsigned Threads, class Operation>
__global__ void __launch_bounds__(Threads, 1)
    run_operation(const __grid_constant__ Operation operation) {
  __shared__ device::Words slots[2];
  __shared__ alignas(device::kLineBytes) std::byte near[2][device::kNearBytes];
  const std::uint32_t senders = operation.args.split.send_threads;
  const bool sends = threadIdx.x < senders;
  const device::WarpsGroup group{sends ? 1U : 2U, sends ? 0 : senders,
                                 sends ? senders : blockDim.x - senders, &slots[sends ? 0 : 1],
                                 near[sends ? 0 : 1]};
  impl::Gate<device::WarpsGroup> gate(group, operation.args.comm, operation.args.overlap);
  if (sends) {
    operation.send(group, blockIdx.x, gate);
  } else {
    operation.receive(group, blockIdx.x, gate);
  }
  gate.close();
}

/// Enqueues an operation; returns a cudaError_t, of this launch alone. `SmallBlocks` says that it
/// has a kernel of their own for blocks of up to kFewThreads.
template <bool SmallBlocks, class Operation>
int run_on_cuda(const Operation& operation, void* stream) {
  cudaLaunchConfig_t config{};
  config.gridDim = operation.blocks();
  config.blockDim = operation.args.split.threads;
  config.stream = static_cast<cudaStream_t>(stream);
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &early;
  config.numAttrs =
      impl::follows_the_stream<Operation> && operation.args.overlap.with_previous ? 1 : 0;
  // By address: cudaLaunchKernelEx would copy the arguments once more.
  void* arguments[] = {const_cast<Operation*>(&operation)};
  const auto launch = [&](void (*kernel)(Operation)) {
    return cudaLaunchKernelExC(&config, reinterpret_cast<const void*>(kernel), arguments);
  };
  if constexpr (SmallBlocks) {
    if (config.blockDim.x <= kFewThreads) return launch(run_operation<kFewThreads, Operation>);
  }
  return launch(run_operation<kMostThreads, Operation>);
}

/// Loads an operation's kernels; returns a cudaError_t.
template <bool SmallBlocks, class Operation>
int load_on_cuda() {
  const auto load = [](void (*kernel)(Operation)) {
    cudaFuncAttributes attributes;
    const cudaError_t code = cudaFuncGetAttributes(&attributes, kernel);
    if (code == cudaSuccess && attributes.ptxVersion < 90) {
      impl::follows_the_stream<Operation> = false;
    }
    return code;
  };
  if constexpr (SmallBlocks) {
    const cudaError_t code = load(run_operation<kFewThreads, Operation>);
    if (code != cudaSuccess) return code;
  }
  return load(run_operation<kMostThreads, Operation>);
}

}  // namespace causeway::kernels
