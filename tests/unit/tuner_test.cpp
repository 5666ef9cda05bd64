// The tuner: what the built-in tables choose, and how rules change it.
#include <exchange.hpp>
#include <schedules.hpp>

#include <gtest/gtest.h>

namespace causeway {
namespace {

using device::LinkKind;

constexpr std::uint64_t kKiB = 1024;

const Tuner& tuner_of(DeviceKind device) {
  static const Tuner cuda(DeviceKind::kCuda);
  return device == DeviceKind::kCuda ? cuda : host_tuner();
}

/// A plan of rank 0 of two, which send each other `bytes` and themselves `to_self`.
Schedule schedule_pair(ScheduleLimits limits, std::uint64_t bytes,
                       LinkKind link = LinkKind::kMemory, std::uint64_t to_self = 0) {
  const std::vector<LinkKind> links{LinkKind::kMemory, link};
  limits.links = links;
  const std::vector<Extent> blocks{{0, to_self}, {0, bytes}};
  Schedule schedule;
  test::schedule_alltoallv(limits, 0, blocks, blocks, &schedule);
  return schedule;
}

Protocol protocol_of(const Schedule& schedule) {
  return static_cast<Protocol>(test::to(schedule, 1).protocol);
}

TEST(TuningTable, BeginsEachLinkWithARowForEveryMessage) {
  for (const DeviceKind device : {DeviceKind::kHost, DeviceKind::kCuda}) {
    bool begun[3] = {};
    for (const TuningRule& row : built_in_rules(device)) {
      ASSERT_TRUE(row.link && row.protocol && row.lanes && row.lane_bytes && row.chunk);
      ASSERT_TRUE(row.threads.has_value());
      bool& link_begun = begun[static_cast<std::uint32_t>(*row.link)];
      if (!link_begun) {
        EXPECT_EQ(row.protocol, Protocol::kStaged);
        EXPECT_TRUE(!row.operation && row.bytes == Range{} && row.ctas == Range{});
      }
      link_begun = true;
    }
    for (const bool link_begun : begun) EXPECT_TRUE(link_begun);
  }
}

TEST(TuningTable, MemoryLinksHaveLinesUpToTheLimitThatWasAgreed) {
  const struct {
    std::uint64_t bytes;
    std::uint32_t lanes;
  } cases[] = {{0, 1},          {1, 1},           {1024, 1},       {1025, 2},
               {31 * kKiB, 31}, {31745, 32},      {32768, 32},     {32769, 17},
               {64 * kKiB, 32}, {128 * kKiB, 64}, {256 * kKiB, 64}};
  for (const DeviceKind device : {DeviceKind::kHost, DeviceKind::kCuda}) {
    ScheduleLimits limits{64, 100, 128 * kKiB, 256 * kKiB};
    limits.tuner = &tuner_of(device);
    for (const auto& [bytes, lanes] : cases) {
      const Schedule schedule = schedule_pair(limits, bytes);
      EXPECT_EQ(protocol_of(schedule), Protocol::kLl) << bytes;
      EXPECT_EQ(test::to(schedule, 1).lanes, lanes) << bytes;
      EXPECT_EQ(test::from(schedule, 1).protocol, test::to(schedule, 1).protocol);
      EXPECT_EQ(test::from(schedule, 1).lane_bytes, test::to(schedule, 1).lane_bytes) << bytes;
      EXPECT_EQ(schedule.args.split.peer_blocks, lanes);
      EXPECT_EQ(schedule.args.split.threads,
                device == DeviceKind::kCuda && bytes <= 512 ? 128U : 256U);
    }
    const Schedule above = schedule_pair(limits, 256 * kKiB + 1);
    EXPECT_EQ(protocol_of(above), Protocol::kStaged);
    EXPECT_EQ(test::to(above, 1).lanes, 16U);
    EXPECT_EQ(test::from(above, 1).protocol, test::to(above, 1).protocol);
    EXPECT_EQ(above.args.split.threads, 512U);
    limits.ll_bytes = 1000;
    EXPECT_EQ(protocol_of(schedule_pair(limits, 1000)), Protocol::kLl);
    EXPECT_EQ(test::to(schedule_pair(limits, 1000), 1).lanes,
              8U);  // lines for 128 bytes in each lane
    EXPECT_EQ(protocol_of(schedule_pair(limits, 1001)), Protocol::kStaged);
    EXPECT_EQ(protocol_of(schedule_pair(limits, 100, LinkKind::kNetwork)), Protocol::kStaged);
    limits.ll_bytes = 0;
    EXPECT_EQ(protocol_of(schedule_pair(limits, 0)), Protocol::kStaged);
    EXPECT_EQ(schedule_pair(limits, 0).args.split.threads, 512U);
  }
}

TEST(TuningTable, Ll128ServesWhereAllRanksHaveThem) {
  const std::vector<std::uint32_t> regions{1, 1};
  const Tuner of_many_lanes(DeviceKind::kCuda, {}, {.most = 64, .at_once = 64, .beside_next = 62});
  ScheduleLimits limits{64, 100, 128 * kKiB, 256 * kKiB, {}, regions, &of_many_lanes, 8192 * kKiB};
  EXPECT_EQ(protocol_of(schedule_pair(limits, 64 * kKiB)), Protocol::kLl);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 8192 * kKiB + 1)), Protocol::kDirect);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 256 * kKiB, LinkKind::kNetwork)), Protocol::kStaged);
  const struct {
    std::uint64_t bytes;
    std::uint32_t lanes;
  } cases[] = {{64 * kKiB + 1, 9}, {128 * kKiB, 16},  {256 * kKiB, 32},      {512 * kKiB, 44},
               {1024 * kKiB, 44},  {2048 * kKiB, 44}, {2048 * kKiB + 1, 64}, {8192 * kKiB, 64}};
  for (const auto& [bytes, lanes] : cases) {
    const Schedule schedule = schedule_pair(limits, bytes);
    EXPECT_EQ(protocol_of(schedule), Protocol::kLl128) << bytes;
    EXPECT_EQ(test::to(schedule, 1).lanes, lanes) << bytes;
    EXPECT_EQ(test::from(schedule, 1).protocol, test::to(schedule, 1).protocol);
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      EXPECT_LE(kernels::lane_share(test::to(schedule, 1),
                                    kernels::tag_of(kernels::Operation::kAlltoallv), lane)
                    .bytes,
                ll128_bytes_for(8192 * kKiB, 64));
    }
  }
  limits.tuner = &tuner_of(DeviceKind::kHost);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 256 * kKiB)), Protocol::kLl);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 256 * kKiB + 1)), Protocol::kLl128);
}

