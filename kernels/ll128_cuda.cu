// A trial of lines of ll128 between GPUs: whether lines that warps store come whole.
#include "launch.h"

#include <causeway/device/communicator.hpp>
#include <causeway/device/cuda_device.hpp>
#include <causeway/device/impl/ll128.hpp>

#include <cuda_runtime.h>

namespace causeway::kernels {

namespace {

using device::CudaDevice;
using device::Ll128Line;

/// A warp stores every line so often, while others load it as fast as they can: on H200s some
/// thousands of loads for each peer, in under a millisecond.
constexpr std::uint64_t kRounds = 16384;
constexpr unsigned kReaders = 7;
constexpr std::uint64_t kLl = 2;  // as many as the smallest slot has
constexpr std::uint64_t kPatienceNs = 2'000'000'000;

/// Stores lines of one number throughout, from `start` + 1 on.
__device__ void store_lines(Ll128Line* lines, std::uint64_t start) {
  const unsigned lane = threadIdx.x % 32;
  std::uint64_t* const to = lines[lane / 8 % kLl].data + lane % 8 * 2;
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    const bool together = CudaDevice::converge();
    CudaDevice::store_together(to, start + round, start + round, together && lane < 8 * kLl);
  }
}

/// Loads lines until the last number is there; true when each was of one number and it was. False,
/// in the end, for a warp that does not converge.
__device__ bool lines_come_whole(const Ll128Line* lines, std::uint64_t start) {
  const unsigned lane = threadIdx.x % 32;
  const std::uint64_t* const from = lines[lane / 8 % kLl].data + lane % 8 * 2;
  const std::uint64_t begun = CudaDevice::nanoseconds();
  bool whole = true;
  for (;;) {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    const bool together = CudaDevice::converge();
    CudaDevice::load_together(from, low, high);
    const std::uint64_t flag = __shfl_sync(0xffffffffU, high, lane | 7U);
    whole = whole && (!together || flag == start || (low == flag && high == flag));
    if (CudaDevice::all_of_warp(together && flag == start + kRounds)) return whole;
    if (!CudaDevice::all_of_warp(CudaDevice::nanoseconds() - begun < kPatienceNs)) return false;
  }
}

/// A block for each rank, whose first warp stores.
__global__ void try_ll128(device::Communicator comm, std::uint32_t* failures) {
  const std::uint32_t peer = blockIdx.x;
  const device::SendChannel& out = comm.send_channel(peer, 0);
  const device::ReceiveChannel& in = comm.receive_channel(peer, 0);
  if (peer == comm.rank || out.shape.ll128_bytes == 0) return;
  const std::uint64_t start = in.state->sequence;
  if (threadIdx.x < 32) {
    auto* const slots =
        reinterpret_cast<device::LlLine*>(out.link.segment + out.shape.lines_offset);
    store_lines(device::ll128_lines_of(slots, out.shape), start);
  } else if (!lines_come_whole(device::ll128_lines_of(in.lines, in.shape), start)) {
    atomicAdd(failures, 1U);
  }
}

}  // namespace

int launch_ll128_trial(const device::Communicator& comm, std::uint32_t* failures, void* stream) {
  cudaLaunchConfig_t config{};
  config.gridDim = comm.size;
  config.blockDim = 32 * (1 + kReaders);
  config.stream = static_cast<cudaStream_t>(stream);
  // Its own outcome, not an error that the application has left behind.
  return cudaLaunchKernelEx(&config, try_ll128, comm, failures);
}

}  // namespace causeway::kernels
