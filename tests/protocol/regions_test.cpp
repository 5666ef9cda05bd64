// Exchanges into registered memory, and planned ones, between thread ranks: direct where it can be.
#include "random_exchange.hpp"
#include "schedules.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <launch.h>
#include <communicator_state.hpp>
#include <host_executor.hpp>

#include <cstring>
#include <optional>

namespace causeway::test {
namespace {

/// A registration that a test makes and ends; collective.
class Registration {
 public:
  Registration(Communicator& communicator, Bootstrap& bootstrap, void* base, std::uint64_t bytes)
      : communicator_(communicator), bootstrap_(bootstrap) {
    const Status status = communicator.register_buffer(bootstrap, base, bytes, {}, &region_);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  ~Registration() {
    const Status status = communicator_.deregister_buffer(bootstrap_, region_);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  BufferView view() const { return communicator_.view(*region_); }

 private:
  Communicator& communicator_;
  Bootstrap& bootstrap_;
  const Region* region_ = nullptr;
};

/// Bytes that a rank has put into its ring for each other rank, headers included.
std::uint64_t staged_bytes(const Communicator& communicator) {
  const device::Communicator handle = communicator.device_handle();
  std::uint64_t staged = 0;
  for (std::uint32_t peer = 0; peer < handle.size; ++peer) {
    for (std::uint32_t lane = 0; lane < handle.lanes; ++lane) {
      staged += handle.send_channel(peer, lane).state->position;
    }
  }
  return staged;
}

bool has_network() { return std::getenv("CAUSEWAY_NODE_SIZE") != nullptr; }

class RegionsOfShapes : public testing::TestWithParam<Shape> {};

/// What each rank receives lies inside its region, or outside, or the other way round on others.
TEST_P(RegionsOfShapes, TakeEveryByteAsOtherMemoryDoes) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  run_ranks_with_bootstrap(
      shape.ranks, shape.settings, [&](Communicator& communicator, Bootstrap& bootstrap) {
        const auto ranks = static_cast<std::uint64_t>(shape.ranks);
        std::vector<std::byte> memory(ranks * (shape.most + 70) + 100, Buffer::kGuard);
        const Registration all(communicator, bootstrap, memory.data(), memory.size());
        const auto exchange = [&](Communicator& on, Buffer& send, Buffer& receive, Random& own) {
          if (own() % 3 == 0) return exchange_host_memory(on, send, receive, own);
          std::byte* const there = memory.data() + own() % 30;
          std::memcpy(there, receive.bytes.data(), receive.bytes.size());
          const Status status =
              on.exchange({send.bytes.data(), send.blocks, there, receive.blocks, false});
          std::memcpy(receive.bytes.data(), there, receive.bytes.size());
          std::fill(memory.begin(), memory.end(), Buffer::kGuard);
          return status;
        };
        exchange_at_random(communicator, seed, repeats(shape.exchanges), shape.most, exchange);
      });
}

INSTANTIATE_TEST_SUITE_P(
    All, RegionsOfShapes,
    testing::Values(Shape{"one_rank", 1, {}, 100000, 20}, Shape{"two_ranks", 2, {}, 3000000, 20},
                    Shape{"small_rings", 3, {{"CAUSEWAY_RING_BYTES", "4096"}}, 50000, 200},
                    Shape{"without_lines",
                          4,
                          {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LL_BYTES", "0"}},
                          20000,
                          200},
                    Shape{"three_lanes",
                          4,
                          {{"CAUSEWAY_RING_BYTES", "8K"},
                           {"CAUSEWAY_LANES", "3"},
                           {"CAUSEWAY_LL_BYTES", "5000"},
                           {"CAUSEWAY_MAX_CTAS", "7"}},
                          200000,
                          100},
                    Shape{"counts_pass_2_to_64",
                          3,
                          {{"CAUSEWAY_RING_BYTES", "4096"},
                           {"CAUSEWAY_START_COUNT", "18446744073709551600"}},
                          40000,
                          100}),
    name_of);

/// Large messages go around the ring, all but what was on its way before the post was seen; in
/// exchanges that are alike but for the regions of their time.
TEST(Regions, KeepLargeMessagesOutOfTheRing) {
  if (has_network()) GTEST_SKIP() << "ranks of other hosts have rings alone";
  run_ranks_with_bootstrap(2, {}, [](Communicator& communicator, Bootstrap& bootstrap) {
    constexpr std::uint64_t kBytes = 4000000;
    const Counts counts(2, std::vector<std::uint64_t>(2, kBytes));
    for (std::uint64_t e = 0; e < 5; ++e) {
      Random random(3);
      Buffer send(random, counts[0]);
      Buffer receive(random, counts[0]);
      send.fill(e, communicator.rank());
      std::optional<Registration> registration;
      const bool registers = e % 2 == 1;
      if (registers) {
        registration.emplace(communicator, bootstrap, receive.bytes.data(), receive.bytes.size());
      }
      const std::uint64_t before = staged_bytes(communicator);
      const Status status = communicator.exchange(arguments_of(send, receive));
      ASSERT_TRUE(status.ok()) << status.message();
      const std::uint64_t staged = staged_bytes(communicator) - before;
      EXPECT_TRUE(registers ? staged < 40000 : staged >= kBytes) << e << ": " << staged;
      registration.reset();
      ASSERT_EQ(receive.wrong_bytes(e, communicator.rank(), counts[0]), 0U) << "exchange " << e;
    }
  });
}

/// A rank that sends more than it is asked for reports to the others what it would have to
/// otherwise, and writes nothing beyond what they asked for.
TEST(Regions, AreNotWrittenBeyondWhatWasAskedFor) {
  for (const char* const lanes : {"1", "3"}) {
    const Settings settings{{"CAUSEWAY_RING_BYTES", "64K"}, {"CAUSEWAY_LANES", lanes}};
    run_ranks_with_bootstrap(2, settings, [](Communicator& communicator, Bootstrap& bootstrap) {
      Random random(5);
      const int rank = communicator.rank();
      // The eager limit is 16384.
      for (const std::uint64_t asked : {0, 1, 100, 16000, 16383, 16384, 16385, 50000, 99999}) {
        const Counts sent{{10, 100000}, {10, 10}};
        Counts wanted = sent;
        wanted[0][1] = asked;
        for (std::uint64_t e = 0; e < 4; ++e) {
          Buffer send(random, sent[static_cast<std::size_t>(rank)]);
          Buffer receive(random, column(wanted, rank));
          const Registration registration(communicator, bootstrap, receive.bytes.data(),
                                          receive.bytes.size());
          send.fill(e, rank);
          const Status status = communicator.exchange(arguments_of(send, receive));
          ASSERT_TRUE(status.ok() || status.kind() == ErrorKind::kTruncated) << status.message();
          if (rank == 1 && asked > 0) {
            EXPECT_EQ(status.kind(), ErrorKind::kTruncated) << asked;
          }
          ASSERT_EQ(receive.wrong_bytes(e, rank, column(wanted, rank)), 0U) << asked;
        }
      }
    });
  }
}

TEST(Regions, ComeAndGo) {
  run_ranks_with_bootstrap(
      3, {{"CAUSEWAY_RING_BYTES", "4096"}}, [](Communicator& communicator, Bootstrap& bootstrap) {
        Random shared(7);
        Random own(static_cast<std::uint64_t>(communicator.rank()));
        std::vector<std::byte> memory(100000);
        std::vector<std::unique_ptr<Registration>> kept;
        for (std::uint64_t e = 0; e < repeats(300U); ++e) {
          // Of any size, none too, over each other.
          if (kept.empty() || shared() % 2 == 0) {
            const std::uint64_t bytes = own() % 4 == 0 ? 0 : 1 + own() % memory.size();
            kept.push_back(
                std::make_unique<Registration>(communicator, bootstrap, memory.data(), bytes));
          } else {
            kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(shared() % kept.size()));
          }
          if (e % 10 != 0) continue;
          const Counts counts(3, std::vector<std::uint64_t>(3, 20000));
          Buffer send(own, counts[0]);
          Buffer receive(own, counts[0]);
          send.fill(e, communicator.rank());
          std::memcpy(memory.data(), receive.bytes.data(), receive.bytes.size());
          const Status status = communicator.exchange(
              {send.bytes.data(), send.blocks, memory.data(), receive.blocks, false});
          ASSERT_TRUE(status.ok()) << status.message();
          std::memcpy(receive.bytes.data(), memory.data(), receive.bytes.size());
          ASSERT_EQ(receive.wrong_bytes(e, communicator.rank(), counts[0]), 0U) << "exchange " << e;
        }
      });
}

TEST(Regions, AreAsManyAsTablesHold) {
  run_ranks_with_bootstrap(2, {}, [](Communicator& communicator, Bootstrap& bootstrap) {
    std::vector<std::byte> memory(100);
    std::vector<std::unique_ptr<Registration>> kept;
    while (kept.size() < device::kMostRegions - 1) {
      kept.push_back(
          std::make_unique<Registration>(communicator, bootstrap, memory.data(), memory.size()));
    }
    const Region* region = nullptr;
    const Status status =
        communicator.register_buffer(bootstrap, memory.data(), memory.size(), {}, &region);
    EXPECT_EQ(status.kind(), ErrorKind::kUnsupported) << status.message();
    kept.erase(kept.begin() + 100);
    const Registration another(communicator, bootstrap, memory.data(), memory.size());
  });
}

/// A rank that could not even ask does not keep the others waiting.
TEST(Regions, OfAWrongArgumentAreEveryRanksError) {
  run_ranks_with_bootstrap(3, {}, [](Communicator& communicator, Bootstrap& bootstrap) {
    const bool wrong = communicator.rank() == 1;
    const Region* region = nullptr;
    const Status status = communicator.register_buffer(
        bootstrap, nullptr, 0, wrong ? Status(ErrorKind::kArgument, "is wrong") : Status(),
        &region);
    EXPECT_EQ(status.kind(), ErrorKind::kArgument);
    EXPECT_EQ(status.message(), "rank 1: is wrong");
    EXPECT_EQ(region, nullptr);
  });
}

/// A launch that was recorded while a region was registered, and runs afterwards: its post names
/// a region that nobody has any more, or a later one's place.
TEST(Regions, ThatAreGoneAreNotWrittenTo) {
  if (has_network()) GTEST_SKIP() << "ranks of other hosts have rings alone";
  run_ranks_with_bootstrap(
      2, {{"CAUSEWAY_RING_BYTES", "4096"}}, [](Communicator& communicator, Bootstrap& bootstrap) {
        constexpr std::uint64_t kBytes = 30000;
        const int rank = communicator.rank();
        Random random(9);
        const Counts counts(2, std::vector<std::uint64_t>(2, kBytes));
        Buffer send(random, counts[0]);
        Buffer receive(random, counts[0]);
        std::vector<std::byte> later(receive.bytes.size(), Buffer::kGuard);
        auto region = std::make_unique<Registration>(communicator, bootstrap, receive.bytes.data(),
                                                     receive.bytes.size());
        const device::Communicator handle = communicator.device_handle();
        const auto peer = static_cast<std::size_t>(1 - rank);
        const std::uint64_t name =
            handle.send_channel(static_cast<std::uint32_t>(peer), 0).regions[1].name;
        ASSERT_NE(name, device::kNoRegion);
        Schedule schedule;
        const std::uint32_t reachable[] = {1, 1};
        ScheduleLimits limits{handle.lanes, 1, 1024};
        limits.regions = reachable;
        schedule_alltoallv(limits, rank, send.blocks, receive.blocks, &schedule);
        ASSERT_EQ(to(schedule, static_cast<std::uint32_t>(peer)).protocol,
                  static_cast<std::uint8_t>(device::Protocol::kDirect));
        kernels::ExchangeArgs& args = schedule.args;
        args.sendbuf = send.bytes.data();
        args.recvbuf = receive.bytes.data();
        args.comm = handle;
        args.region = name;
        kernels::HostExecutor executor(1);
        const auto replay = [&](std::uint64_t e) {
          send.fill(e, rank);
          launchers().host(executor, args, schedule.lists());
          EXPECT_EQ(receive.wrong_bytes(e, rank, counts[0]), 0U) << "exchange " << e;
          EXPECT_EQ(later, std::vector<std::byte>(later.size(), Buffer::kGuard));
        };
        replay(1);
        region.reset();
        replay(2);
        region =
            std::make_unique<Registration>(communicator, bootstrap, later.data(), later.size());
        replay(3);
      });
}

TEST(Plans, MoveEveryByteInEveryStart) {
  const std::uint64_t seed = test_seed();
  for (const char* const lanes : {"1", "3"}) {
    // The host device has no copy engines: the rules before serve.
    const Settings settings{{"CAUSEWAY_RING_BYTES", "16K"},
                            {"CAUSEWAY_LANES", lanes},
                            {"CAUSEWAY_TUNE", *lanes == '3' ? "*:*:*:protocol=engine" : ""}};
    run_ranks_with_bootstrap(3, settings, [&](Communicator& communicator, Bootstrap& bootstrap) {
      const int rank = communicator.rank();
      Random shared(seed);
      Random own(seed + 1 + static_cast<std::uint64_t>(rank));
      struct Planned {
        Counts counts;
        Buffer send;
        Buffer receive;
        const PlannedExchange* plan = nullptr;
      };
      std::vector<std::unique_ptr<Planned>> plans;
      for (int i = 0; i < 5; ++i) {
        const Counts counts = random_counts(shared, 3, 200000);
        plans.push_back(std::make_unique<Planned>(
            Planned{counts, Buffer(own, counts[static_cast<std::size_t>(rank)]),
                    Buffer(own, column(counts, rank))}));
        Planned& made = *plans.back();
        const Status status =
            communicator.plan(bootstrap, arguments_of(made.send, made.receive), {}, &made.plan);
        ASSERT_TRUE(status.ok()) << status.message();
      }
      for (std::uint64_t e = 0; e < repeats(100U); ++e) {
        Planned& planned = *plans[shared() % plans.size()];
        std::fill(planned.receive.bytes.begin(), planned.receive.bytes.end(), Buffer::kGuard);
        planned.send.fill(e, rank);
        const Status status = communicator.start(*planned.plan, nullptr);
        ASSERT_TRUE(status.ok()) << status.message();
        ASSERT_EQ(planned.receive.wrong_bytes(e, rank, column(planned.counts, rank)), 0U)
            << "start " << e;
        if (e % 9 == 0) exchange_at_random(communicator, seed + e, 1, 50000);
      }
      for (const auto& planned : plans) {
        const Status status = communicator.free_planned(bootstrap, planned->plan);
        EXPECT_TRUE(status.ok()) << status.message();
      }
    });
  }
}

TEST(Plans, OfCountsThatDisagreeAreEveryRanksError) {
  run_ranks_with_bootstrap(3, {}, [](Communicator& communicator, Bootstrap& bootstrap) {
    const int rank = communicator.rank();
    std::vector<std::byte> memory(1000);
    std::vector<Extent> send(3, Extent{0, 10});
    std::vector<Extent> receive(3, Extent{0, 10});
    for (std::size_t i = 0; i < 3; ++i) receive[i].offset = static_cast<std::int64_t>(100 * i);
    if (rank == 1) receive[2].bytes = 9;
    const PlannedExchange* planned = nullptr;
    const Buffers buffers{memory.data(), send, memory.data(), receive, false};
    const Status status = communicator.plan(bootstrap, buffers, {}, &planned);
    EXPECT_EQ(status.kind(), ErrorKind::kTruncated);
    EXPECT_EQ(status.message(), "rank 2 sends 10 bytes to rank 1, which asks for 9");
    EXPECT_EQ(planned, nullptr);
    exchange_at_random(communicator, 1, 5, 1000);
  });
}

/// Rules of a plan's own win over its communicator's, whatever those of other plans are.
TEST(Plans, KeepToRulesOfTheirOwn) {
  if (has_network()) GTEST_SKIP() << "ranks of other hosts have rings alone";
  const Settings of_all{{"CAUSEWAY_TUNE", "*:*:*:protocol=direct,chunk=0"}};
  run_ranks_with_bootstrap(2, of_all, [](Communicator& communicator, Bootstrap& bootstrap) {
    constexpr std::uint64_t kBytes = 2000000;
    const int rank = communicator.rank();
    Random random(3);
    const Counts counts(2, std::vector<std::uint64_t>(2, kBytes));
    const char* const rules[] = {"", "*:memory:1M-:protocol=staged", "*:*:-1M:protocol=staged"};
    for (const char* const text : rules) {
      PlanSettings settings;
      ASSERT_TRUE(parse_rules("test", text, &settings.rules).ok());
      Buffer send(random, counts[0]);
      Buffer receive(random, counts[0]);
      const PlannedExchange* planned = nullptr;
      const Status made =
          communicator.plan(bootstrap, arguments_of(send, receive), {}, &planned, settings);
      ASSERT_TRUE(made.ok()) << made.message();
      for (std::uint64_t e = 0; e < 3; ++e) {
        send.fill(e, rank);
        const std::uint64_t before = staged_bytes(communicator);
        const Status status = communicator.start(*planned, nullptr);
        ASSERT_TRUE(status.ok()) << status.message();
        const std::uint64_t staged = staged_bytes(communicator) - before;
        EXPECT_EQ(staged >= kBytes, text == rules[1]) << text << ": " << staged;
        ASSERT_EQ(receive.wrong_bytes(e, rank, counts[0]), 0U) << text;
      }
      EXPECT_TRUE(communicator.free_planned(bootstrap, planned).ok());
    }
  });
}

TEST(Plans, TakeNoMoreBlocksThanTheyMayHave) {
  const Settings of_all{{"CAUSEWAY_MAX_CTAS", "8"}, {"CAUSEWAY_LANES", "4"}};
  run_ranks_with_bootstrap(3, of_all, [](Communicator& communicator, Bootstrap& bootstrap) {
    const int rank = communicator.rank();
    Random random(3);
    const Counts counts(3, std::vector<std::uint64_t>(3, 500000));
    for (const std::uint64_t most : {1, 2, 3, 8, 100}) {
      Buffer send(random, counts[0]);
      Buffer receive(random, counts[0]);
      const PlannedExchange* planned = nullptr;
      // The others are as they were.
      const PlanSettings settings{{}, rank == 1 ? std::optional(most) : std::nullopt};
      const Status made =
          communicator.plan(bootstrap, arguments_of(send, receive), {}, &planned, settings);
      ASSERT_TRUE(made.ok()) << made.message();
      const std::uint32_t blocks = planned->rounds.front().schedule.args.split.blocks;
      EXPECT_EQ(blocks, rank == 1 ? std::min<std::uint64_t>(most, 8) : 8);
      send.fill(most, rank);
      const Status status = communicator.start(*planned, nullptr);
      ASSERT_TRUE(status.ok()) << status.message();
      ASSERT_EQ(receive.wrong_bytes(most, rank, counts[0]), 0U);
      EXPECT_TRUE(communicator.free_planned(bootstrap, planned).ok());
    }
  });
}

}  // namespace
}  // namespace causeway::test