TEST(TuningTable, BetweenManyRanksLinesHaveLanesThatLeaveRoomForTheNextLaunch) {
  // As between 4 and between 8 GPUs of 132 multiprocessors.
  const struct {
    PairLanes of_pair;
    std::uint64_t bytes;
    std::uint32_t lanes;
    Protocol protocol;
  } cases[] = {{{38, 41, 20}, 512, 1, Protocol::kLl},
               {{38, 41, 20}, 16 * kKiB, 16, Protocol::kLl},
               {{38, 41, 20}, 32 * kKiB, 20, Protocol::kLl},
               {{38, 41, 20}, 40 * kKiB, 20, Protocol::kLl},
               {{38, 41, 20}, 40 * kKiB + 1, 6, Protocol::kLl128},
               {{38, 41, 20}, 640 * kKiB, 20, Protocol::kLl128},
               {{38, 41, 20}, 640 * kKiB + 1, 38, Protocol::kLl128},
               {{38, 41, 20}, 8192 * kKiB, 38, Protocol::kLl128},
               {{17, 17, 8}, 16 * kKiB, 8, Protocol::kLl},
               {{17, 17, 8}, 16 * kKiB + 1, 3, Protocol::kLl128},
               {{17, 17, 8}, 256 * kKiB, 8, Protocol::kLl128},
               {{17, 17, 8}, 256 * kKiB + 1, 17, Protocol::kLl128},
               {{6, 2, 1}, 64 * kKiB, 2, Protocol::kLl128},
               {{6, 2, 1}, 512 * kKiB, 2, Protocol::kLl128},
               {{6, 2, 1}, 512 * kKiB + 1, 6, Protocol::kStaged},
               {{1, 1, 1}, 2 * kKiB, 1, Protocol::kLl},
               {{1, 1, 1}, 2 * kKiB + 1, 1, Protocol::kLl128}};
  for (const auto& [of_pair, bytes, lanes, protocol] : cases) {
    const Tuner tuner(DeviceKind::kCuda, {}, of_pair);
    ScheduleLimits limits{of_pair.most, 124,    128 * kKiB,  256 * kKiB, {},
                          {},           &tuner, 8192 * kKiB, 124};
    const Schedule schedule = schedule_pair(limits, bytes);
    EXPECT_EQ(protocol_of(schedule), protocol) << bytes;
    EXPECT_EQ(test::to(schedule, 1).lanes, lanes) << bytes;
  }
}

