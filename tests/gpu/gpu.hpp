// GPUs and their memory, as tests use them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>

namespace causeway::test {

/// Ends the program when a call of CUDA fails: nothing that follows would mean anything.
inline void check_cuda(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(code));
  std::abort();
}
#define CHECK_CUDA(call) ::causeway::test::check_cuda(call, #call)

inline int gpus() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

/// False, having printed the line that CTest takes for a skipped test, where there is no GPU.
inline bool has_gpu() {
  if (gpus() > 0) return true;
  std::printf("SKIPPED: no GPU on this machine (%s)\n", cudaGetErrorString(cudaGetLastError()));
  return false;
}

/// Makes GPU number `rank`, counted around, current on the calling thread.
inline void use_gpu(int rank) { CHECK_CUDA(cudaSetDevice(rank % gpus())); }

/// Bytes on the current GPU, which stays the same. All is done on the calling thread's own stream:
/// what waits for the whole GPU would wait for other ranks' kernels, and these for this rank.
class GpuBytes {
 public:
  GpuBytes() = default;
  explicit GpuBytes(std::span<const std::byte> content) { upload(content); }
  ~GpuBytes() {
    if (memory_ != nullptr) CHECK_CUDA(cudaFreeAsync(memory_, kStream));
  }
  GpuBytes(const GpuBytes&) = delete;
  GpuBytes& operator=(const GpuBytes&) = delete;

  std::span<std::byte> bytes() const { return {memory_, size_}; }

  void upload(std::span<const std::byte> content) {
    if (content.size() > capacity_) {
      if (memory_ != nullptr) CHECK_CUDA(cudaFreeAsync(memory_, kStream));
      CHECK_CUDA(cudaMallocAsync(reinterpret_cast<void**>(&memory_), content.size(), kStream));
      capacity_ = content.size();
    }
    size_ = content.size();
    copy(memory_, content.data());
  }
  /// Into as many bytes as were uploaded.
  void download(std::span<std::byte> content) const { copy(content.data(), memory_); }

  void fill(std::byte value) {
    CHECK_CUDA(cudaMemsetAsync(memory_, std::to_integer<int>(value), size_, kStream));
    CHECK_CUDA(cudaStreamSynchronize(kStream));
  }

 private:
  static inline const cudaStream_t kStream = cudaStreamPerThread;

  void copy(void* to, const void* from) const {
    CHECK_CUDA(cudaMemcpyAsync(to, from, size_, cudaMemcpyDefault, kStream));
    CHECK_CUDA(cudaStreamSynchronize(kStream));
  }

  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace causeway::test
