// Groups: the threads that do one thing together.
#pragma once

#include <causeway/device/platform.hpp>

#include <concepts>

namespace causeway::device {

/// Words that a group's leader gives to all.
struct Words {
  std::uint64_t word[2];
};

/// Threads that enter a call together. rank() is 0 .. size()-1, and rank 0 leads. sync() is a
/// barrier of these threads alone that also makes their earlier writes visible to each other.
/// broadcast(v) gives every thread the leader's v, one word or several, and is a barrier too, as
/// is all(b), which is true when b is for all threads.
template <class G>
concept Group = requires(const G& group, std::uint64_t value, const Words& words) {
  { group.rank() } -> std::convertible_to<std::uint32_t>;
  { group.size() } -> std::convertible_to<std::uint32_t>;
  group.sync();
  { group.broadcast(value) } -> std::same_as<std::uint64_t>;
  { group.broadcast(words) } -> std::same_as<Words>;
  { group.all(true) } -> std::same_as<bool>;
};

/// Groups that come in whole warps, the threads of which go together.
template <class G>
concept InWarps = G::kInWarps;

/// One thread, on any device; the host device's groups are all of this kind.
struct ThreadGroup {
  static constexpr bool kInWarps = false;
  CAUSEWAY_FN constexpr std::uint32_t rank() const { return 0; }
  CAUSEWAY_FN constexpr std::uint32_t size() const { return 1; }
  CAUSEWAY_FN constexpr void sync() const {}
  CAUSEWAY_FN constexpr std::uint64_t broadcast(std::uint64_t value) const { return value; }
  CAUSEWAY_FN constexpr Words broadcast(const Words& words) const { return words; }
  CAUSEWAY_FN constexpr bool all(bool mine) const { return mine; }
};

#if defined(__CUDACC__)

/// The 32 threads of a warp.
struct WarpGroup {
  static constexpr bool kInWarps = true;
  __device__ std::uint32_t rank() const { return threadIdx.x % 32; }
  __device__ std::uint32_t size() const { return 32; }
  __device__ void sync() const { __syncwarp(); }
  __device__ std::uint64_t broadcast(std::uint64_t value) const {
    return __shfl_sync(0xffffffffu, value, 0);
  }
  __device__ Words broadcast(const Words& words) const {
    return {broadcast(words.word[0]), broadcast(words.word[1])};
  }
  __device__ bool all(bool mine) const { return __all_sync(0xffffffffu, mine) != 0; }
};

/// Consecutive warps of a block, up to the whole of it, that meet at a named barrier of their own:
/// ids 1 to 15; id 0 is the whole block's. `slot` and `near` are shared memory that is theirs
/// alone.
struct WarpsGroup {
  static constexpr bool kInWarps = true;

  std::uint32_t barrier;
  std::uint32_t first_thread;
  std::uint32_t threads;  ///< a multiple of 32
  Words* slot;
  std::byte* near;  ///< kNearBytes, see near.hpp

  __device__ void copy_near(std::uint64_t* to, const std::uint64_t* from) const {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(
                     static_cast<unsigned>(__cvta_generic_to_shared(to))),
                 "l"(from)
                 : "memory");
  }
  __device__ void await_near() const { asm volatile("cp.async.wait_all;" ::: "memory"); }
  __device__ std::uint32_t rank() const { return threadIdx.x - first_thread; }
  __device__ std::uint32_t size() const { return threads; }
  __device__ void sync() const {
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
  }
  __device__ std::uint64_t broadcast(std::uint64_t value) const {
    if (rank() == 0) slot->word[0] = value;
    sync();
    const std::uint64_t result = slot->word[0];
    sync();
    return result;
  }
  __device__ Words broadcast(const Words& words) const {
    if (rank() == 0) *slot = words;
    sync();
    const Words result = *slot;
    sync();
    return result;
  }
  __device__ bool all(bool mine) const {
    std::uint32_t result;
    asm volatile(
        "{ .reg .pred mine, all; setp.ne.u32 mine, %3, 0; bar.red.and.pred all, %1, %2, mine; "
        "selp.u32 %0, 1, 0, all; }"
        : "=r"(result)
        : "r"(barrier), "r"(threads), "r"(mine ? 1U : 0U)
        : "memory");
    return result != 0;
  }
};

#endif

}  // namespace causeway::device
