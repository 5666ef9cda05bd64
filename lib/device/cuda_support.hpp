// What the CUDA parts of the library share. Only in builds with CUDA.
#pragma once

#include "device_backend.hpp"
#include "status.hpp"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstddef>

namespace causeway {

/// A CUDA call's outcome.
Status cuda_status(const char* call, cudaError_t code);

#define CAUSEWAY_CUDA(call, ...) CAUSEWAY_TRY(cuda_status(#call, call(__VA_ARGS__)))

/// Of a call whose outcome changes nothing: the application's cudaGetLastError does not find it.
inline void ignore(cudaError_t code) {
  if (code != cudaSuccess) cudaGetLastError();
}

/// Makes a GPU current for a scope.
class CurrentGpu {
 public:
  explicit CurrentGpu(int ordinal) : ordinal_(ordinal) {
    ignore(cudaGetDevice(&before_));
    if (before_ != ordinal) ignore(cudaSetDevice(ordinal));
  }
  ~CurrentGpu() {
    if (before_ != ordinal_) ignore(cudaSetDevice(before_));
  }
  CurrentGpu(const CurrentGpu&) = delete;
  CurrentGpu& operator=(const CurrentGpu&) = delete;

 private:
  const int ordinal_;
  int before_ = 0;
};

/// For a scope, calls of this thread that touch no stream neither fail because of the captures of
/// this and other threads nor end them.
class OutsideCaptures {
 public:
  OutsideCaptures() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~OutsideCaptures() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  OutsideCaptures(const OutsideCaptures&) = delete;
  OutsideCaptures& operator=(const OutsideCaptures&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

/// Both for a scope.
class GpuAside {
 public:
  explicit GpuAside(int ordinal) : gpu_(ordinal) {}

 private:
  const CurrentGpu gpu_;
  const OutsideCaptures outside_;
};

/// Says whether work is over: cudaSuccess or cudaErrorNotReady. It asks the driver, because the
/// runtime would leave cudaErrorNotReady where the application has its last error; and no capture
/// of another thread ends for it. A context of the thread is current.
class DriverQueries {
 public:
  Status find();
  cudaError_t ask(cudaStream_t stream) const;
  cudaError_t ask(cudaEvent_t event) const;

  /// What no other stream of the program has or had, or nothing where it cannot be told. A handle
  /// may be another stream's too: cudaStreamPerThread is each thread's own, and that of a stream
  /// that was destroyed may come again. cudaStreamGetId takes 0.3 microseconds, a plan's start 5.
  std::optional<unsigned long long> id_of(cudaStream_t stream) const;

 private:
  CUresult (*ask_of_stream_)(CUstream) = nullptr;
  CUresult (*ask_of_event_)(CUevent) = nullptr;
  CUresult (*id_of_stream_)(CUstream, unsigned long long*) = nullptr;
};

inline constexpr int kNoGpu = -1;

/// The GPU of this process whose own memory this is, or none.
int owner_of(const void* address);

/// The allocation that holds an address of GPU memory.
Status find_range(const void* address, const std::byte** base, std::size_t* bytes);

/// Whether an address is of memory that CUDA IPC can share, which GPUs of one process with peer
/// access address too: cudaMalloc's, not that of pools or of the virtual memory API.
bool is_shareable(const void* address);

/// Copies on a GPU and its stream, from and to memory of any GPU of this process and of the host,
/// and returns when it is done.
Status copy_memory(int gpu, cudaStream_t stream, const BlockCopy& copy);

/// A GPU's name, the same in every process.
GpuId gpu_id_of(const cudaDeviceProp& properties);

/// Why memory of another rank's GPU could not be opened.
Status why_unreachable(const Place& owner, const GpuId& id, cudaError_t code);

}  // namespace causeway
