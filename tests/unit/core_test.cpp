// The core's parts that need no exchange: plans, agreement, topology, segments, failures, threads.
#include <causeway/device/host_device.hpp>
#include <causeway/device/wait.hpp>
#include <channel_layout.hpp>
#include <channel_set.hpp>
#include <device_backend.hpp>
#include <exchange.hpp>
#include <failure.hpp>
#include <host_executor.hpp>
#include <schedules.hpp>
#include <shared_segment.hpp>
#include <thread_bootstrap.hpp>
#include <topology.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace causeway {
namespace {

TEST(Plan, SpreadsLargeBlocksOverLanes) {
  const std::vector<Extent> send{{-8, 0}, {0, 100}, {100, 1 << 20}};
  const std::vector<Extent> receive{{0, 7}, {16, 0}, {32, 9}};
  Schedule schedule;
  test::schedule_alltoallv({4, 100, 4096}, 0, send, receive, &schedule);
  EXPECT_EQ(schedule.args.self.from, -8);
  EXPECT_EQ(schedule.args.self.bytes, 0U);
  EXPECT_EQ(schedule.args.self.asked, 7U);
  EXPECT_EQ(test::to(schedule, 1).lanes, 1U);
  EXPECT_EQ(test::to(schedule, 2).lanes, 4U);
  EXPECT_EQ(test::to(schedule, 2).piece_bytes, 4096U);
  EXPECT_EQ(test::from(schedule, 2).offset, 32);
  EXPECT_EQ(test::from(schedule, 2).bytes, 9U);
}

TEST(Plan, SmallMessagesGoInLinesWherePeersShareMemory) {
  const std::vector<Extent> blocks{{0, 65536}, {0, 65536}, {0, 65537}, {0, 1}, {0, 1}};
  using device::LinkKind;
  const std::vector<LinkKind> links{LinkKind::kMemory, LinkKind::kMemory, LinkKind::kMemory,
                                    LinkKind::kMemory, LinkKind::kNetwork};
  for (const std::uint32_t lanes : {1, 3, 16, 64}) {
    Schedule schedule;
    test::schedule_alltoallv({lanes, 1000, 4096, 65536, links}, 0, blocks, blocks, &schedule);
    EXPECT_EQ(static_cast<device::Protocol>(test::to(schedule, 1).protocol), device::Protocol::kLl);
    EXPECT_EQ(static_cast<device::Protocol>(test::to(schedule, 2).protocol),
              device::Protocol::kStaged);
    EXPECT_EQ(static_cast<device::Protocol>(test::to(schedule, 3).protocol), device::Protocol::kLl);
    EXPECT_EQ(test::to(schedule, 3).lanes, 1U);
    EXPECT_EQ(static_cast<device::Protocol>(test::to(schedule, 4).protocol),
              device::Protocol::kStaged);
    // Without lines every lane has something to say.
    EXPECT_EQ(schedule.args.split.peer_blocks,
              0U + test::to(schedule, 1).lanes + test::to(schedule, 2).lanes + 1U + lanes);
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      EXPECT_LE(kernels::lane_share(test::to(schedule, 1),
                                    kernels::tag_of(kernels::Operation::kAlltoallv), lane)
                    .bytes,
                ll_bytes_for(65536, lanes));
    }
  }
  EXPECT_EQ(ll_bytes_for(0, 5), 0U);
}

TEST(Plan, GivesTheRanksOwnBlockThreadBlocksThatAreLeft) {
  const auto split = [](std::uint32_t max_blocks, std::uint64_t to_self, std::size_t ranks) {
    std::vector<Extent> blocks(ranks, Extent{0, 1 << 20});
    blocks[0].bytes = to_self;
    Schedule schedule;
    test::schedule_alltoallv({4, max_blocks, 4096}, 0, blocks, blocks, &schedule);
    const kernels::BlockSplit& result = schedule.args.split;
    return std::vector<std::uint32_t>{result.blocks, result.peer_blocks, result.first_self};
  };
  using Split = std::vector<std::uint32_t>;
  EXPECT_EQ(split(100, 0, 3), (Split{9, 8, 8}));
  EXPECT_EQ(split(100, 1 << 18, 3), (Split{24, 8, 8}));
  // What would take them longer than the peers take is for all blocks together.
  EXPECT_EQ(split(9, 1 << 19, 3), (Split{9, 8, 0}));
  EXPECT_EQ(split(10, 1 << 30, 3), (Split{10, 8, 0}));
  EXPECT_EQ(split(100, 1 << 30, 3), (Split{40, 8, 0}));
  EXPECT_EQ(split(5, 1 << 30, 3), (Split{5, 4, 0}));
  EXPECT_EQ(split(4, 1 << 30, 3), (Split{4, 4, 0}));
  EXPECT_EQ(split(1, 1 << 30, 3), (Split{1, 1, 0}));
  EXPECT_EQ(split(100, 1 << 18, 1), (Split{16, 0, 0}));
  EXPECT_EQ(split(1, 0, 1), (Split{1, 0, 0}));
}

