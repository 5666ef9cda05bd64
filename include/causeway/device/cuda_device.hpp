// The CUDA device: threads of a kernel over memory of their own and of their peers' GPUs.
#pragma once

#if defined(__CUDACC__)

#include <causeway/device/group.hpp>
#include <causeway/device/wait.hpp>

namespace causeway::device {

/// Memory order, copies and waiting in kernels. Release and acquire have system scope: the other
/// side is another GPU, or a host thread. Words are naturally aligned.
struct CudaDevice {
  __device__ static std::uint64_t load_acquire(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.acquire.sys.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
  }
  __device__ static void store_release(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.release.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
  }
  /// True for the one caller that turns 0 into 1.
  __device__ static bool claim(std::uint32_t* word) { return atomicCAS(word, 0U, 1U) == 0U; }

  /// Copies bytes of non-overlapping memory with all threads of the group, in the widest vectors
  /// that source and destination can both be aligned to.
  template <Group G>
  __device__ static void copy(const G& group, void* to, const void* from, std::uint64_t bytes) {
    const auto apart =
        reinterpret_cast<std::uintptr_t>(to) ^ reinterpret_cast<std::uintptr_t>(from);
    auto* out = static_cast<unsigned char*>(to);
    const auto* in = static_cast<const unsigned char*>(from);
    if (apart % 16 == 0) {
      copy_vectors<uint4>(group, out, in, bytes);
    } else if (apart % 8 == 0) {
      copy_vectors<std::uint64_t>(group, out, in, bytes);
    } else if (apart % 4 == 0) {
      copy_vectors<std::uint32_t>(group, out, in, bytes);
    } else {
      copy_vectors<unsigned char>(group, out, in, bytes);
    }
  }

  /// Polls without pause, and looks at the abort word and the clock now and then.
  class Pacer {
   public:
    __device__ explicit Pacer(const WaitControl& control) : control_(control) {}

    __device__ Fault pause() {
      if (++rounds_ % kPollsPerLook != 0) return Fault::kNone;
      if (load_acquire(control_.abort_word) != 0) return Fault::kAborted;
      if (control_.timeout_ns == 0) return Fault::kNone;
      const std::uint64_t now = nanoseconds();
      if (since_ == 0) since_ = now;
      return now - since_ > control_.timeout_ns ? Fault::kTimedOut : Fault::kNone;
    }

   private:
    static constexpr std::uint32_t kPollsPerLook = 1024;

    __device__ static std::uint64_t nanoseconds() {
      std::uint64_t time;
      asm volatile("mov.u64 %0, %globaltimer;" : "=l"(time));
      return time;
    }

    const WaitControl& control_;
    std::uint64_t since_ = 0;
    std::uint32_t rounds_ = 0;
  };

 private:
  template <class Vector, Group G>
  __device__ static void copy_vectors(const G& group, unsigned char* out, const unsigned char* in,
                                      std::uint64_t bytes) {
    constexpr std::uint64_t kWidth = sizeof(Vector);
    constexpr int kInFlight = 4;
    const std::uint64_t threads = group.size();
    const std::uint64_t me = group.rank();
    const std::uint64_t head =
        smaller<std::uint64_t>(bytes, (0 - reinterpret_cast<std::uintptr_t>(out)) % kWidth);
    for (std::uint64_t i = me; i < head; i += threads) out[i] = in[i];
    const std::uint64_t vectors = (bytes - head) / kWidth;
    auto* to = reinterpret_cast<Vector*>(out + head);
    const auto* from = reinterpret_cast<const Vector*>(in + head);
    std::uint64_t i = me;
    for (; i + (kInFlight - 1) * threads < vectors; i += kInFlight * threads) {
      Vector held[kInFlight];
#pragma unroll
      for (int j = 0; j < kInFlight; ++j) held[j] = from[i + j * threads];
#pragma unroll
      for (int j = 0; j < kInFlight; ++j) to[i + j * threads] = held[j];
    }
    for (; i < vectors; i += threads) to[i] = from[i];
    for (i = head + vectors * kWidth + me; i < bytes; i += threads) out[i] = in[i];
  }
};

}  // namespace causeway::device

#endif
