// The kernel that runs any operation's blocks on a GPU.
#pragma once

#include <causeway/device/cuda_device.hpp>

namespace causeway::kernels {

/// Threads of a block; one half sends, the other receives.
inline constexpr unsigned kThreadsPerBlock = 1024;

template <class Operation>
__global__ void __launch_bounds__(kThreadsPerBlock, 1)
    run_operation(const __grid_constant__ Operation operation) {
  __shared__ std::uint64_t slots[2];
  const std::uint32_t half = blockDim.x / 2;
  if (threadIdx.x < half) {
    operation.send(device::WarpsGroup{1, 0, half, &slots[0]}, blockIdx.x);
  } else {
    operation.receive(device::WarpsGroup{2, half, half, &slots[1]}, blockIdx.x);
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
