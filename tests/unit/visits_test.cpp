// Visits: every lane of every pair is somebody's, and thread blocks go by what there is to do.
#include <schedules.hpp>

#include <gtest/gtest.h>
#include <seed.hpp>

#include <algorithm>
#include <random>

namespace causeway {
namespace {

using kernels::Visits;

/// What a block does in one role.
Visits visits_of(const kernels::BlockSplit& split, const VisitLists& lists, kernels::Role role,
                 std::uint32_t block) {
  if (block >= split.peer_blocks) return kernels::no_visits();
  const std::size_t place = role * split.peer_blocks + block;
  EXPECT_NE(lists.whole.empty(), lists.in_short.empty());
  return lists.in_short.empty() ? lists.whole[place] : lists.in_short[place].get();
}

/// How many blocks visit each lane of each item in one role: [item * lanes + lane].
std::vector<int> count_visits(const kernels::BlockSplit& split, const VisitLists& visits,
                              kernels::Role role, std::size_t items, std::uint32_t lanes) {
  std::vector<int> counts(items * lanes, 0);
  for (std::uint32_t block = 0; block < split.blocks; ++block) {
    const Visits mine = visits_of(split, visits, role, block);
    for (std::size_t item = mine.item; item < items; item += split.peer_blocks) {
      for (std::uint32_t lane = mine.lane; lane < lanes; lane += mine.lane_step) {
        ++counts[item * lanes + lane];
      }
    }
  }
  return counts;
}

/// The blocks of each item in one role, where there are enough for all.
std::vector<std::uint32_t> blocks_of(const Schedule& schedule, kernels::Role role,
                                     std::size_t items) {
  std::vector<std::uint32_t> each(items, 0);
  for (std::uint32_t block = 0; block < schedule.args.split.peer_blocks; ++block) {
    const Visits visits = visits_of(schedule.args.split, schedule.visits, role, block);
    if (visits.item < items) ++each[visits.item];
  }
  return each;
}

class RandomPlans : public testing::Test {
 protected:
  std::uint64_t up_to(std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>(0, most)(random_);
  }
  /// Of any order of magnitude.
  std::uint64_t some_bytes() { return up_to(3) == 0 ? 0 : up_to((std::uint64_t{1} << up_to(34))); }

