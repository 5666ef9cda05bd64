// The CUDA device: threads of a kernel over memory of their own and of their peers' GPUs.
#pragma once

#if defined(__CUDACC__)

#include <causeway/device/channel.hpp>
#include <causeway/device/group.hpp>
#include <causeway/device/wait.hpp>

namespace causeway::device {

/// Memory order, copies and waiting in kernels. Release and acquire have system scope: the other
/// side is another GPU, or a host thread. Words are naturally aligned.
struct CudaDevice {
  /// Polls of the expected word between two checks for the alternatives, which cost more.
  static constexpr std::uint32_t kRoundsPerLook = 4;

  __device__ static std::uint64_t load_acquire(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.acquire.sys.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
  }
  __device__ static void store_release(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.release.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
  }
  /// A word that this rank's threads share. What one launch stores the next one sees; within a
  /// launch all that depends on the value is whether to store, and stores wait for that.
  __device__ static std::uint64_t load_near(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.relaxed.gpu.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
  }
  /// The same, but it may come out of this multiprocessor's cache: an older value is good enough,
  /// and aligned words are read whole.
  __device__ static std::uint64_t load_cached(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
  }
  __device__ static void store_near(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.relaxed.gpu.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
  }
  /// A word that another rank stores, after an acquire of what released it.
  __device__ static std::uint64_t load_far(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.relaxed.sys.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
  }
  /// A word of another rank's that a later release makes known.
  __device__ static void store_far(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.relaxed.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
  }
  /// One access of 128 bits, which PTX has single: the flag comes with the data.
  __device__ static void store_line(LlLine* line, std::uint64_t data, std::uint64_t flag) {
    store_pair(line, data, flag);
  }
  /// True, with the line's data, when it has that flag.
  __device__ static bool load_line(const LlLine* line, std::uint64_t flag, std::uint64_t& data) {
    std::uint64_t seen;
    load_pair(line, data, seen);
    return seen == flag;
  }
  /// Brings the threads of a warp, all of which call it, to the same instruction: true when they
  /// are there, so that each access that follows is one of all of them, up to the next branch.
  /// False for threads that came without the others; they are to call it again. __syncwarp() alone
  /// does not do it: behind a function in which one thread called __nanosleep() nvcc 13.0 makes
  /// nothing of it, and on H100s the others go on without that thread.
  __device__ static bool converge() {
    __syncwarp();
    unsigned together;
    asm volatile("activemask.b32 %0;" : "=r"(together)::"memory");
    return together == kWarp;
  }
  /// Neighbours in a converged warp store 16 bytes each to neighbouring places, those that take
  /// part. What goes into one line of memory goes in one access.
  __device__ static void store_together(std::uint64_t* to, std::uint64_t low, std::uint64_t high,
                                        bool takes_part) {
    // Nothing for threads that are together; but stores stay behind it, so that the first does not
    // wait for what later ones store.
    __syncwarp();
    // Predicated: no branch parts the threads.
    asm volatile(
        "{ .reg .pred takes; .reg .b128 both; setp.ne.u32 takes, %3, 0; mov.b128 both, {%1, %2}; "
        "@takes st.relaxed.sys.b128 [%0], both; }" ::"l"(to),
        "l"(low), "l"(high), "r"(static_cast<unsigned>(takes_part))
        : "memory");
  }
  /// The same for loads, in which all take part.
  __device__ static void load_together(const std::uint64_t* from, std::uint64_t& low,
                                       std::uint64_t& high) {
    load_pair(from, low, high);
  }
  /// Whether something is so for all threads of the warp, all of which call it.
  __device__ static bool all_of_warp(bool mine) { return __all_sync(kWarp, mine) != 0; }
  /// A fault of any thread of the warp, for all of them.
  __device__ static Fault fault_of_warp(Fault mine) {
    const unsigned found = __ballot_sync(kWarp, mine != Fault::kNone);
    if (found == 0) return Fault::kNone;
    return static_cast<Fault>(__shfl_sync(kWarp, static_cast<unsigned>(mine), __ffs(found) - 1));
  }
  /// Adds, and returns what was there before. Several threads of this GPU may, at the same time.
  __device__ static std::uint64_t add(std::uint64_t* word, std::uint64_t value) {
    static_assert(sizeof(unsigned long long) == sizeof *word);
    return atomicAdd(reinterpret_cast<unsigned long long*>(word), value);
  }
  /// True for the one caller that turns 0 into 1.
  __device__ static bool claim(std::uint32_t* word) { return atomicCAS(word, 0U, 1U) == 0U; }

