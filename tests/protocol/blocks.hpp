// Blocks of an alltoallv whose every byte is known: filled by the sender, checked by the receiver.
#pragma once

#include <extent.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace causeway::test {

using Random = std::mt19937_64;

/// counts[source][destination], in bytes.
using Counts = std::vector<std::vector<std::uint64_t>>;

/// A number from 0 to most whose logarithm is spread evenly; 0 as often as any power of two.
inline std::uint64_t log_uniform(Random& random, std::uint64_t most) {
  int bits = 0;
  while (bits < 63 && (most >> bits) != 0) ++bits;
  const std::uint64_t chosen = random() % (static_cast<std::uint64_t>(bits) + 1);
  if (chosen == 0) return 0;
  const std::uint64_t low = std::uint64_t{1} << (chosen - 1);
  const std::uint64_t value = low + random() % low;
  return value > most ? most : value;
}

inline Counts random_counts(Random& random, int ranks, std::uint64_t most) {
  Counts counts(static_cast<std::size_t>(ranks));
  for (auto& row : counts) {
    for (int i = 0; i < ranks; ++i) row.push_back(log_uniform(random, most));
  }
  return counts;
}

/// Writes what `source` sends `destination` in exchange `exchange`. A word at a time: sanitizers
/// make each access dear.
inline void write_expected(std::byte* to, std::uint64_t bytes, std::uint64_t exchange,
                           std::uint64_t source, std::uint64_t destination) {
  const std::uint64_t pair = (exchange * 64 + source) * 64 + destination;
  const auto word = [&](std::uint64_t index) {
    std::uint64_t x = (pair * 0x9e3779b97f4a7c15U) ^ index * 0xd1b54a32d192ed03U;
    x ^= x >> 29;
    return x * 0xbf58476d1ce4e5b9U;
  };
  const std::uint64_t words = bytes / sizeof(std::uint64_t);
  for (std::uint64_t i = 0; i < words; ++i) {
    const std::uint64_t whole = word(i);
    std::memcpy(to + i * sizeof whole, &whole, sizeof whole);
  }
  const std::uint64_t last = word(words);
  std::memcpy(to + words * sizeof last, &last, bytes % sizeof last);
}

/// By one call, which costs little under sanitizers.
inline bool same_bytes(const std::vector<std::byte>& some, const std::vector<std::byte>& others) {
  return some.size() == others.size() && std::memcmp(some.data(), others.data(), some.size()) == 0;
}

/// One rank's buffer: blocks in a shuffled order with guard bytes between them, at odd alignments.
struct Buffer {
  static constexpr std::byte kGuard{0xA5};
  std::vector<std::byte> bytes;
  std::vector<Extent> blocks;

  Buffer(Random& random, const std::vector<std::uint64_t>& sizes) {
    std::vector<std::size_t> order(sizes.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    blocks.resize(sizes.size());
    std::uint64_t at = 1 + random() % 33;
    for (const std::size_t i : order) {
      blocks[i] = {static_cast<std::int64_t>(at), sizes[i]};
      at += sizes[i] + 1 + random() % 33;
    }
    bytes.assign(at, kGuard);
  }

  void fill(std::uint64_t exchange, int source) {
    for (std::size_t to = 0; to < blocks.size(); ++to) {
      write_expected(bytes.data() + blocks[to].offset, blocks[to].bytes, exchange,
                     static_cast<std::uint64_t>(source), to);
    }
  }

  /// Wrong bytes when `destination` received `arrived[source]` bytes of each block and nothing else
  /// was touched.
  std::uint64_t wrong_bytes(std::uint64_t exchange, int destination,
                            const std::vector<std::uint64_t>& arrived) const {
    std::vector<std::byte> expected(bytes.size(), kGuard);
    for (std::size_t from = 0; from < blocks.size(); ++from) {
      write_expected(expected.data() + blocks[from].offset, arrived[from], exchange, from,
                     static_cast<std::uint64_t>(destination));
    }
    if (std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0) return 0;
    std::uint64_t wrong = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) wrong += bytes[i] != expected[i];
    return wrong;
  }
};

inline std::vector<std::uint64_t> column(const Counts& counts, int destination) {
  std::vector<std::uint64_t> sizes;
  for (const auto& row : counts) sizes.push_back(row[static_cast<std::size_t>(destination)]);
  return sizes;
}

}  // namespace causeway::test
