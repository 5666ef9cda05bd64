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

  EngineVote vote() const {
    return vote_on_engine(limits, 0, pattern_of_all(0, static_cast<int>(send.size())),
                          {nullptr, send, nullptr, receive, false}, peers);
  }

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

/// The table of rows, some of which are shorter than others.
BlockTable table_of(const std::vector<std::vector<std::uint64_t>>& rows) {
  const std::size_t longest = std::ranges::max(rows, {}, &std::vector<std::uint64_t>::size).size();
  BlockTable table(rows.size(), longest);
  for (std::size_t rank = 0; rank < rows.size(); ++rank) {
    std::ranges::copy(rows[rank], table.words() + rank * longest);
  }
  return table;
}

/// The buffers of all ranks of an exchange, of which some ask for more than they are sent.
class World {
 public:
  World(test::Random& random, int ranks, std::uint64_t most)
      : counts(test::random_counts(random, ranks, most)), table(0, 1) {
    std::vector<std::vector<std::uint64_t>> rows;
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
      patterns.push_back(pattern_of_all(static_cast<int>(rank), ranks));
      rows.push_back(BlockTable::row(static_cast<int>(rank), patterns[rank], buffers(rank), begin));
    }
    table = table_of(rows);
  }

  Buffers buffers(std::size_t rank) {
    return {send[rank].bytes.data(), send[rank].blocks, receive[rank].bytes.data(),
            receive[rank].blocks, false};
  }
  EngineRound round(int rank) const {
    return {table, rank, patterns[static_cast<std::size_t>(rank)], 0};
  }

  int ranks() const { return static_cast<int>(send.size()); }

  Counts counts;
  std::vector<Buffer> send;
  std::vector<Buffer> receive;
  std::vector<Memory> regions;
  std::vector<Pattern> patterns;
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
           world.round(rank).copies(world.buffers(static_cast<std::size_t>(rank)), world.regions)) {
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
  std::vector<std::vector<std::uint64_t>> rows;
  std::vector<Memory> peers;
  for (int rank = 0; rank < 4; ++rank) {
    std::byte* const region = memory + 100 * rank;
    peers.push_back(view_of(region));
    rows.push_back(BlockTable::row(rank, pattern_of_all(rank, 4),
                                   {region, blocks, region, blocks, false}, region));
  }
  const BlockTable table = table_of(rows);
  const Pattern pattern = pattern_of_all(2, 4);
  const std::vector<PeerCopy> copies =
      EngineRound(table, 2, pattern, 0).copies({memory + 50, blocks, memory, blocks, false}, peers);
  ASSERT_EQ(copies.size(), 4U);
  const int order[] = {3, 0, 1, 2};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(copies[i].to, memory + 100 * order[i] + 20);
    EXPECT_EQ(copies[i].from, memory + 50 + 10 * order[i]);
  }
}

/// The bytes of a word to, or from, a rank; none where there is no word.
std::uint64_t word_of(const std::vector<Edge>& edges, const std::vector<Extent>& blocks,
                      std::uint32_t peer) {
  const auto edge = std::ranges::find(edges, peer, &Edge::peer);
  return edge == edges.end() ? 0 : blocks[edge->block].bytes;
}

/// Each word that is sent is one that is received, and the words of a rank lie side by side.
TEST(EngineWords, AreBetweenRanksThatExchangeBytes) {
  test::Random random(19);
  for (int e = 0; e < 50; ++e) {
    const World world(random, 1 + static_cast<int>(random() % 5), 10);
    const auto ranks = static_cast<std::uint32_t>(world.ranks());
    std::vector<Words> ready;
    std::vector<Words> done;
    for (int rank = 0; rank < world.ranks(); ++rank) {
      const EngineRound round = world.round(rank);
      ready.push_back(round.ready_words());
      done.push_back(round.done_words());
      for (const Words& words : {ready.back(), done.back()}) {
        ASSERT_EQ(words.pattern.rounds.size(), 1U);
        std::vector<int> uses(round.words_bytes());
        for (const auto& list : {words.send, words.receive}) {
          for (const Extent& block : list) {
            for (std::uint64_t i = 0; i < block.bytes; ++i) {
              ++uses.at(static_cast<std::uint64_t>(block.offset) + i);
            }
          }
        }
        EXPECT_TRUE(std::ranges::all_of(uses, [](int times) { return times <= 1; }));
      }
    }
    const auto sent = [](const Words& words, std::uint32_t to) {
      return word_of(words.pattern.rounds[0].sends, words.send, to);
    };
    const auto heard = [](const Words& words, std::uint32_t from) {
      return word_of(words.pattern.rounds[0].receives, words.receive, from);
    };
    for (std::uint32_t from = 0; from < ranks; ++from) {
      for (std::uint32_t to = 0; to < ranks; ++to) {
        const std::uint64_t bytes = from != to && world.counts[from][to] > 0 ? kWordBytes : 0;
        EXPECT_EQ(sent(ready[to], from), bytes);
        EXPECT_EQ(heard(ready[from], to), bytes);
        EXPECT_EQ(sent(done[from], to), bytes);
        EXPECT_EQ(heard(done[to], from), bytes);
      }
    }
  }
}