  /// Copies bytes of non-overlapping memory with all threads of the group, from and to any
  /// alignment. It reads and writes nothing but these bytes.
  template <Group G>
  __device__ static void copy(const G& group, void* to, const void* from, std::uint64_t bytes) {
    copy_bytes(group.rank(), group.size(), static_cast<unsigned char*>(to),
               static_cast<const unsigned char*>(from), bytes);
  }

  /// A clock that all threads share.
  __device__ static std::uint64_t nanoseconds() {
    std::uint64_t time;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(time));
    return time;
  }

  /// Polls without pause, and looks at the abort word and the clock now and then.
  class Pacer {
   public:
    __device__ explicit Pacer(const WaitControl& control) : control_(control) {}

    __device__ Fault pause() {
      if (++rounds_ % kPollsPerLook != 0) return Fault::kNone;
      const Look look = look_up(control_, since_);
      since_ = look.since;
      return look.fault;
    }

   private:
    static constexpr std::uint32_t kPollsPerLook = 1024;

    struct Look {
      std::uint64_t since;
      Fault fault;
    };
    /// Out of the way of the loops that wait.
    __device__ __noinline__ static Look look_up(const WaitControl& control, std::uint64_t since) {
      if (load_acquire(control.abort_word) != 0) return {since, Fault::kAborted};
      if (control.timeout_ns == 0) return {since, Fault::kNone};
      const std::uint64_t now = nanoseconds();
      if (since == 0) since = now;
      return {since, now - since > control.timeout_ns ? Fault::kTimedOut : Fault::kNone};
    }

    const WaitControl& control_;
    std::uint64_t since_ = 0;
    std::uint32_t rounds_ = 0;
  };

 private:
  static constexpr unsigned kWarp = 0xffffffffU;

  __device__ static void store_pair(void* to, std::uint64_t low, std::uint64_t high) {
    asm volatile(
        "{ .reg .b128 both; mov.b128 both, {%1, %2}; st.relaxed.sys.b128 [%0], both; }" ::"l"(to),
        "l"(low), "l"(high)
        : "memory");
  }
  __device__ static void load_pair(const void* from, std::uint64_t& low, std::uint64_t& high) {
    asm volatile("{ .reg .b128 both; ld.relaxed.sys.b128 both, [%2]; mov.b128 {%0, %1}, both; }"
                 : "=l"(low), "=l"(high)
                 : "l"(from)
                 : "memory");
  }

  /// A lane loads this many vectors of 16 bytes before it stores the first. On H200 it takes 4 and
  /// 512 threads to keep an SM's loads in flight; with 256, 8 are no faster up to 64 MiB.
  static constexpr std::uint32_t kInFlight = 4;
  static constexpr std::uint32_t kLanes = 32;