TEST(TuningTable, PairsOfGpusHaveLanesByTheThreadBlocks) {
  const struct {
    std::uint32_t ranks, blocks, lanes;
  } cases[] = {{1, 124, 1},   {2, 124, 64}, {3, 124, 55}, {4, 124, 38}, {8, 124, 17}, {125, 124, 1},
               {512, 124, 1}, {2, 1, 1},    {4, 3, 1},    {2, 8, 8},    {4, 8, 6},    {8, 8, 2},
               {9, 8, 1},     {4, 16, 5},   {2, 31, 28},  {4, 33, 10}};
  for (const auto& [ranks, blocks, lanes] : cases) {
    EXPECT_EQ(default_lanes(DeviceKind::kCuda, ranks, blocks), lanes)
        << ranks << " ranks, " << blocks;
    EXPECT_EQ(default_lanes(DeviceKind::kHost, ranks, blocks), 1U);
  }
}

TEST(TuningTable, LanesOfAPairThatServeAtOnceShareTheThreadBlocks) {
  const struct {
    std::uint32_t ranks;
    bool one_host;
    std::uint32_t at_once, beside_next;
  } cases[] = {{1, true, 64, 64},  {2, true, 64, 62}, {4, true, 41, 20},
               {4, false, 41, 64}, {64, true, 1, 1},  {512, true, 1, 1}};
  for (const auto& [ranks, one_host, at_once, beside_next] : cases) {
    const PairLanes lanes = pair_lanes(7, ranks, 124, one_host);
    EXPECT_EQ(lanes.most, 7U);
    EXPECT_EQ(lanes.at_once, at_once) << ranks;
    EXPECT_EQ(lanes.beside_next, beside_next) << ranks;
  }
}

TEST(TuningTable, StagedMessagesHaveALaneForEach16KiB) {
  const struct {
    std::uint64_t bytes;
    std::uint32_t lanes;
  } cases[] = {{0, 1},       {1, 1}, {32767, 1}, {32768, 2}, {1023 * kKiB, 63}, {1024 * kKiB, 64},
               {1 << 30, 64}};
  for (const DeviceKind device : {DeviceKind::kHost, DeviceKind::kCuda}) {
    for (const LinkKind link : {LinkKind::kMemory, LinkKind::kNetwork}) {
      ScheduleLimits limits{64, 100, 128 * kKiB};
      limits.tuner = &tuner_of(device);
      for (const auto& [bytes, lanes] : cases) {
        const Schedule schedule = schedule_pair(limits, bytes, link);
        EXPECT_EQ(protocol_of(schedule), Protocol::kStaged);
        EXPECT_EQ(test::to(schedule, 1).lanes, lanes) << bytes;
        EXPECT_EQ(test::to(schedule, 1).piece_bytes, 128 * kKiB);
        EXPECT_EQ(schedule.args.split.peer_blocks,
                  64U);  // each lane says in every exchange what it has
        EXPECT_EQ(schedule.args.split.threads, 512U);
      }
      limits.piece_bytes = std::uint64_t{1} << 40;
      EXPECT_EQ(test::to(schedule_pair(limits, 1, link), 1).piece_bytes, std::uint32_t{1} << 31);
    }
  }
}

