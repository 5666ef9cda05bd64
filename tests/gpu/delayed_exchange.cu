// Exchanges on a CUDA device that waits at random before it publishes or acquires anything, for
// programs of tests that link this.
#include "launchers.hpp"

#include <launch.h>
#include <exchange_cuda.cuh>

namespace causeway::kernels {

namespace {

struct DelayedCudaDevice : device::CudaDevice {
  __device__ static std::uint64_t load_acquire(const std::uint64_t* word) {
    delay();
    return CudaDevice::load_acquire(word);
  }
  __device__ static void store_release(std::uint64_t* word, std::uint64_t value) {
    delay();
    CudaDevice::store_release(word, value);
  }
  __device__ static void store_line(device::LlLine* line, std::uint64_t data, std::uint64_t flag) {
    delay();
    CudaDevice::store_line(line, data, flag);
  }
  __device__ static bool load_line(const device::LlLine* line, std::uint64_t flag,
                                   std::uint64_t& data) {
    delay();
    return CudaDevice::load_line(line, flag, data);
  }
  /// Threads that wait here leave others of their warp to come without them, so that what wide
  /// lines do about that is seen.
  __device__ static bool converge() {
    delay();
    return CudaDevice::converge();
  }

 private:
  /// Nothing mostly, else up to some 4 microseconds, or once in a while 65. By the clock of the
  /// multiprocessor: how finely %globaltimer ticks PTX does not say. A call of its own: inlined
  /// wherever something is published or acquired, it would take longer to compile than all else.
  __device__ __noinline__ static void delay() {
    const long long now = clock64();
    std::uint64_t random = static_cast<std::uint64_t>(now) * 0x9e3779b97f4a7c15U +
                           (blockIdx.x * 1024U + threadIdx.x) * 0xd1b54a32d192ed03U;
    random ^= random >> 32;
    random *= 0xbf58476d1ce4e5b9U;
    random ^= random >> 29;
    if (random % 8 != 0) return;
    const std::uint64_t most = random / 8 % 64 == 0 ? 131072 : 8192;  // cycles
    const auto until = now + static_cast<long long>((random >> 20) % most);
    while (clock64() < until) __nanosleep(100);
  }
};

/// The stress has no layouts and few ranks; kernels for others would only take time to compile.
using Networked = device::WithPostRing<DelayedCudaDevice>;

int launch_delayed(const ExchangeArgs& args, const WorkLists& lists, void* stream) {
  if (args.layouts != nullptr || !has_inline_lists(args)) return cudaErrorNotSupported;
  const auto launch = args.comm.control.port == nullptr
                          ? impl::launch_inline<DelayedCudaDevice, false>
                          : impl::launch_inline<Networked, false>;
  return launch(args, lists, stream);
}

int load_delayed() {
  const int code = impl::load_inline<DelayedCudaDevice, false>();
  return code != cudaSuccess ? code : impl::load_inline<Networked, false>();
}

[[maybe_unused]] const bool set = [] {
  test::launchers().cuda = launch_delayed;
  test::launchers().load_cuda = load_delayed;
  return true;
}();

}  // namespace

}  // namespace causeway::kernels