  /// A call of its own, so that the copy loops have all registers whatever the caller keeps in
  /// them.
  __device__ __noinline__ static void copy_bytes(std::uint32_t rank, std::uint32_t threads,
                                                 unsigned char* to, const unsigned char* from,
                                                 std::uint64_t bytes) {
    constexpr std::uint32_t kWidth = sizeof(uint4);
    // Rows of stores that fill whole lines: a line in two parts costs a packet more on NVLink.
    auto head = static_cast<std::uint32_t>((0 - reinterpret_cast<std::uintptr_t>(to)) % kLineBytes);
    const auto shift =
        static_cast<std::uint32_t>((reinterpret_cast<std::uintptr_t>(from) + head) % kWidth);
    // The vectors loaded begin `shift` bytes before those stored, and lie inside the source.
    if (head < shift) head += kLineBytes;
    const std::uint64_t around = head + (shift == 0 ? 0 : kWidth - shift);
    const std::uint64_t vectors = bytes < around ? 0 : (bytes - around) / kWidth;
    if (vectors == 0) head = 0;
    auto* const out = reinterpret_cast<uint4*>(to + head);
    const auto* const in = reinterpret_cast<const uint4*>(from + head - shift);
    // What is left before and behind the vectors, less than 300 bytes, is loaded ahead of them.
    const auto edges = static_cast<std::uint32_t>(bytes - vectors * kWidth);
    const auto edge = [=](std::uint32_t i) { return i < head ? i : vectors * kWidth + i; };
    unsigned char early = 0;
    if (rank < edges) early = from[edge(rank)];
    if (shift == 0) {
      copy_vectors(rank, threads, out, vectors, [in](std::uint64_t i) { return in[i]; });
    } else {
      copy_vectors(rank, threads, out, vectors, [in, shift](std::uint64_t i) {
        return Pair{in[i], in[i + 1], shift};
      });
    }
    if (rank < edges) to[edge(rank)] = early;
    for (std::uint32_t i = rank + threads; i < edges; i += threads) to[edge(i)] = from[edge(i)];
  }

  /// Stores load(i), a vector or what converts to one, in out[i]. Whole warps take tiles of
  /// kInFlight rows of kLanes vectors in turn, of which only the last can be cut short.
  template <class Load>
  __device__ static void copy_vectors(std::uint32_t rank, std::uint32_t threads, uint4* out,
                                      std::uint64_t vectors, const Load& load) {
    if (threads % kLanes != 0) {
      for (std::uint64_t i = rank; i < vectors; i += threads) out[i] = load(i);
      return;
    }
    constexpr std::uint32_t kTile = kInFlight * kLanes;
    const std::uint32_t lane = rank % kLanes;
    std::uint64_t i = rank / kLanes * kTile + lane;
    for (; i - lane + kTile <= vectors; i += std::uint64_t{kInFlight} * threads) {
      decltype(load(i)) held[kInFlight];
#pragma unroll
      for (std::uint32_t j = 0; j < kInFlight; ++j) held[j] = load(i + j * kLanes);
#pragma unroll
      for (std::uint32_t j = 0; j < kInFlight; ++j) out[i + j * kLanes] = held[j];
    }
    if (i - lane >= vectors) return;
    // Rows past the end load the last vector once more.
    decltype(load(i)) held[kInFlight];
#pragma unroll
    for (std::uint32_t j = 0; j < kInFlight; ++j) {
      held[j] = load(smaller<std::uint64_t>(i + j * kLanes, vectors - 1));
    }
#pragma unroll
    for (std::uint32_t j = 0; j < kInFlight; ++j) {
      if (i + j * kLanes < vectors) out[i + j * kLanes] = held[j];
    }
  }

  /// The 16 bytes that begin `shift` bytes, 1 to 15, into the 32 bytes of two vectors.
  struct Pair {
    uint4 low;
    uint4 high;
    std::uint32_t shift;

    __device__ operator uint4() const {
      uint4 a = low;
      uint2 b = {high.x, high.y};
      if ((shift & 8) != 0) {
        a = {low.z, low.w, high.x, high.y};
        b = {high.z, high.w};
      }
      if ((shift & 4) != 0) {
        a = {a.y, a.z, a.w, b.x};
        b.x = b.y;
      }
      const std::uint32_t bits = shift % 4 * 8;
      return {__funnelshift_r(a.x, a.y, bits), __funnelshift_r(a.y, a.z, bits),
              __funnelshift_r(a.z, a.w, bits), __funnelshift_r(a.w, b.x, bits)};
    }
  };
};

}  // namespace causeway::device

#endif
