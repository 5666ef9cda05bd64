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
/// Memory that other processes can open is cudaMalloc's, and goes back when other ranks need not be
/// waited for.
class GpuBytes {
 public:
  enum class Kind { kOwn, kShareable };

  explicit GpuBytes(Kind kind = Kind::kOwn) : kind_(kind) {}
  explicit GpuBytes(std::span<const std::byte> content, Kind kind = Kind::kOwn) : kind_(kind) {
    upload(content);
  }
  ~GpuBytes() { free(); }
  GpuBytes(const GpuBytes&) = delete;
  GpuBytes& operator=(const GpuBytes&) = delete;

  std::span<std::byte> bytes() const { return {memory_, size_}; }

  void upload(std::span<const std::byte> content) {
    if (content.size() > capacity_) {
      free();
      void** const memory = reinterpret_cast<void**>(&memory_);
      if (kind_ == Kind::kShareable) {
        CHECK_CUDA(cudaMalloc(memory, content.size()));
      } else {
        CHECK_CUDA(cudaMallocAsync(memory, content.size(), kStream));
      }
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

  void free() {
    if (memory_ == nullptr) return;
    if (kind_ == Kind::kShareable) {
      CHECK_CUDA(cudaFree(memory_));
    } else {
      CHECK_CUDA(cudaFreeAsync(memory_, kStream));
    }
  }

  void copy(void* to, const void* from) const {
    CHECK_CUDA(cudaMemcpyAsync(to, from, size_, cudaMemcpyDefault, kStream));
    CHECK_CUDA(cudaStreamSynchronize(kStream));
  }

  Kind kind_;
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace causeway::test
