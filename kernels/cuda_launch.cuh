// The kernel that runs any operation's blocks on a GPU.
#pragma once

#include <causeway/device/communicator.hpp>
#include <causeway/device/cuda_device.hpp>

namespace causeway::kernels {

/// Threads of a block; one half sends, the other receives.
inline constexpr unsigned kThreadsPerBlock = 1024;

namespace impl {

/// The low bits of an occupancy count the groups of the launch that have come to their end.
inline constexpr int kCountBits = 16;

/// Takes a communicator's channels for this launch; false, with a report, when another launch that
/// is still running has them. All threads of each group of the launch call it.
template <device::Group G>
__device__ bool enter(const G& group, const device::Communicator& comm) {
  bool free = true;
  if (group.rank() == 0) {
    // Two launches that run at the same time differ in it, also as nodes of graphs.
    unsigned long long grid;
    asm volatile("mov.u64 %0, %gridid;" : "=l"(grid));
    const unsigned long long mine = (grid + 1) << kCountBits;
    const unsigned long long before = atomicCAS(comm.occupancy, 0ULL, mine);
    free = before == 0 || before >> kCountBits == mine >> kCountBits;
    if (!free) {
      device::report_fault<device::CudaDevice>(
          comm.control,
          {device::Fault::kOverlapped, device::WaitFor::kNothing, comm.rank, 0, 0, 0, 0, 0});
    }
  }
  return group.broadcast(free ? 1 : 0) != 0;
}

/// Gives the channels up when the last of the launch's groups, two a block, has come here. What the
/// groups have written is for the next launch on the stream to see.
template <device::Group G>
__device__ void leave(const G& group, const device::Communicator& comm) {
  if (group.rank() != 0) return;
  const bool counted = comm.launches_over != nullptr;
  if (counted) __threadfence();  // what the group has posted comes before the count
  const unsigned long long before = atomicAdd(comm.occupancy, 1ULL);
  const auto ended = static_cast<std::uint32_t>(before & ((1ULL << kCountBits) - 1)) + 1;
  if (ended != 2 * gridDim.x) return;
  if (counted) {
    __threadfence();
    device::CudaDevice::store_release(comm.launches_over, *comm.launches_over + 1);
  }
  atomicExch(comm.occupancy, 0ULL);
}

}  // namespace impl

template <class Operation>
__global__ void __launch_bounds__(kThreadsPerBlock, 1)
    run_operation(const __grid_constant__ Operation operation) {
  __shared__ std::uint64_t slots[2];
  const std::uint32_t half = blockDim.x / 2;
  if (threadIdx.x < half) {
    const device::WarpsGroup group{1, 0, half, &slots[0]};
    if (!impl::enter(group, operation.args.comm)) return;
    operation.send(group, blockIdx.x);
    impl::leave(group, operation.args.comm);
  } else {
    const device::WarpsGroup group{2, half, half, &slots[1]};
    if (!impl::enter(group, operation.args.comm)) return;
    operation.receive(group, blockIdx.x);
    impl::leave(group, operation.args.comm);
  }
}

/// Enqueues an operation; returns a cudaError_t, of this launch alone.
template <class Operation>
int run_on_cuda(const Operation& operation, void* stream) {
  cudaLaunchConfig_t config{};
  config.gridDim = operation.blocks();
  config.blockDim = kThreadsPerBlock;
  config.stream = static_cast<cudaStream_t>(stream);
  return cudaLaunchKernelEx(&config, run_operation<Operation>, operation);
}

/// Loads an operation's kernel; returns a cudaError_t.
template <class Operation>
int load_on_cuda() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, run_operation<Operation>);
}

}  // namespace causeway::kernels
