// Who sends how much to whom in the benchmarks: matrices from files, where blocks lie in buffers,
// and the bytes in them.
#include "ends.hpp"
#include "matrix.hpp"
#include "pattern.hpp"
#include "payload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
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

Topology topology_of(int ranks, Shape shape, std::vector<int> dimensions = {},
                     bool is_periodic = false) {
  return {ranks, shape, std::move(dimensions), is_periodic};
}

const std::vector<Topology>& topologies() {
  static const std::vector<Topology> all{
      topology_of(1, Shape::kRing),
      topology_of(3, Shape::kRing),
      topology_of(4, Shape::kPairs),
      topology_of(5, Shape::kPairs),
      topology_of(5, Shape::kOneWay),
      topology_of(3, Shape::kAllRanks),
      topology_of(1, Shape::kGrid, {1, 1, 1}, true),
      topology_of(2, Shape::kGrid, {2}, true),
      topology_of(12, Shape::kGrid, {3, 2, 2}, false),
      topology_of(12, Shape::kGrid, {3, 2, 2}, true),
      topology_of(8, Shape::kGrid, {2, 4, 1}, true),
  };
  return all;
}

Pattern pattern_with(const Topology& topology) {
  Pattern pattern;
  static_cast<Topology&>(pattern) = topology;
  return pattern;
}

TEST(OsuEnds, ArePartnersAndNeighbours) {
  const End nobody{};
  using Ends = std::vector<End>;
  const Topology pairs = topology_of(5, Shape::kPairs);
  EXPECT_EQ(ends_sent(pairs, 2), Ends({{3, 0}}));
  EXPECT_EQ(ends_received(pairs, 3), Ends({{2, 0}}));
  EXPECT_EQ(ends_sent(pairs, 4), Ends({nobody}));
  EXPECT_EQ(ends_received(pairs, 4), Ends({nobody}));
  const Topology one_way = topology_of(4, Shape::kOneWay);
  EXPECT_EQ(ends_sent(one_way, 2), Ends({{3, 0}}));
  EXPECT_EQ(ends_received(one_way, 2), Ends({nobody}));
  EXPECT_EQ(ends_sent(one_way, 3), Ends({nobody}));
  EXPECT_EQ(ends_received(one_way, 3), Ends({{2, 0}}));
  const Topology ring = topology_of(3, Shape::kRing);
  EXPECT_EQ(ends_sent(ring, 2), Ends({{0, 0}}));
  EXPECT_EQ(ends_received(ring, 0), Ends({{2, 0}}));
  // Rank 3 of 2 x 3 is at (1, 0).
  const Topology grid = topology_of(6, Shape::kGrid, {2, 3});
  EXPECT_EQ(ends_sent(grid, 3), Ends({{0, 0}, nobody, nobody, {4, 0}}));
  EXPECT_EQ(ends_received(grid, 3), Ends({{0, 0}, nobody, nobody, {4, 0}}));
  // Around a ring of two what goes down comes from above: the first sent is the second received.
  const Topology two = topology_of(2, Shape::kGrid, {2}, true);
  EXPECT_EQ(ends_sent(two, 0), Ends({{1, 0}, {1, 1}}));
  EXPECT_EQ(ends_received(two, 0), Ends({{1, 1}, {1, 0}}));
}

/// Each block that is sent has one place where it is received, and both ends take the blocks
/// between them in the same order.
TEST(OsuEnds, BothKnowThem) {
  for (const Topology& topology : topologies()) {
    const Pattern pattern = pattern_with(topology);
    for (int source = 0; source < topology.ranks; ++source) {
      const Blocks sent = blocks_sent(pattern, source, 8, 1, Spacing::kGuarded);
      EXPECT_EQ(sent.ends.size(), blocks_each_way(topology));
      for (int destination = 0; destination < topology.ranks; ++destination) {
        const auto occurrences = [](const Blocks& blocks, int rank) {
          std::vector<int> in_order;
          for (const std::size_t i : blocks.by_occurrence) {
            if (blocks.ends[i].rank == rank) {
              in_order.push_back(blocks.ends[i].occurrence);
            }
          }
          return in_order;
        };
        const Blocks received = blocks_received(pattern, destination, 8, 1, Spacing::kGuarded);
        std::vector<int> numbers(occurrences(sent, destination).size());
        std::iota(numbers.begin(), numbers.end(), 0);
        EXPECT_EQ(occurrences(sent, destination), numbers);
        EXPECT_EQ(occurrences(received, source), numbers);
      }
    }
  }
}

