// Planned exchanges by copy engines: when all ranks agree on them, and what is copied where.
#include <blocks.hpp>
#include <engine.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace causeway {
namespace {

using device::LinkKind;
using test::Buffer;
using test::column;
using test::Counts;

constexpr std::uint64_t kMiB = 1024 * 1024;

const Tuner& cuda_tuner() {
  static const Tuner tuner = [] {
    std::vector<TuningRule> rules;
    EXPECT_TRUE(parse_rules("test", "*:memory:64M-:protocol=engine", &rules).ok());
    return Tuner(DeviceKind::kCuda, rules);
  }();
  return tuner;
}

ScheduleLimits cuda_limits() {
  ScheduleLimits limits{16, 100, 128 * 1024, 64 * 1024};
  limits.tuner = &cuda_tuner();
  return limits;
}

/// Memory that someone else owns.
Memory view_of(std::byte* bytes) { return {std::shared_ptr<void>(), bytes}; }

/// What rank 0 of three says, of blocks of these sizes.
class Voter {
 public:
  explicit Voter(const std::vector<std::uint64_t>& sizes) {
    for (const std::uint64_t bytes : sizes) {
      send.push_back({0, bytes});
      receive.push_back({0, bytes});
      peers.push_back(view_of(&byte_));
    }
  }

  EngineVote vote() const { return vote_on_engine(limits, 0, send, receive, peers); }

  ScheduleLimits limits = cuda_limits();
  std::vector<Extent> send;
  std::vector<Extent> receive;
  std::vector<Memory> peers;

 private:
  std::byte byte_{};
};

TEST(EngineVote, IsForWhatARuleSaysFrom64MiBOn) {
  for (const auto& [sizes, wanted] : std::vector<std::pair<std::vector<std::uint64_t>, bool>>{
           {{0, 64 * kMiB, 64 * kMiB}, true},
           {{1, 0, 100 * kMiB}, true},  // what is empty, or stays on the rank, does not count
           {{64 * kMiB, 64 * kMiB, 64 * kMiB - 1}, false},
           {{64 * kMiB, 1, 0}, false}}) {
    const EngineVote vote = Voter(sizes).vote();
    EXPECT_TRUE(vote.possible);
    EXPECT_TRUE(vote.sends);
    EXPECT_EQ(vote.wanted, wanted);
  }
  const EngineVote idle = Voter({64 * kMiB, 0, 0}).vote();
  EXPECT_TRUE(idle.possible && idle.wanted && !idle.sends);
}

TEST(EngineVote, KnowsWhatCopyEnginesCannotDo) {
  Voter of_unreached({64 * kMiB, 64 * kMiB, 64 * kMiB});
  of_unreached.peers[2].reset();
  EXPECT_FALSE(of_unreached.vote().possible);
  of_unreached.send[2].bytes = 0;  // nor does it have to be
  EXPECT_TRUE(of_unreached.vote().possible);

  const std::vector<LinkKind> links{LinkKind::kMemory, LinkKind::kMemory, LinkKind::kNetwork};
  Voter of_other_hosts({0, 64 * kMiB, 0});
  of_other_hosts.limits.links = links;
  EXPECT_FALSE(of_other_hosts.vote().possible);

  const auto layout = std::make_shared<const ElementLayout>();
  for (const bool sends : {false, true}) {
    for (std::size_t peer = 0; peer < 3; ++peer) {
      Voter of_layouts({64 * kMiB, 64 * kMiB, 64 * kMiB});
      (sends ? of_layouts.send : of_layouts.receive)[peer].layout = layout;
      EXPECT_FALSE(of_layouts.vote().possible);
    }
  }
}

TEST(EngineVote, HasToBeEveryRanks) {
  constexpr EngineVote kYes{true, true, true};
  constexpr EngineVote kIdle{true, true, false};
  EXPECT_TRUE(go_by_engine(std::vector<EngineVote>{kYes, kYes}));
  EXPECT_TRUE(go_by_engine(std::vector<EngineVote>{kIdle, kYes}));
  EXPECT_FALSE(go_by_engine(std::vector<EngineVote>{kIdle, kIdle}));
  EXPECT_FALSE(go_by_engine(std::vector<EngineVote>{kYes, {false, true, true}}));
  EXPECT_FALSE(go_by_engine(std::vector<EngineVote>{{true, false, true}, kYes}));
  EXPECT_FALSE(go_by_engine(std::vector<EngineVote>{kYes, {false, true, false}}));
}

/// The buffers of all ranks of an exchange, of which some ask for more than they are sent.
class World {
 public:
  World(test::Random& random, int ranks, std::uint64_t most)
      : counts(test::random_counts(random, ranks, most)), table(static_cast<std::size_t>(ranks)) {
    std::uint64_t* words = table.words();
    for (int rank = 0; rank < ranks; ++rank) {
      std::vector<std::uint64_t> asked = column(counts, rank);
      for (std::uint64_t& bytes : asked) bytes += random() % 3 == 0 ? random() % 100 : 0;
      send.emplace_back(random, counts[static_cast<std::size_t>(rank)]);
      receive.emplace_back(random, asked);
    }
    for (std::size_t rank = 0; rank < send.size(); ++rank) {
      Buffer& buffer = receive[rank];
      std::byte* begin = nullptr;
      for (const Extent& block : buffer.blocks) {
        std::byte* const at = buffer.bytes.data() + block.offset;
        if (block.bytes > 0 && (begin == nullptr || at < begin)) begin = at;
      }
      regions.push_back(view_of(begin));
      const auto row =
          BlockTable::row(send[rank].blocks, buffer.blocks, buffer.bytes.data(), begin);
      words = std::copy(row.begin(), row.end(), words);
    }
  }