TEST(Plan, LeavesRoomForTheNextLaunchWhereMessagesAreShort) {
  const auto blocks = [](std::uint32_t max_ctas, std::uint64_t to_peer, std::uint64_t ll_bytes) {
    const std::vector<Extent> extents{{0, 256 << 10}, {0, to_peer}};
    ScheduleLimits limits{64, 96, 128 << 10, ll_bytes};
    limits.max_ctas = max_ctas;
    Schedule schedule;
    test::schedule_alltoallv(limits, 0, extents, extents, &schedule);
    EXPECT_EQ(schedule.args.split.peer_blocks, test::to(schedule, 1).lanes);
    return schedule.args.split.blocks - schedule.args.split.peer_blocks;
  };
  constexpr std::uint64_t kLimit = 256 << 10;
  EXPECT_EQ(blocks(124, 1 << 10, kLimit), 32U);    // 1 lane
  EXPECT_EQ(blocks(124, 70 << 10, kLimit), 27U);   // 35 lanes
  EXPECT_EQ(blocks(124, 122 << 10, kLimit), 1U);   // 61 lanes
  EXPECT_EQ(blocks(124, 124 << 10, kLimit), 32U);  // 62 lanes: there is none left
  EXPECT_EQ(blocks(0, 70 << 10, kLimit), 32U);
  EXPECT_EQ(blocks(124, 512 << 10, kLimit), 16U);  // not in lines
}

TEST(LaneShares, CoverABlockOnce) {
  for (const std::uint64_t bytes : {0, 1, 15, 16, 17, 100, 1000, 65537}) {
    for (std::uint8_t lanes = 1; lanes <= 5; ++lanes) {
      const kernels::SendItem item{0, bytes, kernels::lane_bytes_of(bytes, lanes), 64, 1, 0, lanes,
                                   0, true};
      std::uint64_t covered = 0;
      for (std::uint32_t lane = 0; lane < 7; ++lane) {
        const device::Share share =
            kernels::lane_share(item, kernels::tag_of(kernels::Operation::kAlltoallv), lane);
        if (share.bytes == 0) continue;
        EXPECT_LT(lane, lanes);
        EXPECT_EQ(share.offset, covered);
        EXPECT_EQ(share.offset % device::kPayloadAlign, 0U);
        covered += share.bytes;
      }
      EXPECT_EQ(covered, bytes);
    }
  }
}

TEST(HostExecutor, TheCallerIsNotIdleWhileItWaitsForTheOthers) {
  static std::atomic<int> calls = 0;
  kernels::HostExecutor executor(2);
  const auto task = [](std::uint32_t index) {
    while (index != 0 && calls < 3) std::this_thread::yield();
  };
  executor.run(task, [] { ++calls; });
  EXPECT_GE(calls, 3);
}

TEST(ChannelLayout, NoTwoThingsShareALine) {
  const ChannelLayout layout(3, 2, 4096, 2 * device::slot_bytes(256, 0));
  std::set<std::uint64_t> lines;
  for (std::uint64_t rank = 0; rank < 3; ++rank) {
    for (std::uint64_t lane = 0; lane < 2; ++lane) {
      EXPECT_TRUE(lines.insert(layout.sender_words(rank, lane)).second);
      EXPECT_TRUE(lines.insert(layout.receiver_words(rank, lane)).second);
      for (std::uint64_t at = 0; at < 4096; at += 128) {
        EXPECT_TRUE(lines.insert(layout.ring(rank, lane) + at).second);
      }
      for (std::uint64_t at = 0; at < 2 * (128 + 2 * 256); at += 128) {
        EXPECT_TRUE(lines.insert(layout.lines(rank, lane) + at).second);
      }
    }
  }
  for (const std::uint64_t line : lines) EXPECT_EQ(line % 128, 0U);
  EXPECT_GE(*lines.begin(), sizeof(SegmentHeader));
  EXPECT_EQ(*lines.rbegin() + 128, layout.bytes());
}

