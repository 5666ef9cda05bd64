// Which compiler and which side of it the device headers are being compiled for.
#pragma once

#include <cstddef>
#include <cstdint>

/// CAUSEWAY_FN marks a function that every device may call. CAUSEWAY_TEMPLATE stands before the
/// `template` of one that calls the functions of its Device parameter: nvcc then checks the calls
/// of each instantiation, not those that the template could make.
/// CAUSEWAY_CALL keeps a function out of its callers, so that its loops have all registers, and the
/// callers' usual way lies together: a GPU waits where it jumps to code that it has not fetched
/// yet. CAUSEWAY_UNROLL keeps what a loop indexes in registers.
#if defined(__CUDA_ARCH__)
#define CAUSEWAY_UNROLL _Pragma("unroll")
#else
#define CAUSEWAY_UNROLL
#endif
#if defined(__CUDACC__)
#define CAUSEWAY_CALL __noinline__
#define CAUSEWAY_FN __host__ __device__
#define CAUSEWAY_TEMPLATE _Pragma("nv_exec_check_disable")
#else
#define CAUSEWAY_CALL
#define CAUSEWAY_FN
#define CAUSEWAY_TEMPLATE
#endif

namespace causeway::device {

/// Memory that different ranks write is kept this far apart: the line that GPUs and CPUs fetch
/// whole (128 bytes on NVIDIA GPUs; two 64-byte lines on CPUs that prefetch in pairs).
inline constexpr std::size_t kLineBytes = 128;

/// Payload in a ring begins and is padded to this: the widest store of a GPU thread.
inline constexpr std::uint64_t kPayloadAlign = 16;

CAUSEWAY_FN constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

CAUSEWAY_FN constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t unit) {
  return value / unit * unit;
}

template <class T>
CAUSEWAY_FN constexpr T smaller(T a, T b) {
  return b < a ? b : a;
}

}  // namespace causeway::device
