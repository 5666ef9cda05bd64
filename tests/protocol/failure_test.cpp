// Communicators that fail, or cannot be made: every rank learns of it, and none waits for ever.
#include "thread_ranks.hpp"

#include <atomic>
#include <chrono>

namespace causeway::test {
namespace {

/// An exchange of `bytes` with every rank.
Status exchange(Communicator& communicator, std::uint64_t bytes) {
  const auto ranks = static_cast<std::uint64_t>(communicator.size());
  std::vector<std::byte> send(bytes * ranks);
  std::vector<std::byte> receive(bytes * ranks);
  std::vector<Extent> blocks;
  for (std::uint64_t i = 0; i < ranks; ++i) {
    blocks.push_back({static_cast<std::int64_t>(i * bytes), bytes});
  }
  return communicator.exchange({send.data(), blocks, receive.data(), blocks, false});
}

class FailureAtSize : public testing::TestWithParam<std::uint64_t> {};

TEST_P(FailureAtSize, AbortEndsPendingExchangesOnEveryRank) {
  std::atomic<int> waiting{0};
  run_ranks(3, {{"CAUSEWAY_RING_BYTES", "4096"}}, [&](Communicator& communicator) {
    ASSERT_TRUE(exchange(communicator, 100).ok());
    Status status;
    if (communicator.rank() == 1) {
      while (waiting != 2) std::this_thread::yield();
      communicator.abort();
      status = exchange(communicator, GetParam());
    } else {
      ++waiting;
      status = exchange(communicator, GetParam());
    }
    EXPECT_EQ(status.kind(), ErrorKind::kFailed);
    EXPECT_NE(status.message().find("rank 1 was aborted"), std::string::npos) << status.message();
    EXPECT_EQ(communicator.error().kind(), ErrorKind::kFailed);
    EXPECT_EQ(exchange(communicator, 1).kind(), ErrorKind::kFailed);
  });
}

TEST_P(FailureAtSize, AMissingRankIsNamedWhenTheDeadlinePasses) {
  std::atomic<int> done{0};
  const Settings settings{{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_TIMEOUT", "1"}};
  run_ranks(3, settings, [&](Communicator& communicator) {
    if (communicator.rank() == 2) {
      while (done != 2) std::this_thread::yield();
    } else {
      const Status status = exchange(communicator, GetParam());
      ++done;
      EXPECT_EQ(status.kind(), ErrorKind::kFailed);
      EXPECT_NE(status.message().find("for rank 2"), std::string::npos) << status.message();
    }
    const Status later = exchange(communicator, 1);
    EXPECT_EQ(later.kind(), ErrorKind::kFailed);
  });
}

INSTANTIATE_TEST_SUITE_P(All, FailureAtSize, testing::Values(1, 1024, 1025, 100000));

TEST(Attach, OneRanksBadSettingIsEveryRanksError) {
  const ThreadWorld world(3);
  run_threads(3, [&](int rank) {
    for (int attempt = 0; attempt < 3; ++attempt) {
      Config config;
      const bool bad = rank == attempt;
      const Status readable =
          read_settings({{"CAUSEWAY_RING_BYTES", bad ? "nonsense" : "64K"}}, &config);
      std::unique_ptr<Communicator> communicator;
      const auto bootstrap = world.bootstrap(rank);
      const Status made = Communicator::create(*bootstrap, config, readable, &communicator);
      EXPECT_EQ(made.kind(), ErrorKind::kInfo);
      const std::string name = "rank " + std::to_string(attempt) + ": CAUSEWAY_RING_BYTES";
      EXPECT_NE(made.message().find(name), std::string::npos) << made.message();
      EXPECT_EQ(communicator, nullptr);
    }
  });
}

TEST(Attach, RanksThatWishDifferentlyAgree) {
  const ThreadWorld world(3);
  run_threads(3, [&](int rank) {
    Config config;
    const char* const rings[] = {"auto", "64K", "8K"};
    const char* const lanes[] = {"3", "2", "5"};
    ASSERT_TRUE(
        read_settings({{"CAUSEWAY_RING_BYTES", rings[rank]}, {"CAUSEWAY_LANES", lanes[rank]}},
                      &config)
            .ok());
    std::unique_ptr<Communicator> communicator;
    const auto bootstrap = world.bootstrap(rank);
    ASSERT_TRUE(Communicator::create(*bootstrap, config, {}, &communicator).ok());
    const device::Communicator handle = communicator->device_handle();
    EXPECT_EQ(handle.lanes, 2U);
    EXPECT_EQ(handle.send_channel(0, 0).shape.ring_bytes, 8192U);
    EXPECT_TRUE(exchange(*communicator, 50000).ok());
  });
}

}  // namespace
}  // namespace causeway::test
