// Exchanges by patterns: any edges, also several from one rank to another, and ranks that decline.
#include "blocks.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <gtest/gtest.h>
#include <communicator.hpp>
#include <pattern.hpp>

#include <algorithm>
#include <vector>

namespace causeway::test {
namespace {

/// An edge of the whole graph.
struct Whole {
  int from;
  int to;
  std::uint64_t bytes;
};

std::vector<Whole> random_edges(Random& random, int ranks, std::uint64_t most) {
  const auto size = static_cast<std::uint64_t>(ranks);
  std::vector<Whole> edges(random() % (4 * size));
  for (Whole& edge : edges) {
    edge = {static_cast<int>(random() % size), static_cast<int>(random() % size),
            log_uniform(random, most)};
  }
  return edges;
}

/// A rank's blocks of one role, one behind the other with bytes between them that stay.
struct Blocks {
  std::vector<Extent> blocks;
  std::vector<Edge> edges;
  std::vector<std::byte> bytes;

  std::byte* add(int peer, std::uint64_t count) {
    edges.push_back({static_cast<std::uint32_t>(peer), static_cast<std::uint32_t>(blocks.size())});
    blocks.push_back({static_cast<std::int64_t>(bytes.size()), count});
    bytes.resize(bytes.size() + count + 13, std::byte{0xee});
    return bytes.data() + blocks.back().offset;
  }
};

/// Makes the exchange of a graph's edges, of which the rank `declines`, or none, sends and takes
/// nothing. Who sends that rank some bytes may hear that there were too many.
void exchange(Communicator& communicator, const std::vector<Whole>& edges, std::uint64_t number,
              int declines) {
  const int rank = communicator.rank();
  Blocks out;
  Blocks in;
  std::vector<std::byte> expected;
  bool hears_of_it = false;
  bool sends_in_vain = false;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& [from, to, bytes] = edges[i];
    if (from == rank) write_expected(out.add(to, bytes), bytes, number, i, 0);
    sends_in_vain = sends_in_vain || (from == rank && to == declines && bytes > 0);
    if (to != rank) continue;
    const std::ptrdiff_t at = in.add(from, bytes) - in.bytes.data();
    expected.resize(in.bytes.size(), std::byte{0xee});
    if (from != declines) write_expected(expected.data() + at, bytes, number, i, 0);
    hears_of_it = hears_of_it || (from == declines && bytes > 0);
  }
  const Pattern pattern = pattern_of_edges(kernels::Operation::kNeighbor, rank, communicator.size(),
                                           out.edges, in.edges);
  if (rank == declines) {
    const Status declined = communicator.decline(&pattern);
    ASSERT_TRUE(declined.ok()) << declined.message();
    return;
  }
  const Status status = communicator.exchange(
      {out.bytes.data(), out.blocks, in.bytes.data(), in.blocks, false, &pattern});
  if (status.kind() == ErrorKind::kTruncated) {
    ASSERT_TRUE(sends_in_vain && !hears_of_it) << status.message();
  } else {
    ASSERT_EQ(status.kind(), hears_of_it ? ErrorKind::kPeer : ErrorKind::kNone) << status.message();
  }
  ASSERT_TRUE(same_bytes(in.bytes, expected)) << "exchange " << number;
}

struct Shape {
  const char* name;
  int ranks;
  Settings settings;
};

void PrintTo(const Shape& shape, std::ostream* stream) { *stream << shape.name; }

class Patterns : public testing::TestWithParam<Shape> {};

TEST_P(Patterns, MoveEveryByteOfEveryEdge) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  run_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
    Random shared(seed);
    for (std::uint64_t number = 0; number < repeats(60U); ++number) {
      const std::vector<Whole> edges = random_edges(shared, communicator.size(), 20'000);
      const bool all_take_part = shared() % 4 != 0;
      const int chosen = static_cast<int>(shared() % static_cast<std::uint64_t>(shape.ranks));
      exchange(communicator, edges, number, all_take_part ? -1 : chosen);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

/// The same few exchanges again and again, in any order and from other memory, with calls that a
/// rank declines in between.
TEST_P(Patterns, AreRepeated) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  run_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
    Random shared(seed);
    std::vector<std::vector<Whole>> graphs;
    for (int i = 0; i < 3; ++i) {
      graphs.push_back(random_edges(shared, communicator.size(), 20'000));
      // Blocks alike but for whom they are from or for.
      graphs.push_back(graphs.back());
      for (Whole& edge : graphs.back()) edge.to = (edge.to + 1) % shape.ranks;
    }
    std::size_t graph = 0;
    for (std::uint64_t number = 0; number < 80; ++number) {
      if (shared() % 3 == 0) graph = shared() % graphs.size();
      const bool all_take_part = shared() % 6 != 0;
      const int chosen = static_cast<int>(shared() % static_cast<std::uint64_t>(shape.ranks));
      exchange(communicator, graphs[graph], number, all_take_part ? -1 : chosen);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Patterns,
    testing::Values(Shape{"one", 1, {}},
                    Shape{"two", 2, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "3"}}},
                    Shape{"five", 5, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "2"}}},
                    Shape{"nine_without_lines",
                          9,
                          {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LL_BYTES", "0"}}}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace causeway::test
