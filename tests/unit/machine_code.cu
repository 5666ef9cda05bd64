// Small kernels of the accesses that lines and lines of ll128 rely on, for check_machine_code.sh to
// read what ptxas makes of them. They are never run.
#include <causeway/device/cuda_device.hpp>

namespace {

using causeway::device::CudaDevice;
using causeway::device::LlLine;

}  // namespace

extern "C" {

__global__ void stores_a_line(LlLine* line, std::uint64_t data, std::uint64_t flag) {
  CudaDevice::store_line(line, data, flag);
}

__global__ void stores_a_line_of_which_half_is_known(LlLine* line, std::uint64_t flag) {
  CudaDevice::store_line(line, 0, flag);
}

__global__ void loads_a_line(const LlLine* line, std::uint64_t flag, std::uint64_t* out) {
  std::uint64_t data = 0;
  if (CudaDevice::load_line(line, flag, data)) *out = data;
}

__global__ void loads_both_halves(const std::uint64_t* from, std::uint64_t* out) {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  CudaDevice::load_together(from, low, high);
  out[0] = low;
  out[1] = high;
}

/// Of which the data is of no use, so that half of the line will do.
__global__ void looks_at_a_flag(const LlLine* line, std::uint64_t flag, std::uint32_t* out) {
  std::uint64_t data = 0;
  *out = CudaDevice::load_line(line, flag, data) ? 1 : 0;
}

__global__ void stores_together(std::uint64_t* to, std::uint64_t low, std::uint64_t high,
                                bool takes_part) {
  while (!CudaDevice::converge()) {
  }
  CudaDevice::store_together(to, low, high, takes_part);
}

}  // extern "C"

/// What __syncwarp() does not bring together again.
static __device__ __noinline__ void sleep_in_one_thread(std::uint32_t nanoseconds) {
  if (threadIdx.x % 32 == 0) __nanosleep(nanoseconds);
}

extern "C" __global__ void stores_together_after_a_sleep(std::uint64_t* to, std::uint64_t low,
                                                         std::uint64_t high,
                                                         std::uint32_t nanoseconds) {
  sleep_in_one_thread(nanoseconds);
  while (!CudaDevice::converge()) {
  }
  CudaDevice::store_together(to, low, high, true);
}