  std::mt19937_64 random_{test::test_seed()};
};

TEST_F(RandomPlans, HaveEveryLaneOfEveryPairVisitedOnceInEachRole) {
  for (int round = 0; round < 1500; ++round) {
    const auto ranks = static_cast<std::uint32_t>(1 + up_to(round % 2 == 0 ? 20 : 599));
    const auto lanes = static_cast<std::uint32_t>(1 + up_to(63));
    const auto budget = static_cast<std::uint32_t>(1 + up_to(191));
    std::vector<device::LinkKind> links(ranks, device::LinkKind::kMemory);
    std::vector<Extent> send(ranks);
    std::vector<Extent> receive(ranks);
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      if (up_to(3) == 0) links[rank] = device::LinkKind::kNetwork;
      send[rank].bytes = some_bytes();
      receive[rank].bytes = some_bytes();
    }
    const auto self = static_cast<std::uint32_t>(up_to(ranks - 1));
    links[self] = device::LinkKind::kMemory;
    const std::uint64_t ll_bytes = up_to(2) == 0 ? 0 : up_to(1 << 18);
    Schedule schedule;
    test::schedule_alltoallv({lanes, budget, 131072, ll_bytes, links}, static_cast<int>(self), send,
                             receive, &schedule);
    kernels::BlockSplit split = schedule.args.split;
    VisitLists visits = schedule.visits;
    for (std::uint32_t most = budget; most >= 1;
         most = static_cast<std::uint32_t>(up_to(most - 1))) {
      if (most < budget) split = split_blocks(schedule, most, &visits);
      ASSERT_GE(split.blocks, 1U);
      ASSERT_LE(split.blocks, most);
      ASSERT_LE(split.peer_blocks, split.blocks);
      ASSERT_LT(split.first_self, split.blocks);
      ASSERT_EQ(split.threads, schedule.args.split.threads);
      for (const kernels::Role role : {kernels::kSends, kernels::kReceives}) {
        const std::vector<int> counts = count_visits(split, visits, role, ranks - 1, lanes);
        ASSERT_TRUE(std::ranges::all_of(counts, [](int count) { return count == 1; }))
            << "round " << round << ", role " << role << ", " << ranks << " ranks, " << lanes
            << " lanes, " << most << " blocks";
      }
    }
    if (schedule.args.split.peer_blocks < ranks - 1) continue;
    for (std::uint32_t hops = 1; hops < ranks; ++hops) {
      const std::uint32_t peer = (self + hops) % ranks;
      const std::uint32_t sending = blocks_of(schedule, kernels::kSends, ranks - 1)[hops - 1];
      const bool lined = ll_bytes > 0 && links[peer] == device::LinkKind::kMemory;
      ASSERT_GE(sending, 1U);
      ASSERT_LE(sending, lined ? test::to(schedule, peer).lanes : lanes);
      ASSERT_GE(blocks_of(schedule, kernels::kReceives, ranks - 1)[hops - 1], 1U);
    }
  }
}

/// A choice of ranks other than `self`, by hops: to them, or from them.
std::vector<std::uint32_t> some_peers(std::mt19937_64& random, std::uint32_t self,
                                      std::uint32_t ranks, bool to) {
  std::vector<std::uint32_t> peers;
  for (std::uint32_t hops = 1; hops < ranks; ++hops) {
    if (random() % 3 == 0) peers.push_back((self + (to ? hops : ranks - hops)) % ranks);
  }
  return peers;
}

TEST_F(RandomPlans, OfSomePeersHaveItemsOfTheseAlone) {
  for (int round = 0; round < 1500; ++round) {
    const auto ranks = static_cast<std::uint32_t>(1 + up_to(40));
    const auto self = static_cast<std::uint32_t>(up_to(ranks - 1));
    const auto lanes = static_cast<std::uint32_t>(1 + up_to(7));
    const auto budget = static_cast<std::uint32_t>(1 + up_to(60));
    const std::vector<std::uint32_t> to = some_peers(random_, self, ranks, true);
    const std::vector<std::uint32_t> from = some_peers(random_, self, ranks, false);
    std::vector<Extent> send(to.size());
    std::vector<Extent> receive(from.size());
    Messages messages;
    for (std::size_t i = 0; i < to.size(); ++i) {
      send[i].bytes = some_bytes();
      messages.sends.push_back({to[i], &send[i]});
    }
    for (std::size_t i = 0; i < from.size(); ++i) {
      receive[i].bytes = some_bytes();
      messages.receives.push_back({from[i], &receive[i]});
    }
    Schedule schedule;
    make_schedule({lanes, budget, 131072}, static_cast<int>(self), static_cast<int>(ranks),
                  messages, &schedule);
    const kernels::BlockSplit& split = schedule.args.split;
    ASSERT_EQ(schedule.args.sends, to.size());
    ASSERT_EQ(schedule.args.receives, from.size());
    ASSERT_EQ(schedule.args.self.bytes, 0U);
    ASSERT_LE(split.blocks, budget);
    for (const kernels::Role role : {kernels::kSends, kernels::kReceives}) {
      const std::size_t items = role == kernels::kSends ? to.size() : from.size();
      const std::vector<int> counts = count_visits(split, schedule.visits, role, items, lanes);
      ASSERT_TRUE(std::ranges::all_of(counts, [](int count) { return count == 1; }))
          << "round " << round << ", role " << role;
    }
    for (std::size_t i = 0; i < to.size(); ++i) {
      const kernels::SendItem& item = schedule.send[i];
      ASSERT_EQ(item.peer, to[i]);
      ASSERT_EQ(item.bytes, send[i].bytes);
      ASSERT_EQ(item.paired, std::ranges::count(from, to[i]) == 1);
    }
    for (std::size_t i = 0; i < from.size(); ++i) {
      const kernels::ReceiveItem& item = schedule.receive[i];
      const auto sent = std::ranges::find(to, from[i]);
      ASSERT_EQ(item.peer, from[i]);
      ASSERT_EQ(item.bytes, receive[i].bytes);
      ASSERT_EQ(item.paired, sent != to.end());
      ASSERT_EQ(item.answered,
                item.paired && send[static_cast<std::size_t>(sent - to.begin())].bytes > 0);
    }
  }
}

/// What each block would visit if all pairs had equally many.
Visits even_visits(std::uint32_t peer_blocks, std::uint32_t ranks, std::uint32_t block) {
  const std::uint32_t peers = ranks - 1;
  const std::uint32_t item = peer_blocks < peers ? block : block % peers;
  const auto lane = static_cast<std::uint8_t>(peer_blocks < peers ? 0 : block / peers);
  const auto step = static_cast<std::uint8_t>(peer_blocks < peers ? 1 : peer_blocks / peers);
  return {static_cast<std::uint16_t>(item), 0, lane, step};
}

TEST(Visits, EqualMessagesGetEqualShares) {
  for (std::uint32_t ranks = 2; ranks <= 40; ++ranks) {
    for (const std::uint32_t lanes : {1U, 3U, 16U, 64U}) {
      for (std::uint32_t budget = 1; budget <= 192; ++budget) {
        std::vector<Extent> blocks(ranks, Extent{0, 16 << 20});
        Schedule schedule;
        test::schedule_alltoallv({lanes, budget, 131072, 4096}, 1, blocks, blocks, &schedule);
        const std::uint32_t peers = ranks - 1;
        const std::uint32_t each = std::min(lanes, budget / peers);
        const std::uint32_t peer_blocks = budget < peers ? budget : each * peers;
        const std::uint32_t self_blocks = std::min(budget - peer_blocks, 32U);
        ASSERT_EQ(schedule.args.split.peer_blocks, peer_blocks)
            << ranks << " " << lanes << " " << budget;
        ASSERT_EQ(schedule.args.split.blocks, peer_blocks + self_blocks);
        ASSERT_TRUE(schedule.args.split.first_self == 0 ||
                    (self_blocks > 0 && schedule.args.split.first_self == peer_blocks));
        for (std::uint32_t block = 0; block < peer_blocks; ++block) {
          const Visits even = even_visits(peer_blocks, ranks, block);
          for (const kernels::Role role : {kernels::kSends, kernels::kReceives}) {
            const Visits visits = visits_of(schedule.args.split, schedule.visits, role, block);
            ASSERT_EQ(visits.item, even.item);
            ASSERT_EQ(visits.peer, role == kernels::kSends ? schedule.send[visits.item].peer
                                                           : schedule.receive[visits.item].peer);
            ASSERT_EQ(visits.lane, even.lane);
            ASSERT_EQ(visits.lane_step, even.lane_step);
          }
        }
      }
    }
  }
}

TEST(Visits, BlocksGoByBytesInEachRole) {
  std::vector<Extent> send(5, Extent{0, 10 << 20});
  std::vector<Extent> receive(5, Extent{0, 10 << 20});
  send[2].bytes = 100 << 20;
  receive[4].bytes = 100 << 20;
  Schedule schedule;
  test::schedule_alltoallv({64, 52, 131072, 65536}, 0, send, receive, &schedule);
  EXPECT_EQ(blocks_of(schedule, kernels::kSends, 4), (std::vector<std::uint32_t>{4, 40, 4, 4}));
  // Rank 4 is one hop before rank 0.
  EXPECT_EQ(blocks_of(schedule, kernels::kReceives, 4), (std::vector<std::uint32_t>{40, 4, 4, 4}));
}

TEST(Visits, APeerGetsNoMoreBlocksThanLanesAndNoFewerThanOne) {
  std::vector<Extent> blocks{{0, 0}, {0, 1 << 30}, {0, 0}, {0, 8 << 20}, {0, 4 << 20}};
  Schedule schedule;
  test::schedule_alltoallv({16, 30, 131072, 65536}, 0, blocks, blocks, &schedule);
  EXPECT_EQ(blocks_of(schedule, kernels::kSends, 4), (std::vector<std::uint32_t>{16, 1, 8, 4}));
  // What nobody's slowest block would gain by is left over.
  test::schedule_alltoallv({16, 31, 131072, 65536}, 0, blocks, blocks, &schedule);
  EXPECT_EQ(blocks_of(schedule, kernels::kSends, 4), (std::vector<std::uint32_t>{16, 1, 8, 4}));
}

TEST(Visits, LanesThatMustBeVisitedAreWorkEvenWithoutBytes) {
  const std::vector<Extent> blocks{{0, 0}, {0, 0}, {0, 0}};
  using device::LinkKind;
  const std::vector<LinkKind> links{LinkKind::kMemory, LinkKind::kMemory, LinkKind::kNetwork};
  Schedule schedule;
  test::schedule_alltoallv({64, 34, 131072, 4096, links}, 0, blocks, blocks, &schedule);
  EXPECT_EQ(blocks_of(schedule, kernels::kSends, 2), (std::vector<std::uint32_t>{1, 33}));
  EXPECT_EQ(blocks_of(schedule, kernels::kReceives, 2), (std::vector<std::uint32_t>{33, 1}));
}

}  // namespace
}  // namespace causeway
