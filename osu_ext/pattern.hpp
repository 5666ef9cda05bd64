// Which rank sends how much to which, and where the blocks lie in a buffer.
#pragma once

#include "ends.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace causeway::osu {

/// Untouched bytes kept between blocks, before the first and after the last. A multiple of every
/// element's size, so that displacements in elements exist.
inline constexpr std::size_t kGuardBytes = 64;

/// An exchange: between which ranks, and how much. What follows the ranks is said of all pairs of
/// ranks only; else all blocks have one size. Every rank computes the same from it.
struct Pattern : Topology {
  double skew = 0.0;      ///< see elements_between
  double sparsity = 0.0;  ///< fraction of the pairs that exchange nothing
  std::uint64_t seed = 0;
  bool symmetric = false;    ///< both directions of a pair are empty, or neither
  bool by_distance = false;  ///< weights are the hops alone, so a rank sends itself nothing
  /// Bytes by source, then destination; somebody sends something. Empty where the above say it.
  std::vector<std::uint64_t> matrix;
  bool matrix_is_scaled = false;  ///< to the mean per peer that is asked for; else taken as it is
  std::vector<std::string> remarks;  ///< what heads of tables say of it
};

/// The mean of a matrix per pair of ranks, rounded up.
[[nodiscard]] std::size_t mean_of_matrix(const Pattern& pattern);

/// The blocks of one buffer. All that is said by block has one entry each.
struct Blocks {
  std::vector<End> ends;
  std::vector<int> counts;           ///< elements
  std::vector<int> displacements;    ///< elements
  std::vector<std::size_t> bytes;    ///< that move: none where nobody is at the other end
  std::vector<std::size_t> offsets;  ///< bytes
  /// Their indices, those with the same rank at the other end by occurrence.
  std::vector<std::size_t> by_occurrence;
  std::size_t extent = 0;  ///< bytes of the buffer, guards included
};

/// Whether there are guards between a buffer's blocks, which then begin on cache lines, or only
/// before the first and after the last.
enum class Spacing { kGuarded, kPacked };

/// A number that looks random and depends on every bit of `value`.
[[nodiscard]] std::uint64_t scrambled(std::uint64_t value);

/// How many elements `source` sends to `destination` where the mean per peer is `bytes_per_peer`.
/// The peer d ranks after the source has weight 1 + skew * d, or d by distance, or what a scaled
/// matrix says; rounded down. A matrix that is taken as it is does not look at the mean.
[[nodiscard]] std::size_t elements_between(const Pattern& pattern, int source, int destination,
                                           std::size_t bytes_per_peer, std::size_t element_bytes);

/// An upper bound, the same on all ranks, of the extent of any rank's blocks. `bytes_per_peer` is
/// the mean, mean_of_matrix where a matrix is taken as it is.
[[nodiscard]] std::size_t extent_bound(const Pattern& pattern, std::size_t bytes_per_peer);

/// The largest size of which no rank sends or receives more than `limit` bytes.
[[nodiscard]] std::size_t largest_within(const Pattern& pattern, std::size_t limit);

/// The largest size whose extent_bound is within INT_MAX, as the displacements of MPI's int calls
/// require; 0 when there is none.
[[nodiscard]] std::size_t largest_addressable(const Pattern& pattern);

/// The blocks that `rank` sends and those it receives. `bytes_per_peer` is at most
/// largest_addressable.
[[nodiscard]] Blocks blocks_sent(const Pattern& pattern, int rank, std::size_t bytes_per_peer,
                                 std::size_t element_bytes, Spacing spacing);
[[nodiscard]] Blocks blocks_received(const Pattern& pattern, int rank, std::size_t bytes_per_peer,
                                     std::size_t element_bytes, Spacing spacing);

}  // namespace causeway::osu
