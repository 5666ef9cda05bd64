// The kernel that runs any operation's blocks on a GPU.
#pragma once

#include <causeway/device/communicator.hpp>
#include <causeway/device/cuda_device.hpp>

namespace causeway::kernels {

/// Threads of a block; one half sends, the other receives.
inline constexpr unsigned kThreadsPerBlock = 1024;

namespace impl {

/// Takes a communicator's channels for this launch; false, with a report, when another launch that
/// is still running has them. All threads of each group of the launch call it.
template <device::Group G>
__device__ bool enter(const G& group, const device::Communicator& comm) {
  bool free = true;
  if (group.rank() == 0) {
    // Two launches that run at the same time differ in it, also as nodes of graphs.
    unsigned long long grid;
    asm volatile("mov.u64 %0, %gridid;" : "=l"(grid));
    ++grid;
    auto* const launch = reinterpret_cast<unsigned long long*>(&comm.occupancy->launch);
    const unsigned long long before = atomicCAS(launch, 0ULL, grid);
    free = before == 0 || before == grid;
    if (!free) {
      device::report_fault<device::CudaDevice>(
          comm.control,
          {device::Fault::kOverlapped, device::WaitFor::kNothing, comm.rank, 0, 0, 0, 0, 0});
    }
  }
  return group.broadcast(free ? 1 : 0) != 0;
}

/// Gives the channels up when the last of the launch's groups, two a block, has come here.
template <device::Group G>
__device__ void leave(const G& group, const device::Communicator& comm) {
  group.sync();
  if (group.rank() != 0) return;
  __threadfence();
  if (atomicAdd(&comm.occupancy->ended, 1U) + 1 < 2 * gridDim.x) return;
  comm.occupancy->ended = 0;
  __threadfence();
  atomicExch(reinterpret_cast<unsigned long long*>(&comm.occupancy->launch), 0ULL);
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

/// Enqueues an operation; returns a cudaError_t.
template <class Operation>
int run_on_cuda(const Operation& operation, void* stream) {
  run_operation<<<operation.blocks(), kThreadsPerBlock, 0, static_cast<cudaStream_t>(stream)>>>(
      operation);
  return cudaGetLastError();
}

/// Loads an operation's kernel; returns a cudaError_t.
template <class Operation>
int load_on_cuda() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, run_operation<Operation>);
}

}  // namespace causeway::kernels
