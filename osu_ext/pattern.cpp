// Which rank sends how much to which, and where the blocks lie in a buffer.
#include "pattern.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace causeway::osu {
namespace {

/// Blocks begin on their own cache line, as separately allocated ones would.
constexpr std::size_t kBlockAlignment = 64;
constexpr std::size_t kMostPadding = kBlockAlignment + kGuardBytes;

constexpr std::size_t rounded_up(std::size_t bytes) {
  return (bytes + kBlockAlignment - 1) / kBlockAlignment * kBlockAlignment;
}

bool pair_is_empty(const Pattern& pattern, int source, int destination) {
  if (pattern.symmetric && source > destination) {
    std::swap(source, destination);
  }
  const std::uint64_t pair =
      (static_cast<std::uint64_t>(source) << 32) | static_cast<std::uint32_t>(destination);
  const std::uint64_t chance = scrambled(scrambled(pattern.seed) ^ pair);
  // The upper 53 bits are what a double holds exactly; the quotient is in [0, 1).
  return static_cast<double>(chance >> 11) * 0x1p-53 < pattern.sparsity;
}

Blocks laid_out(const std::vector<std::size_t>& elements, std::size_t element_bytes) {
  Blocks blocks;
  std::size_t offset = kGuardBytes;
  for (const std::size_t count : elements) {
    const std::size_t bytes = count * element_bytes;
    blocks.counts.push_back(static_cast<int>(count));
    blocks.displacements.push_back(static_cast<int>(offset / element_bytes));
    blocks.bytes.push_back(bytes);
    blocks.offsets.push_back(offset);
    offset += rounded_up(bytes) + kGuardBytes;
  }
  blocks.extent = offset;
  return blocks;
}

}  // namespace

std::uint64_t scrambled(std::uint64_t value) {
  // The output function of splitmix64 (Steele, Lea and Flood): a bijection that spreads every bit.
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::size_t elements_between(const Pattern& pattern, int source, int destination,
                             std::size_t bytes_per_peer, std::size_t element_bytes) {
  if (pair_is_empty(pattern, source, destination)) {
    return 0;
  }
  const int hops = (destination - source + pattern.ranks) % pattern.ranks;
  const double level = pattern.by_distance ? 0.0 : 1.0;
  const double slope = pattern.by_distance ? 1.0 : pattern.skew;
  const double weight = level + slope * hops;
  const double mean_weight = level + slope * (pattern.ranks - 1) / 2.0;
  const double share = weight > 0.0 ? weight / mean_weight : 0.0;
  return static_cast<std::size_t>(
      std::floor(static_cast<double>(bytes_per_peer) * share / static_cast<double>(element_bytes)));
}

std::size_t extent_bound(int ranks, std::size_t bytes_per_peer) {
  // Shares add up to one size per peer, whatever the skew.
  return static_cast<std::size_t>(ranks) * (bytes_per_peer + kMostPadding) + kGuardBytes;
}

std::size_t largest_addressable(int ranks) {
  constexpr std::size_t kMostExtent = std::numeric_limits<int>::max();
  const std::size_t per_peer = (kMostExtent - kGuardBytes) / static_cast<std::size_t>(ranks);
  return per_peer > kMostPadding ? per_peer - kMostPadding : 0;
}

Blocks blocks_sent(const Pattern& pattern, int rank, std::size_t bytes_per_peer,
                   std::size_t element_bytes) {
  std::vector<std::size_t> elements;
  for (int peer = 0; peer < pattern.ranks; ++peer) {
    elements.push_back(elements_between(pattern, rank, peer, bytes_per_peer, element_bytes));
  }
  return laid_out(elements, element_bytes);
}

Blocks blocks_received(const Pattern& pattern, int rank, std::size_t bytes_per_peer,
                       std::size_t element_bytes) {
  std::vector<std::size_t> elements;
  for (int peer = 0; peer < pattern.ranks; ++peer) {
    elements.push_back(elements_between(pattern, peer, rank, bytes_per_peer, element_bytes));
  }
  return laid_out(elements, element_bytes);
}

}  // namespace causeway::osu