TEST(TuningTable, ARanksOwnBlockHasThreadBlocksByItsBytes) {
  ScheduleLimits limits{1, 100, 128 * kKiB, 64 * kKiB};
  const auto self_blocks = [&](std::uint64_t bytes, std::uint64_t to_self) {
    const Schedule schedule = schedule_pair(limits, bytes, LinkKind::kMemory, to_self);
    return std::pair(schedule.args.split.blocks - schedule.args.split.peer_blocks,
                     schedule.args.split.threads);
  };
  using Split = std::pair<std::uint32_t, std::uint32_t>;
  EXPECT_EQ(self_blocks(1, 0), Split(1, 256));
  EXPECT_EQ(self_blocks(1, 16 * kKiB - 1), Split(1, 256));
  EXPECT_EQ(self_blocks(1, 16 * kKiB), Split(2, 256));
  EXPECT_EQ(self_blocks(1, 256 * kKiB), Split(32, 256));
  EXPECT_EQ(self_blocks(1, 8192 * kKiB), Split(32, 256));
  EXPECT_EQ(self_blocks(1, 8192 * kKiB + 1), Split(32, 512));
  EXPECT_EQ(self_blocks(64 * kKiB + 1, 256 * kKiB), Split(16, 512));
  EXPECT_EQ(self_blocks(64 * kKiB + 1, 1 << 30), Split(32, 512));
  limits.ll_bytes = 0;
  EXPECT_EQ(self_blocks(1, 256 * kKiB), Split(16, 512));
}

TEST(Plan, OfMessagesThatAllComeStraightIntoMemoryHasNearlyAllThreadsSend) {
  const std::vector<std::uint32_t> regions{1, 1};
  ScheduleLimits limits{64, 100, 128 * kKiB, 1000, {}, regions, &tuner_of(DeviceKind::kCuda)};
  EXPECT_EQ(schedule_pair(limits, 1 << 30).args.split.send_threads,
            512U - kernels::kThreadsThatHear);
  EXPECT_EQ(schedule_pair(limits, 100 * kKiB).args.split.send_threads, 256U);
  EXPECT_EQ(schedule_pair(limits, 1000).args.split.send_threads, 128U);
  limits.regions = {};
  EXPECT_EQ(schedule_pair(limits, 1 << 30).args.split.send_threads, 256U);
}

TEST(TuningTable, WhatAPeerCanReadItReadsWhereItLies) {
  const std::vector<std::uint8_t> pullers{1, 1};
  const std::vector<std::uint32_t> regions{1, 1};
  ScheduleLimits limits{1, 1, 128 * kKiB, 128, {}, regions};
  limits.pullers = pullers;
  EXPECT_EQ(protocol_of(schedule_pair(limits, 8 * kKiB - 1)), Protocol::kStaged);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 8 * kKiB)), Protocol::kPull);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 1 << 30)), Protocol::kPull);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 1 << 30, LinkKind::kNetwork)), Protocol::kStaged);
  const Tuner shared(DeviceKind::kHost, {}, {}, Processors::kShared);
  limits.tuner = &shared;
  EXPECT_EQ(protocol_of(schedule_pair(limits, 16 * kKiB - 1)), Protocol::kStaged);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 16 * kKiB)), Protocol::kPull);
  const std::vector<std::uint8_t> of_others{1, 0};
  limits.pullers = of_others;
  EXPECT_EQ(protocol_of(schedule_pair(limits, 1 << 30)), Protocol::kDirect);
}

