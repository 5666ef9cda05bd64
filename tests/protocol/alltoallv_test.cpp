// alltoallv between thread ranks, every byte and every guard byte checked.
#include "blocks.hpp"
#include "random_exchange.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <algorithm>
#include <memory>

namespace causeway::test {
namespace {

class AlltoallvShapes : public testing::TestWithParam<Shape> {};

TEST_P(AlltoallvShapes, MovesEveryByte) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  // Groups of whole warps take many times as long.
  const int exchanges = repeats(in_warps() ? shape.exchanges / 4 : shape.exchanges);
  run_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
    exchange_at_random(communicator, seed, exchanges, shape.most);
  });
}

const Settings kSmallRing{{"CAUSEWAY_RING_BYTES", "4096"}};
/// What peers can read where it lies they do, but for what goes in lines.
const Settings kPulled{{"CAUSEWAY_RING_BYTES", "4096"},
                       {"CAUSEWAY_CMA", "auto"},
                       {"CAUSEWAY_TUNE", "*:memory:*:protocol=pull"}};

INSTANTIATE_TEST_SUITE_P(
    All, AlltoallvShapes,
    testing::Values(
        Shape{"one_rank", 1, {}, 100000, 20}, Shape{"two_ranks", 2, {}, 3000000, 20},
        Shape{"three_ranks_small_rings", 3, kSmallRing, 20000, 200},
        Shape{"four_ranks_tiny_blocks", 4, kSmallRing, 100, 1000},
        Shape{"five_ranks_two_blocks",
              5,
              {{"CAUSEWAY_RING_BYTES", "8K"}, {"CAUSEWAY_MAX_CTAS", "2"}},
              30000,
              100},
        Shape{"three_lanes",
              3,
              {{"CAUSEWAY_RING_BYTES", "16K"}, {"CAUSEWAY_LANES", "3"}},
              200000,
              60},
        Shape{"three_lanes_many_blocks",
              4,
              {{"CAUSEWAY_RING_BYTES", "16K"}, {"CAUSEWAY_LANES", "3"}, {"CAUSEWAY_MAX_CTAS", "7"}},
              200000,
              30},
        Shape{"without_lines", 4, {{"CAUSEWAY_LL_BYTES", "0"}}, 3000, 200},
        Shape{"lines_of_three_lanes",
              4,
              {{"CAUSEWAY_RING_BYTES", "4096"},
               {"CAUSEWAY_LANES", "3"},
               {"CAUSEWAY_LL_BYTES", "20000"},
               {"CAUSEWAY_MAX_CTAS", "4"}},
              40000,
              200},
        Shape{"many_lanes_and_small_pieces_by_rules",
              4,
              {{"CAUSEWAY_RING_BYTES", "4096"},
               {"CAUSEWAY_LANES", "6"},
               {"CAUSEWAY_LL_BYTES", "4096"},
               {"CAUSEWAY_MAX_CTAS", "9"},
               {"CAUSEWAY_TUNE", "*:*:*:lane_bytes=1; *:*:8K-:lanes=4,chunk=100"}},
              20000,
              100},
        Shape{"ll_alone",
              3,
              {{"CAUSEWAY_LL_BYTES", "64K"},
               {"CAUSEWAY_LANES", "5"},
               {"CAUSEWAY_START_COUNT", "18446744073709551600"}},
              65536,
              100},
        Shape{"ll128",
              3,
              {{"CAUSEWAY_LL_BYTES", "1"},
               {"CAUSEWAY_LL128_BYTES", "64K"},
               {"CAUSEWAY_LANES", "5"},
               {"CAUSEWAY_MAX_CTAS", "4"},
               {"CAUSEWAY_TUNE", "*:memory:*:protocol=ll128,lane_bytes=1000"},
               {"CAUSEWAY_START_COUNT", "18446744073709551600"}},
              80000,
              100},
        Shape{"lines_of_both_widths",
              4,
              {{"CAUSEWAY_RING_BYTES", "4096"},
               {"CAUSEWAY_LL_BYTES", "500"},
               {"CAUSEWAY_LL128_BYTES", "2000"}},
              4000,
              300},
        Shape{"pulled", 4, kPulled, 40000, 100},
        Shape{"pulled_over_lanes",
              3,
              {{"CAUSEWAY_RING_BYTES", "4096"},
               {"CAUSEWAY_LANES", "5"},
               {"CAUSEWAY_MAX_CTAS", "4"},
               {"CAUSEWAY_LL_BYTES", "0"},
               {"CAUSEWAY_CMA", "auto"},
               {"CAUSEWAY_TUNE", "*:memory:*:protocol=pull,lane_bytes=1000"},
               {"CAUSEWAY_START_COUNT", "18446744073709551600"}},
              20000,
              100},
        Shape{"counts_pass_2_to_32",
              3,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_START_COUNT", "4294965248"}},
              20000,
              100},
        Shape{"counts_pass_2_to_63",
              3,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_START_COUNT", "9223372036854771712"}},
              20000,
              100},
        Shape{"counts_pass_2_to_64",
              3,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_START_COUNT", "18446744073709551600"}},
              20000,
              100}),
    name_of);

