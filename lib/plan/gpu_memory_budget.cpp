// How much of a GPU's memory channels take where the user does not say. Pure: no MPI, no device.
#include "gpu_memory_budget.hpp"

#include "schedule.hpp"

#include <algorithm>
#include <bit>

namespace causeway {

namespace {

/// Rings of a rank take up to this much GPU memory together. Large rings have large pieces, whose
/// first and last pass alone; small ones wait more often, which counts where there are few: with 8
/// thread blocks rings of 4 MiB are 1.35 times as fast as rings of 512 KiB.
constexpr std::uint64_t kRingBudget = std::uint64_t{256} << 20;
constexpr std::uint64_t kLeastRing = std::uint64_t{64} << 10;
constexpr std::uint64_t kMostRing = std::uint64_t{512} << 10;
constexpr std::uint64_t kFewRings = 32;
constexpr std::uint64_t kMostOfFewRings = std::uint64_t{4} << 20;
/// Lines of a rank take up to this much together: two slots of a peer, in which data and flags take
/// twice the bytes, and two buffers for hooks. On H200s larger messages are slower in lines.
constexpr std::uint64_t kLineBudget = std::uint64_t{64} << 20;
constexpr std::uint64_t kLineCopies = 6;
constexpr std::uint64_t kLeastLines = std::uint64_t{4} << 10;
constexpr std::uint64_t kMostLines = std::uint64_t{256} << 10;
/// And lines of ll128 so much: the same two slots and buffers of each lane, but 16 bytes of a slot
/// are 15 of data, so that they are 62 / 15 of it.
constexpr std::uint64_t kLl128Budget = std::uint64_t{256} << 20;
constexpr std::uint64_t kLeastLl128 = std::uint64_t{64} << 10;
constexpr std::uint64_t kMostLl128 = std::uint64_t{8} << 20;

}  // namespace

std::uint64_t gpu_ring_bytes(std::uint64_t rings) {
  return std::clamp(std::bit_floor(kRingBudget / rings), kLeastRing,
                    rings <= kFewRings ? kMostOfFewRings : kMostRing);
}

std::uint64_t gpu_ll_bytes(std::uint64_t ranks) {
  return std::clamp(std::bit_floor(kLineBudget / (kLineCopies * ranks)), kLeastLines, kMostLines);
}

std::uint64_t gpu_ll128_bytes(std::uint64_t ranks, std::uint64_t lanes) {
  std::uint64_t bytes = kMostLl128;
  const auto all = [&] { return ranks * lanes * ll128_bytes_for(bytes, lanes); };
  while (bytes > kLeastLl128 && all() > kLl128Budget / 62 * 15) bytes /= 2;
  return bytes;
}

}  // namespace causeway