TEST(TuningTable, RegisteredMemoryIsWrittenStraightInto) {
  const std::vector<std::uint32_t> regions{1, 1};
  ScheduleLimits limits{64, 100, 128 * kKiB, 1000, {}, regions};
  EXPECT_EQ(protocol_of(schedule_pair(limits, 1000)), Protocol::kLl);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 128 * kKiB)), Protocol::kStaged);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 128 * kKiB + 1)), Protocol::kDirect);
  limits.tuner = &tuner_of(DeviceKind::kCuda);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 512 * kKiB - 1)), Protocol::kStaged);
  const Schedule schedule = schedule_pair(limits, 512 * kKiB);
  EXPECT_EQ(protocol_of(schedule), Protocol::kDirect);
  EXPECT_EQ(test::to(schedule, 1).piece_bytes, 0U);
  EXPECT_EQ(test::to(schedule, 1).lanes, 8U);
  EXPECT_EQ(test::to(schedule_pair(limits, 1 << 30), 1).lanes, 64U);
  // Many lanes make going through rings pay for longer.
  const Tuner of_many_lanes(DeviceKind::kCuda, {}, {.most = 64});
  limits.tuner = &of_many_lanes;
  EXPECT_EQ(protocol_of(schedule_pair(limits, 4096 * kKiB - 1)), Protocol::kStaged);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 4096 * kKiB)), Protocol::kDirect);
  EXPECT_EQ(test::to(schedule_pair(limits, 4096 * kKiB), 1).lanes, 64U);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 1 << 30, LinkKind::kNetwork)), Protocol::kStaged);
  const std::vector<std::uint32_t> of_others{1, 0};
  limits.regions = of_others;
  EXPECT_EQ(protocol_of(schedule_pair(limits, 1 << 30)), Protocol::kStaged);
}

/// A tuner with rules on top of a device's table.
Tuner tuned(const std::string& text, DeviceKind device = DeviceKind::kCuda) {
  std::vector<TuningRule> rules;
  const Status status = parse_rules("test", text, &rules);
  EXPECT_TRUE(status.ok()) << status.message();
  return Tuner(device, rules);
}

TEST(Tuner, LaterRulesWinKeyByKey) {
  const Tuner tuner = tuned(
      "*:memory:1M-2M:lanes=8,chunk=64K; *:*:2M-:lanes=4; *:network:*:lanes=3;"
      "*:memory:*:ctas=1-16:threads=384");
  const auto choose = [&](LinkKind link, std::uint64_t bytes, std::uint32_t ctas) {
    return tuner.choose({Operation::kAlltoallv, link, bytes, ctas, false, false});
  };
  const Choice below = choose(LinkKind::kMemory, (1 << 20) - 1, 17);
  EXPECT_EQ(below.lanes, 64U);
  EXPECT_EQ(below.chunk, 0U);
  EXPECT_EQ(below.threads, 512U);
  const Choice in = choose(LinkKind::kMemory, 1 << 20, 16);
  EXPECT_EQ(in.lanes, 8U);
  EXPECT_EQ(in.chunk, 64 * kKiB);
  EXPECT_EQ(in.lane_bytes, 16 * kKiB);
  EXPECT_EQ(in.threads, 384U);
  const Choice in_both = choose(LinkKind::kMemory, 2 << 20, 100);
  EXPECT_EQ(in_both.lanes, 4U);
  EXPECT_EQ(in_both.chunk, 64 * kKiB);
  EXPECT_EQ(choose(LinkKind::kNetwork, 3 << 20, 100).lanes, 3U);
  EXPECT_EQ(choose(LinkKind::kSelf, 3 << 20, 100).lanes, 4U);
}