TEST(Alltoallv, ZeroBytesBetweenExchangesWithBytes) {
  run_ranks(3, kSmallRing, [](Communicator& communicator) {
    Random random(7);
    for (std::uint64_t e = 0; e < 200; ++e) {
      // Every third exchange is empty, and in between one pair alone exchanges.
      Counts counts(3, std::vector<std::uint64_t>(3, 0));
      if (e % 3 != 0) counts[e % 2][1 + e % 2] = e * 17 % 5000;
      exchange_once(communicator, random, counts, e);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

/// A receiver that never sends bytes back shows by the word that it sends none how far it is.
TEST(Alltoallv, LinesInOneDirection) {
  run_ranks(3, {{"CAUSEWAY_LL_BYTES", "4096"}}, [](Communicator& communicator) {
    Random random(9);
    for (std::uint64_t e = 0; e < 500; ++e) {
      Counts counts(3, std::vector<std::uint64_t>(3, 0));
      counts[0][1] = 1 + e * 13 % 4096;
      counts[1][2] = e % 7 == 0 ? 100 : 0;
      exchange_once(communicator, random, counts, e);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

TEST(Alltoallv, EveryRankWithItsOwnNumberOfBlocksAndRules) {
  const std::uint64_t seed = test_seed();
  for (std::uint64_t round = 0; round < repeats(40U); ++round) {
    const ThreadWorld world(3);
    run_threads(3, [&](int rank) {
      Random own(seed + round * 3 + static_cast<std::uint64_t>(rank));
      Config config;
      const std::string rules = "*:*:" + std::to_string(own() % 100000) +
                                "-:protocol=staged,lanes=" + std::to_string(1 + own() % 3) +
                                ",lane_bytes=" + std::to_string(1 + own() % 5000);
      const Status readable = read_settings({{"CAUSEWAY_RING_BYTES", "4096"},
                                             {"CAUSEWAY_LANES", "3"},
                                             {"CAUSEWAY_LL_BYTES", "8K"},
                                             {"CAUSEWAY_TIMEOUT", "10"},
                                             {"CAUSEWAY_TUNE", rules},
                                             {"CAUSEWAY_MAX_CTAS", std::to_string(1 + own() % 9)}},
                                            &config);
      const auto bootstrap = world.bootstrap(rank);
      std::unique_ptr<Communicator> communicator;
      ASSERT_TRUE(Communicator::create(*bootstrap, config, readable, &communicator).ok());
      exchange_at_random(*communicator, seed + round, 10, 100000);
    });
    if (testing::Test::HasFatalFailure()) return;
  }
}

/// One after the other, and in turn with those that end at once; the last are left to the
/// communicator to end.
TEST(Alltoallv, BegunExchangesEndInTheirOrder) {
  constexpr std::uint64_t kBegun = 60;
  const std::uint64_t seed = test_seed();
  // They outlive the communicators.
  struct Exchange {
    Counts counts;
    Buffer send;
    Buffer receive;
    bool done = false;
  };
  std::vector<std::vector<std::unique_ptr<Exchange>>> begun(3);
  std::vector<std::uint64_t> ended_on(3);
  run_ranks(3, kSmallRing, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    auto& mine = begun[static_cast<std::size_t>(rank)];
    Random shared(seed);
    Random own(seed + 1 + static_cast<std::uint64_t>(rank));
    std::uint64_t& ended = ended_on[static_cast<std::size_t>(rank)];
    for (std::uint64_t e = 0; e < kBegun; ++e) {
      const Counts counts = random_counts(shared, 3, 20000);
      mine.push_back(std::make_unique<Exchange>(
          Exchange{counts, Buffer(own, counts[static_cast<std::size_t>(rank)]),
                   Buffer(own, column(counts, rank))}));
      Exchange& exchange = *mine.back();
      exchange.send.fill(e, rank);
      std::vector<Extent> send = exchange.send.blocks;
      communicator.begin({exchange.send.bytes.data(), send, exchange.receive.bytes.data(),
                          exchange.receive.blocks, false},
                         [&exchange, &ended, e](const Status& status) {
                           exchange.done = status.ok() && ended++ == e;
                         });
      send.assign(send.size(), Extent{0, 1});
      if (shared() % 5 == 0) {
        exchange_at_random(communicator, seed + e, 1, 20000);
        EXPECT_EQ(ended, e + 1);
      }
    }
  });
  for (int rank = 0; rank < 3; ++rank) {
    for (std::uint64_t e = 0; e < kBegun; ++e) {
      Exchange& exchange = *begun[static_cast<std::size_t>(rank)][e];
      EXPECT_TRUE(exchange.done);
      EXPECT_EQ(exchange.receive.wrong_bytes(e, rank, column(exchange.counts, rank)), 0U)
          << "rank " << rank << ", exchange " << e;
    }
  }
}

TEST(Alltoallv, TwoCommunicatorsInOneOrder) {
  const ThreadWorld first(3);
  const ThreadWorld second(3);
  const std::uint64_t seed = test_seed();
  run_threads(3, [&](int rank) {
    Config config;
    ASSERT_TRUE(read_settings(kSmallRing, &config).ok());
    std::unique_ptr<Communicator> communicators[2];
    const auto a = first.bootstrap(rank);
    const auto b = second.bootstrap(2 - rank);
    ASSERT_TRUE(Communicator::create(*a, config, {}, &communicators[0]).ok());
    ASSERT_TRUE(Communicator::create(*b, config, {}, &communicators[1]).ok());
    Random order(seed);
    for (std::uint64_t e = 0; e < 60; ++e) {
      exchange_at_random(*communicators[order() % 2], seed + e, 2, 20000);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

}  // namespace
}  // namespace causeway::test
