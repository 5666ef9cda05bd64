// Which rank sends how much to which, and where the blocks lie in a buffer.
#include "pattern.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
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

Blocks laid_out(std::vector<End> ends, const std::vector<std::size_t>& elements,
                std::size_t element_bytes, Spacing spacing) {
  Blocks blocks;
  std::size_t offset = kGuardBytes;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::size_t bytes = elements[i] * element_bytes;
    blocks.counts.push_back(static_cast<int>(elements[i]));
    blocks.displacements.push_back(static_cast<int>(offset / element_bytes));
    blocks.bytes.push_back(ends[i].rank == kNobody ? 0 : bytes);
    blocks.offsets.push_back(offset);
    blocks.by_occurrence.push_back(i);
    offset += spacing == Spacing::kGuarded ? rounded_up(bytes) + kGuardBytes : bytes;
  }
  blocks.extent = spacing == Spacing::kGuarded ? offset : offset + kGuardBytes;
  std::ranges::stable_sort(blocks.by_occurrence, {},
                           [&](std::size_t i) { return ends[i].occurrence; });
  blocks.ends = std::move(ends);
  return blocks;
}

/// Of a matrix.
std::uint64_t at(const Pattern& pattern, int source, int destination) {
  const auto ranks = static_cast<std::size_t>(pattern.ranks);
  return pattern
      .matrix[static_cast<std::size_t>(source) * ranks + static_cast<std::size_t>(destination)];
}

/// All bytes of a matrix. Exact up to 2^64 where a long double holds that many, as on x86 and ARM.
long double total(const Pattern& pattern) {
  return std::accumulate(
      pattern.matrix.begin(), pattern.matrix.end(), 0.0L,
      [](long double sum, std::uint64_t bytes) { return sum + static_cast<long double>(bytes); });
}

long double pairs(const Pattern& pattern) {
  return static_cast<long double>(pattern.ranks) * pattern.ranks;
}

/// What the rank that sends or receives most moves, in parts of the mean per rank. At least 1.
double heaviest_load(const Pattern& pattern) {
  // The shares of all peers add up to one size per peer, whatever the skew.
  if (pattern.matrix.empty()) {
    return 1.0;
  }
  long double most = 0.0;
  for (int rank = 0; rank < pattern.ranks; ++rank) {
    long double sent = 0.0;
    long double received = 0.0;
    for (int peer = 0; peer < pattern.ranks; ++peer) {
      sent += static_cast<long double>(at(pattern, rank, peer));
      received += static_cast<long double>(at(pattern, peer, rank));
    }
    most = std::max({most, sent, received});
  }
  return static_cast<double>(most * pattern.ranks / total(pattern));
}

std::size_t bytes_of_matrix(const Pattern& pattern, int source, int destination,
                            std::size_t bytes_per_peer) {
  const std::uint64_t bytes = at(pattern, source, destination);
  if (!pattern.matrix_is_scaled) {
    return bytes;
  }
  // One division, last, so that what comes out even is not a byte short.
  return static_cast<std::size_t>(static_cast<long double>(bytes) * pairs(pattern) *
                                  static_cast<long double>(bytes_per_peer) / total(pattern));
}

}  // namespace

std::size_t mean_of_matrix(const Pattern& pattern) {
  return static_cast<std::size_t>(std::ceil(total(pattern) / pairs(pattern)));
}

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
  if (!pattern.matrix.empty()) {
    return bytes_of_matrix(pattern, source, destination, bytes_per_peer) / element_bytes;
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

std::size_t extent_bound(const Pattern& pattern, std::size_t bytes_per_peer) {
  const auto heaviest = static_cast<std::size_t>(
      std::ceil(static_cast<double>(bytes_per_peer) * heaviest_load(pattern)));
  return blocks_each_way(pattern) * (heaviest + kMostPadding) + kGuardBytes;
}

std::size_t largest_within(const Pattern& pattern, std::size_t limit) {
  return static_cast<std::size_t>(static_cast<double>(limit) /
                                  static_cast<double>(blocks_each_way(pattern)) /
                                  heaviest_load(pattern));
}

std::size_t largest_addressable(const Pattern& pattern) {
  constexpr std::size_t kMostExtent = std::numeric_limits<int>::max();
  // A byte for each block's share rounded up.
  const std::size_t guards = blocks_each_way(pattern) * (kMostPadding + 1) + kGuardBytes;
  return guards < kMostExtent ? largest_within(pattern, kMostExtent - guards) : 0;
}

Blocks blocks_sent(const Pattern& pattern, int rank, std::size_t bytes_per_peer,
                   std::size_t element_bytes, Spacing spacing) {
  std::vector<End> ends = ends_sent(pattern, rank);
  std::vector<std::size_t> elements;
  for (const End& end : ends) {
    elements.push_back(elements_between(pattern, rank, end.rank, bytes_per_peer, element_bytes));
  }
  return laid_out(std::move(ends), elements, element_bytes, spacing);
}

Blocks blocks_received(const Pattern& pattern, int rank, std::size_t bytes_per_peer,
                       std::size_t element_bytes, Spacing spacing) {
  std::vector<End> ends = ends_received(pattern, rank);
  std::vector<std::size_t> elements;
  for (const End& end : ends) {
    elements.push_back(elements_between(pattern, end.rank, rank, bytes_per_peer, element_bytes));
  }
  return laid_out(std::move(ends), elements, element_bytes, spacing);
}

}  // namespace causeway::osu