TEST(Tuner, AProtocolThatCannotServeGivesWayWithItsRule) {
  const Tuner tuner = tuned(
      "*:memory:*:protocol=staged,chunk=32K; *:memory:*:protocol=direct,chunk=4K,lanes=2;"
      "*:memory:*:protocol=ll,lanes=5");
  const auto choose = [&](bool lines, bool direct) {
    return tuner.choose({Operation::kAlltoallv, LinkKind::kMemory, 1000, 100, lines, direct});
  };
  EXPECT_EQ(choose(true, true).protocol, Protocol::kLl);
  EXPECT_EQ(choose(true, true).lanes, 5U);
  EXPECT_EQ(choose(true, true).threads, 256U);
  EXPECT_EQ(choose(false, true).protocol, Protocol::kDirect);
  EXPECT_EQ(choose(false, true).lanes, 2U);
  EXPECT_EQ(choose(false, true).chunk, 4 * kKiB);
  EXPECT_EQ(choose(false, false).protocol, Protocol::kStaged);
  EXPECT_EQ(choose(false, false).lanes, 64U);
  EXPECT_EQ(choose(false, false).chunk, 32 * kKiB);
}

TEST(Tuner, Ll128DoesNotServeWhereThereAreNoneNotEvenForNothing) {
  const Tuner insists = tuned("*:memory:*:protocol=ll128");
  ScheduleLimits limits{64, 100, 128 * kKiB, 256 * kKiB, {}, {}, &insists, 0};
  EXPECT_EQ(protocol_of(schedule_pair(limits, 0)), Protocol::kLl);
  limits.ll128_bytes = kKiB;
  EXPECT_EQ(protocol_of(schedule_pair(limits, 0)), Protocol::kLl128);
  EXPECT_EQ(test::to(schedule_pair(limits, 0), 1).lanes, 1U);
}

TEST(Tuner, CopyEnginesServeWhereARuleAsksForThemAndTheyCan) {
  constexpr std::uint64_t kLeast = 64 * 1024 * kKiB;
  const auto choose = [](DeviceKind device, LinkKind link, std::uint64_t bytes, bool engine) {
    return tuned("*:memory:64M-:protocol=engine", device)
        .choose({Operation::kAlltoallv, link, bytes, 100, false, true, engine})
        .protocol;
  };
  EXPECT_EQ(choose(DeviceKind::kCuda, LinkKind::kMemory, kLeast, true), Protocol::kEngine);
  EXPECT_EQ(choose(DeviceKind::kCuda, LinkKind::kMemory, kLeast - 1, true), Protocol::kDirect);
  EXPECT_EQ(choose(DeviceKind::kCuda, LinkKind::kMemory, kLeast, false), Protocol::kDirect);
  EXPECT_EQ(choose(DeviceKind::kCuda, LinkKind::kNetwork, kLeast, true), Protocol::kStaged);
  EXPECT_EQ(choose(DeviceKind::kHost, LinkKind::kMemory, kLeast, false), Protocol::kDirect);
}

/// What a rule asks of copy engines is for planned exchanges; channels have the rule before it.
TEST(Tuner, ChannelsDoNotGoByEngine) {
  const std::vector<std::uint32_t> regions{1, 1};
  ScheduleLimits limits{16, 100, 128 * kKiB, 64 * kKiB, {}, regions};
  for (const DeviceKind device : {DeviceKind::kHost, DeviceKind::kCuda}) {
    const Tuner engine = tuned("*:*:*:lanes=3; *:*:*:protocol=engine,lanes=5", device);
    limits.tuner = &engine;
    EXPECT_TRUE(prefers_engine(limits, Operation::kAlltoallv, 1, 1));
    EXPECT_EQ(protocol_of(schedule_pair(limits, 1 << 30)), Protocol::kDirect);
    EXPECT_EQ(test::to(schedule_pair(limits, 1 << 30), 1).lanes, 3U);
    EXPECT_EQ(protocol_of(schedule_pair(limits, 1000)), Protocol::kLl);
    const Tuner direct = tuned("*:*:*:protocol=engine; *:*:*:protocol=direct", device);
    limits.tuner = &direct;
    EXPECT_EQ(prefers_engine(limits, Operation::kAlltoallv, 1, 1), device == DeviceKind::kHost);
  }
}