/// The buffers of all ranks, and the exchange between them.
class Buffers {
 public:
  explicit Buffers(const Topology& topology) : pattern_(pattern_with(topology)) {
    for (int rank = 0; rank < topology.ranks; ++rank) {
      sent_.push_back(blocks_sent(pattern_, rank, kBytes, 1, Spacing::kGuarded));
      received_.push_back(blocks_received(pattern_, rank, kBytes, 1, Spacing::kGuarded));
      send_.emplace_back(sent_.back().extent);
      receive_.emplace_back(received_.back().extent);
      write_sent(send_.back().data(), sent_.back(), rank, kStamp);
      spoil_received(receive_.back().data(), received_.back(), rank, kStamp);
    }
  }

  void exchange() {
    for (int rank = 0; rank < pattern_.ranks; ++rank) {
      for (std::size_t in = 0; in < received(rank).ends.size(); ++in) {
        const End& end = received(rank).ends[in];
        if (end.rank != kNobody) {
          const auto& theirs = sent_[static_cast<std::size_t>(end.rank)];
          const std::size_t out = place(theirs.ends, {rank, end.occurrence});
          std::copy_n(send_[static_cast<std::size_t>(end.rank)].begin() + at(theirs, out), kBytes,
                      buffer(rank).begin() + at(received(rank), in));
        }
      }
    }
  }

  std::vector<std::byte>& buffer(int rank) { return receive_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] const Blocks& received(int rank) const {
    return received_[static_cast<std::size_t>(rank)];
  }
  [[nodiscard]] std::optional<WrongByte> wrong(int rank) {
    return find_wrong_byte(buffer(rank).data(), received(rank), rank, kStamp);
  }
  static std::ptrdiff_t at(const Blocks& blocks, std::size_t block) {
    return static_cast<std::ptrdiff_t>(blocks.offsets[block]);
  }

  static constexpr std::ptrdiff_t kBytes = 37;

 private:
  static std::size_t place(const std::vector<End>& ends, const End& end) {
    return static_cast<std::size_t>(std::ranges::find(ends, end) - ends.begin());
  }

  static constexpr Stamp kStamp{7, 3};
  Pattern pattern_;
  std::vector<Blocks> sent_;
  std::vector<Blocks> received_;
  std::vector<std::vector<std::byte>> send_;
  std::vector<std::vector<std::byte>> receive_;
};

TEST(OsuPayload, IsRightOnceAllBlocksHaveCome) {
  for (const Topology& topology : topologies()) {
    Buffers buffers(topology);
    for (int rank = 0; rank < topology.ranks; ++rank) {
      const auto& bytes = buffers.received(rank).bytes;
      const bool gets_any = std::ranges::any_of(bytes, [](std::size_t n) { return n > 0; });
      EXPECT_EQ(buffers.wrong(rank).has_value(), gets_any);
    }
    buffers.exchange();
    for (int rank = 0; rank < topology.ranks; ++rank) {
      EXPECT_FALSE(buffers.wrong(rank).has_value());
    }
  }
}

TEST(OsuPayload, TellsBlocksOfTheSameTwoRanksApart) {
  Buffers buffers(topology_of(2, Shape::kGrid, {2}, true));
  buffers.exchange();
  const auto begin = buffers.buffer(1).begin();
  std::swap_ranges(begin + Buffers::at(buffers.received(1), 0),
                   begin + Buffers::at(buffers.received(1), 0) + Buffers::kBytes,
                   begin + Buffers::at(buffers.received(1), 1));
  EXPECT_FALSE(buffers.wrong(0).has_value());
  ASSERT_TRUE(buffers.wrong(1).has_value());
  EXPECT_EQ(buffers.wrong(1)->block, 0U);
  EXPECT_FALSE(buffers.wrong(1)->guard);
}

TEST(OsuPayload, OfBlocksThatNobodySendsStaysAsItWas) {
  Buffers buffers(topology_of(2, Shape::kGrid, {2}, false));
  buffers.exchange();
  EXPECT_FALSE(buffers.wrong(1).has_value());
  // Rank 1 has nobody above.
  std::byte& last =
      buffers.buffer(1)[buffers.received(1).offsets[1] + std::size_t{Buffers::kBytes} - 1];
  last ^= std::byte{1};
  ASSERT_TRUE(buffers.wrong(1).has_value());
  EXPECT_EQ(buffers.wrong(1)->block, 1U);
  EXPECT_EQ(buffers.wrong(1)->offset, Buffers::kBytes - 1);
  EXPECT_TRUE(buffers.wrong(1)->guard);
}

}  // namespace
}  // namespace causeway::osu