  int ranks() const { return static_cast<int>(send.size()); }

  Counts counts;
  std::vector<Buffer> send;
  std::vector<Buffer> receive;
  std::vector<Memory> regions;
  BlockTable table;
};

TEST(EngineCopies, MoveEveryByteOnce) {
  test::Random random(17);
  for (std::uint64_t e = 0; e < 200; ++e) {
    World world(random, 1 + static_cast<int>(random() % 5), 3000);
    std::vector<std::pair<std::byte*, std::byte*>> written;
    std::uint64_t bytes = 0;
    for (int rank = 0; rank < world.ranks(); ++rank) {
      Buffer& send = world.send[static_cast<std::size_t>(rank)];
      send.fill(e, rank);
      for (const PeerCopy& copy :
           engine_copies(world.table, rank, send.bytes.data(), send.blocks, world.regions)) {
        ASSERT_GT(copy.bytes, 0U);
        std::memcpy(copy.to, copy.from, copy.bytes);
        written.emplace_back(copy.to, copy.to + copy.bytes);
        bytes += copy.bytes;
      }
    }
    std::ranges::sort(written);
    for (std::size_t i = 1; i < written.size(); ++i) {
      EXPECT_LE(written[i - 1].second, written[i].first);
    }
    std::uint64_t sent = 0;
    for (const auto& row : world.counts) sent = std::accumulate(row.begin(), row.end(), sent);
    EXPECT_EQ(bytes, sent);
    for (int rank = 0; rank < world.ranks(); ++rank) {
      Buffer& receive = world.receive[static_cast<std::size_t>(rank)];
      EXPECT_EQ(receive.wrong_bytes(e, rank, column(world.counts, rank)), 0U) << "exchange " << e;
    }
  }
}

TEST(EngineCopies, BeginWithTheNextRankAndEndWithTheRankItself) {
  std::byte memory[400] = {};
  const std::vector<Extent> blocks{{0, 10}, {10, 10}, {20, 10}, {30, 10}};
  BlockTable table(4);
  std::uint64_t* words = table.words();
  std::vector<Memory> peers;
  for (int rank = 0; rank < 4; ++rank) {
    std::byte* const region = memory + 100 * rank;
    peers.push_back(view_of(region));
    const auto row = BlockTable::row(blocks, blocks, region, region);
    words = std::copy(row.begin(), row.end(), words);
  }
  const std::vector<PeerCopy> copies = engine_copies(table, 2, memory + 50, blocks, peers);
  ASSERT_EQ(copies.size(), 4U);
  const int order[] = {3, 0, 1, 2};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(copies[i].to, memory + 100 * order[i] + 20);
    EXPECT_EQ(copies[i].from, memory + 50 + 10 * order[i]);
  }
}

/// Each word that is sent is one that is received, and the words of a rank lie side by side.
TEST(EngineWords, AreBetweenRanksThatExchangeBytes) {
  test::Random random(19);
  for (int e = 0; e < 50; ++e) {
    const World world(random, 1 + static_cast<int>(random() % 5), 10);
    const auto ranks = static_cast<std::size_t>(world.ranks());
    std::vector<Words> ready;
    std::vector<Words> done;
    for (int rank = 0; rank < world.ranks(); ++rank) {
      ready.push_back(ready_words(world.table, rank));
      done.push_back(done_words(world.table, rank));
      for (const Words& words : {ready.back(), done.back()}) {
        std::vector<int> uses(words_bytes(ranks));
        for (const auto& list : {words.send, words.receive}) {
          ASSERT_EQ(list.size(), ranks);
          for (const Extent& block : list) {
            for (std::uint64_t i = 0; i < block.bytes; ++i) {
              ++uses.at(static_cast<std::uint64_t>(block.offset) + i);
            }
          }
        }
        EXPECT_TRUE(std::ranges::all_of(uses, [](int times) { return times <= 1; }));
      }
    }
    for (std::size_t from = 0; from < ranks; ++from) {
      for (std::size_t to = 0; to < ranks; ++to) {
        const std::uint64_t bytes = from != to && world.counts[from][to] > 0 ? kWordBytes : 0;
        EXPECT_EQ(ready[to].send[from].bytes, bytes);
        EXPECT_EQ(ready[from].receive[to].bytes, bytes);
        EXPECT_EQ(done[from].send[to].bytes, bytes);
        EXPECT_EQ(done[to].receive[from].bytes, bytes);
      }
    }
  }
}

}  // namespace
}  // namespace causeway
