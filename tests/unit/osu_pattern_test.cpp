// Who sends how much in the benchmarks: matrices from files, and where blocks lie in buffers.
#include "matrix.hpp"
#include "pattern.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace causeway::osu {
namespace {

std::size_t sum(const Blocks& blocks) {
  return std::accumulate(blocks.bytes.begin(), blocks.bytes.end(), std::size_t{0});
}

Pattern pattern_of(int ranks, std::vector<std::uint64_t> matrix, bool is_scaled) {
  Pattern pattern;
  pattern.ranks = ranks;
  pattern.matrix = std::move(matrix);
  pattern.matrix_is_scaled = is_scaled;
  return pattern;
}

TEST(OsuMatrix, IsReadWithUnitsCommentsAndCommas) {
  Pattern pattern;
  pattern.ranks = 2;
  EXPECT_EQ(parse_matrix("# who, to whom\n1, 2K\r\n\n\t3M 1G# last\n", pattern), "");
  EXPECT_EQ(pattern.matrix, (std::vector<std::uint64_t>{1, 2048, 3145728, 1073741824}));
}

TEST(OsuMatrix, SaysWhatIsWrongAndWhere) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"1 2\n\n3 4x\n", "line 3: '4x' makes no sense"},
      {"1 2\n3 -4\n", "line 2: '-4' makes no sense"},
      {"1 K\n3 4\n", "line 1: 'K' makes no sense"},
      {"1 1025G\n3 4\n", "line 1: '1025G' makes no sense"},
      {"1 2\n3\n", "line 2: 1 number, needed is one for each of the 2 ranks"},
      {"1 2 3\n", "line 1: 3 numbers, needed is one for each of the 2 ranks"},
      {"1 2\n3 4\n5 6\n", "line 3: a further row, needed is one for each of the 2 ranks"},
      {"1 2\n", "1 row, needed is one for each of the 2 ranks"},
      {"# nothing\n", "0 rows, needed is one for each of the 2 ranks"},
      {"0 0\n0 0\n", "nobody sends anything"},
  };
  for (const auto& [text, begin] : cases) {
    Pattern pattern;
    pattern.ranks = 2;
    EXPECT_EQ(parse_matrix(text, pattern).substr(0, begin.size()), begin);
  }
}

TEST(OsuPattern, TakesAMatrixAsItIs) {
  const Pattern pattern = pattern_of(2, {0, 10, 7, 1000}, false);
  EXPECT_EQ(mean_of_matrix(pattern), 255U);  // 254.25
  EXPECT_EQ(blocks_sent(pattern, 1, 255, 1, Spacing::kGuarded).bytes,
            (std::vector<std::size_t>{7, 1000}));
  EXPECT_EQ(blocks_received(pattern, 1, 255, 1, Spacing::kGuarded).bytes,
            (std::vector<std::size_t>{10, 1000}));
  EXPECT_EQ(blocks_sent(pattern, 1, 255, 4, Spacing::kGuarded).bytes,
            (std::vector<std::size_t>{4, 1000}));
}

TEST(OsuPattern, ScalesAMatrixToTheMeanWithoutLosingBytes) {
  // A mean of a third of a byte, which no floating-point number is.
  const Pattern pattern = pattern_of(3, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{7}, std::size_t{100000001}}) {
    EXPECT_EQ(elements_between(pattern, 1, 1, bytes, 1), 3 * bytes);
    EXPECT_EQ(elements_between(pattern, 1, 2, bytes, 1), 0U);
  }
}

TEST(OsuPattern, BoundsHoldForAllRanks) {
  std::vector<Pattern> patterns{pattern_of(3, {5, 0, 90, 1, 1, 99, 0, 0, 3000}, true),
                                pattern_of(3, {1, 1, 1, 1, 1, 1, 1, 1, 1}, true)};
  Pattern skewed;
  skewed.ranks = 3;
  skewed.skew = 0.7;
  patterns.push_back(skewed);
  for (const Pattern& pattern : patterns) {
    constexpr std::size_t kLimit = 1 << 20;
    const std::size_t size = largest_within(pattern, kLimit);
    std::size_t most = 0;
    for (int rank = 0; rank < pattern.ranks; ++rank) {
      for (const Spacing spacing : {Spacing::kGuarded, Spacing::kPacked}) {
        const Blocks sent = blocks_sent(pattern, rank, size, 1, spacing);
        const Blocks received = blocks_received(pattern, rank, size, 1, spacing);
        EXPECT_LE(std::max(sent.extent, received.extent), extent_bound(pattern, size));
        most = std::max({most, sum(sent), sum(received)});
      }
    }
    EXPECT_LE(most, kLimit);
    EXPECT_GT(most, kLimit - 100);
    EXPECT_LE(extent_bound(pattern, largest_addressable(pattern)), std::size_t{INT_MAX});
  }
}

TEST(OsuPattern, PackedBlocksFollowEachOther) {
  Pattern pattern;
  pattern.ranks = 3;
  const Blocks blocks = blocks_sent(pattern, 0, 20, 4, Spacing::kPacked);
  EXPECT_EQ(blocks.offsets,
            (std::vector<std::size_t>{kGuardBytes, kGuardBytes + 20, kGuardBytes + 40}));
  EXPECT_EQ(blocks.extent, 2 * kGuardBytes + 60);
}

}  // namespace
}  // namespace causeway::osu