TEST(Tuner, PlansKeepToWhatWasAgreedWhateverTheRulesAre) {
  const std::vector<std::uint32_t> regions{1, 1};
  ScheduleLimits limits{16, 100, 128 * kKiB, 64 * kKiB, {}, regions};
  const Tuner lines = tuned("*:*:*:protocol=ll,lanes=1,lane_bytes=1M");
  limits.tuner = &lines;
  EXPECT_EQ(protocol_of(schedule_pair(limits, 64 * kKiB + 1)), Protocol::kStaged);
  for (const std::uint64_t bytes : {0, 1, 4096, 4097, 65535, 65536}) {
    const Schedule schedule = schedule_pair(limits, bytes);
    EXPECT_EQ(protocol_of(schedule), Protocol::kLl);
    for (std::uint32_t lane = 0; lane < 16; ++lane) {
      EXPECT_LE(kernels::lane_share(test::to(schedule, 1),
                                    kernels::tag_of(kernels::Operation::kAlltoallv), lane)
                    .bytes,
                ll_bytes_for(64 * kKiB, 16));
    }
  }
  const Tuner wide = tuned("*:*:*:lanes=64,lane_bytes=1,chunk=1G,threads=64");
  limits.tuner = &wide;
  EXPECT_EQ(test::to(schedule_pair(limits, 64 * kKiB), 1).lanes, 16U);
  EXPECT_EQ(schedule_pair(limits, 64 * kKiB).args.split.threads, 64U);
  EXPECT_EQ(test::to(schedule_pair(limits, 1 << 20), 1).lanes, 16U);
  EXPECT_EQ(test::to(schedule_pair(limits, 1 << 20), 1).piece_bytes, 128 * kKiB);
  // A lane that the header counts and that carries nothing would be waited for.
  const Tuner thin = tuned("*:*:*:lanes=64,lane_bytes=1");
  limits.tuner = &thin;
  for (const std::uint32_t lanes : {1, 5, 16, 61}) {
    limits.lanes = lanes;
    for (std::uint64_t bytes = 0; bytes < 100 * kKiB; bytes += 1 + bytes / 50) {
      const Schedule schedule = schedule_pair(limits, bytes);
      const std::uint32_t last = test::to(schedule, 1).lanes - 1U;
      EXPECT_LE(last, lanes - 1);
      EXPECT_TRUE(last == 0 ||
                  kernels::lane_share(test::to(schedule, 1),
                                      kernels::tag_of(kernels::Operation::kAlltoallv), last)
                          .bytes > 0)
          << bytes;
      const std::uint64_t carried = (last + 1) * test::to(schedule, 1).lane_bytes;
      EXPECT_GE(carried, bytes);
    }
  }
  limits.lanes = 16;
  // Lower than the limit that was agreed.
  const Tuner fewer = tuned("*:memory:1K-:protocol=staged");
  limits.tuner = &fewer;
  EXPECT_EQ(protocol_of(schedule_pair(limits, 1023)), Protocol::kLl);
  EXPECT_EQ(protocol_of(schedule_pair(limits, 1024)), Protocol::kStaged);
  // On the host device what is eager is not direct.
  for (const DeviceKind device : {DeviceKind::kHost, DeviceKind::kCuda}) {
    const Tuner direct = tuned("*:*:*:protocol=direct", device);
    limits.tuner = &direct;
    const bool on_host = device == DeviceKind::kHost;
    EXPECT_EQ(protocol_of(schedule_pair(limits, 128 * kKiB)),
              on_host ? Protocol::kStaged : Protocol::kDirect);
    EXPECT_EQ(protocol_of(schedule_pair(limits, 128 * kKiB + 1)), Protocol::kDirect);
  }
}

}  // namespace
}  // namespace causeway