void on_ranks(int ranks, const std::function<void(Bootstrap&)>& body) {
  const ThreadWorld world(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] { body(*world.bootstrap(rank)); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ChannelSet, WithoutLl128AfterAllSaysSoOnEveryChannelAndChangesNothingElse) {
  on_ranks(2, [](Bootstrap& bootstrap) {
    const Topology topology(bootstrap.rank(), {this_place(), this_place()});
    const std::unique_ptr<DeviceBackend> backend = make_host_backend();
    RegionSet regions;
    ChannelSet channels;
    ASSERT_TRUE(regions.create(topology, *backend).ok());
    ASSERT_TRUE(
        channels.create(bootstrap, topology, *backend, regions, nullptr, {3, 4096, 128, 512, 0})
            .ok());
    const device::Communicator handle = channels.handle();
    const auto each = [&](const auto& check) {
      for (std::uint32_t peer = 0; peer < 2; ++peer) {
        for (std::uint32_t lane = 0; lane < 3; ++lane) {
          check(handle.send_channel(peer, lane).shape);
          check(handle.receive_channel(peer, lane).shape);
        }
      }
    };
    each([](const device::ChannelShape& shape) { EXPECT_EQ(shape.ll128_bytes, 512U); });
    ASSERT_TRUE(channels.forgo_ll128().ok());
    each([](const device::ChannelShape& shape) {
      EXPECT_EQ(shape.ll128_bytes, 0U);
      EXPECT_EQ(shape.ll_bytes, 128U);
      EXPECT_EQ(shape.slot_bytes, device::slot_bytes(128, 512));
      EXPECT_EQ(shape.ring_bytes, 4096U);
    });
    // Nobody lets go of what another rank still looks at.
    std::vector<int> all;
    ASSERT_TRUE(allgather(bootstrap, 0, &all).ok());
  });
}

/// Between reading reports and clearing them more may come, or be half written.
TEST(ChannelSet, ClearsTheReportsThatWereReadAlone) {
  on_ranks(1, [](Bootstrap& bootstrap) {
    const Topology topology(0, {this_place()});
    const std::unique_ptr<DeviceBackend> backend = make_host_backend();
    RegionSet regions;
    ChannelSet channels;
    ASSERT_TRUE(regions.create(topology, *backend).ok());
    ASSERT_TRUE(
        channels.create(bootstrap, topology, *backend, regions, nullptr, {1, 4096, 0, 0, 0}).ok());
    const device::WaitControl& control = channels.handle().control;
    const auto report = [&](device::Fault fault, std::uint32_t peer) {
      device::report_fault<device::HostDevice>(control, {fault, {}, peer, 0, 1, 2, 3, 0});
    };
    report(device::Fault::kDeclined, 5);
    const device::FaultReports first = channels.reports();
    EXPECT_EQ(first.declined.peer, 5U);
    report(device::Fault::kTruncated, 6);
    ASSERT_TRUE(channels.clear_reports(first).ok());
    const device::FaultReports second = channels.reports();
    EXPECT_EQ(second.declined.fault, device::Fault::kNone);
    EXPECT_EQ(second.truncated.peer, 6U);
    // Their places are free again, and theirs alone.
    report(device::Fault::kTruncated, 7);
    report(device::Fault::kDeclined, 8);
    ASSERT_TRUE(channels.clear_reports(second).ok());
    EXPECT_EQ(channels.reports().truncated.fault, device::Fault::kNone);
    EXPECT_EQ(channels.reports().declined.peer, 8U);
    // A report that is being written stays its writer's.
    ASSERT_TRUE(device::HostDevice::claim(&control.claims->truncated));
    ASSERT_TRUE(channels.clear_reports(channels.reports()).ok());
    EXPECT_FALSE(device::HostDevice::claim(&control.claims->truncated));
    EXPECT_TRUE(device::HostDevice::claim(&control.claims->declined));
  });
}

TEST(ThreadBootstrap, GathersInRankOrder) {
  on_ranks(5, [](Bootstrap& bootstrap) {
    for (int round = 0; round < 200; ++round) {
      std::vector<int> all;
      ASSERT_TRUE(allgather(bootstrap, round * 10 + bootstrap.rank(), &all).ok());
      for (int rank = 0; rank < 5; ++rank) {
        ASSERT_EQ(all[static_cast<std::size_t>(rank)], round * 10 + rank);
      }
    }
  });
}

TEST(Agree, GivesEveryRankTheLowestRanksError) {
  on_ranks(4, [](Bootstrap& bootstrap) {
    EXPECT_TRUE(agree(bootstrap, {}).ok());
    const bool fails = bootstrap.rank() == 1 || bootstrap.rank() == 3;
    const Status mine =
        fails ? Status::error(ErrorKind::kSystem, "no luck with %d", bootstrap.rank()) : Status();
    const Status agreed = agree(bootstrap, mine);
    EXPECT_EQ(agreed.kind(), ErrorKind::kSystem);
    EXPECT_EQ(agreed.message(), "rank 1: no luck with 1");
  });
}

TEST(Agree, MakesWhatAStepThrowsForWantOfMemoryEveryRanksError) {
  on_ranks(3, [](Bootstrap& bootstrap) {
    const auto step = [&]() -> Status {
      if (bootstrap.rank() == 1) throw std::bad_alloc();
      return {};
    };
    const Status agreed = agree(bootstrap, step);
    EXPECT_EQ(agreed.kind(), ErrorKind::kSystem);
    EXPECT_EQ(agreed.message(), "rank 1: out of memory");
    std::vector<int> all;
    EXPECT_EQ(allgather(bootstrap, step, bootstrap.rank(), &all).message(), agreed.message());
    EXPECT_TRUE(agree(bootstrap, Status()).ok()) << "ranks are no longer together";
  });
}

TEST(Guarded, LetsOthersExceptionsPass) {
  EXPECT_EQ(
      guarded([]() -> Status { throw std::system_error(EAGAIN, std::generic_category()); }).kind(),
      ErrorKind::kSystem);
  EXPECT_THROW(static_cast<void>(guarded([]() -> Status { throw std::runtime_error("a user's"); })),
               std::runtime_error);
}

Place place_on(std::uint64_t host) {
  Place place = this_place();
  place.host_id = host;
  std::snprintf(place.host_name, sizeof place.host_name, "node%d", static_cast<int>(host));
  return place;
}

TEST(Topology, GroupsRanksByHostAndNamesPairsWithoutALink) {
  const Topology topology(3, {place_on(1), place_on(2), place_on(1), place_on(2)});
  EXPECT_EQ(topology.host_ranks(), (std::vector<int>{1, 3}));
  EXPECT_EQ(topology.host_rank(), 1);
  EXPECT_EQ(topology.remote_ranks(), (std::vector<int>{0, 2}));
  EXPECT_FALSE(topology.same_host(0));
  EXPECT_TRUE(topology.same_process(0));
  const Status links = topology.check_one_host();
  EXPECT_EQ(links.kind(), ErrorKind::kUnsupported);
  EXPECT_NE(links.message().find("rank 0 on node1"), std::string::npos) << links.message();
  EXPECT_TRUE(Topology(0, {place_on(1), place_on(1)}).check_one_host().ok());
}

TEST(SharedSegment, IsTheSameMemoryInAnotherMapping) {
  std::shared_ptr<SharedSegment> made;
  ASSERT_TRUE(SharedSegment::create(10000, &made).ok());
  std::shared_ptr<SharedSegment> opened;
  const Status status =
      SharedSegment::open(own_desk(), made->descriptor(), 10000, Reach::kTrace, &opened);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_NE(opened->data(), made->data());
  std::memcpy(made->data() + 9000, "shared", 7);
  EXPECT_STREQ(reinterpret_cast<char*>(opened->data()) + 9000, "shared");
}

TEST(SharedSegment, SaysWhyItCannotBeOpened) {
  std::shared_ptr<SharedSegment> made;
  ASSERT_TRUE(SharedSegment::create(10000, &made).ok());
  std::shared_ptr<SharedSegment> opened;
  const auto open = [&](int descriptor, std::size_t bytes) {
    return SharedSegment::open(own_desk(), descriptor, bytes, Reach::kTrace, &opened);
  };
  EXPECT_EQ(open(99999, 10000).kind(), ErrorKind::kSystem);
  const Status wrong = open(made->descriptor(), 20000);
  EXPECT_NE(wrong.message().find("10000 bytes, not 20000"), std::string::npos) << wrong.message();
}

TEST(Failure, TheFirstIsKeptInTheAbortWord) {
  std::uint64_t word = 0;
  set_abort_word(&word, {device::Fault::kTimedOut, 3, 5});
  set_abort_word(&word, {device::Fault::kAborted, 1});
  const Failure failure = Failure::from(read_abort_word(&word));
  EXPECT_EQ(failure.cause, device::Fault::kTimedOut);
  EXPECT_EQ(failure.rank, 3);
  EXPECT_EQ(failure.peer, 5);
  EXPECT_EQ(failure_status(failure, 0).message(),
            "rank 0: the communicator has failed: rank 3 waited too long (CAUSEWAY_TIMEOUT) for "
            "rank 5");
  EXPECT_NE(failure_status({device::Fault::kTimedOut, 3}, 0).message().find("for the other ranks"),
            std::string::npos);
}

TEST(HostExecutor, RunsEachTaskOnceAndAllAtTheSameTime) {
  kernels::HostExecutor executor(3);
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> arrived{0};
    std::atomic<int> calls[4] = {};
    executor.run([&](std::uint32_t index) {
      ++calls[index];
      ++arrived;
      while (arrived != 4) std::this_thread::yield();
    });
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
}

}  // namespace
}  // namespace causeway