/// Of edges that some ranks have several times, by rounds.
TEST(BlockTable, KnowsTheBlocksOfEachRound) {
  // Rank 0 sends rank 1 twice and itself once; rank 1 asks for less the second time.
  const std::vector<Edge> sends{{1, 0}, {0, 1}, {1, 2}};
  const std::vector<Edge> asks_itself{{0, 0}};
  const std::vector<Edge> asks{{0, 1}, {0, 0}};
  const Pattern first = pattern_of_edges(Operation::kNeighbor, 0, 2, sends, asks_itself);
  const Pattern second = pattern_of_edges(Operation::kNeighbor, 1, 2, {}, asks);
  std::byte memory[100];
  const std::vector<Extent> sent{{0, 10}, {10, 5}, {20, 8}};
  const std::vector<Extent> own{{50, 5}};
  const std::vector<Extent> asked{{70, 7}, {80, 10}};
  const Buffers of_first{memory, sent, memory, own, false};
  const Buffers of_second{nullptr, {}, memory, asked, false};
  const BlockTable table = table_of({BlockTable::row(0, first, of_first, memory + 50),
                                     BlockTable::row(1, second, of_second, memory + 70)});
  EXPECT_TRUE(table.sends(0, 1, 0) && table.sends(0, 1, 1) && table.sends(0, 0, 0));
  EXPECT_FALSE(table.sends(0, 1, 2) || table.sends(0, 0, 1) || table.sends(1, 0, 0));
  EXPECT_EQ(table.asked(1, 0, 0).place, 10U);
  EXPECT_EQ(table.asked(1, 0, 1).place, 0U);
  EXPECT_EQ(table.asked(0, 0, 0).bytes, 5U);
  EXPECT_EQ(table.asked(1, 0, 2).bytes, 0U);
  const Mismatch longer = table.find_mismatch(0, first, of_first);
  EXPECT_EQ(longer.what, Mismatch::kLonger);
  EXPECT_EQ(longer.from, 0U);
  EXPECT_EQ(longer.to, 1U);
  EXPECT_EQ(longer.sent, 8U);
  EXPECT_EQ(longer.asked, 7U);
  EXPECT_FALSE(table.find_mismatch(1, second, of_second).any());
}

/// What two ranks say of a message from the first to the second, or to itself where only one end
/// knows of it.
Mismatch mismatch(int rank, bool is_sent, std::uint32_t tag, bool is_received,
                  std::uint32_t asked_tag) {
  const std::vector<Extent> block{{0, 4}};
  const Edge to{1, 0};
  const Edge from{0, 0};
  Pattern sends = pattern_of_edges(Operation::kSendrecv, 0, 2, std::span(&to, is_sent ? 1 : 0), {});
  Pattern receives =
      pattern_of_edges(Operation::kSendrecv, 1, 2, {}, std::span(&from, is_received ? 1 : 0));
  sends.tags.send = tag;
  receives.tags.receive = asked_tag;
  std::byte memory[8];
  const Buffers out{memory, block, nullptr, {}, false};
  const Buffers in{nullptr, {}, memory, block, false};
  const BlockTable table =
      table_of({BlockTable::row(0, sends, out, nullptr), BlockTable::row(1, receives, in, memory)});
  return rank == 0 ? table.find_mismatch(0, sends, out) : table.find_mismatch(1, receives, in);
}

TEST(BlockTable, FindsMessagesWhoseEndsDiffer) {
  EXPECT_FALSE(mismatch(0, true, 7, true, 7).any());
  EXPECT_FALSE(mismatch(1, true, 7, true, 7).any());
  EXPECT_EQ(mismatch(0, true, 7, false, 7).what, Mismatch::kNotReceived);
  EXPECT_EQ(mismatch(1, false, 7, true, 7).what, Mismatch::kNotSent);
  const Mismatch tags = mismatch(0, true, 7, true, 9);
  EXPECT_EQ(tags.what, Mismatch::kTags);
  EXPECT_EQ(tags.sent, 7U);
  EXPECT_EQ(tags.asked, 9U);
}

}  // namespace
}  // namespace causeway
