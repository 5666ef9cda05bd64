// Exchanges in the background where the thread that runs them shares its processor with the
// program's: the call that begins one makes of it what it can.
#include "blocks.hpp"
#include "random_exchange.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>

namespace causeway::test {
namespace {

/// Binds the calling thread to one processor, of those that it may use: all ranks to the first, or
/// each to another as far as they go.
void bind_to_one(int rank, bool to_the_first) {
  cpu_set_t usable;
  ASSERT_EQ(sched_getaffinity(0, sizeof usable, &usable), 0);
  int skipped = to_the_first ? 0 : rank % CPU_COUNT(&usable);
  int processor = 0;
  while (CPU_ISSET(processor, &usable) == 0 || skipped-- > 0) ++processor;
  CPU_ZERO(&usable);
  CPU_SET(processor, &usable);
  ASSERT_EQ(sched_setaffinity(0, sizeof usable, &usable), 0);
}

/// How a begun exchange ended.
class Outcome {
 public:
  std::function<void(const Status&)> setter() {
    return [this](const Status& status) {
      // Who is told may let go of this at once.
      const std::lock_guard lock(mutex_);
      status_ = status;
      teller_ = std::this_thread::get_id();
      told_.notify_all();
    };
  }
  Status wait() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] { return status_.has_value(); });
    return *status_;
  }
  /// Which the call that began it made to its end.
  bool came_with_the_call() {
    const std::lock_guard lock(mutex_);
    return status_.has_value() && teller_ == std::this_thread::get_id();
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::optional<Status> status_;
  std::thread::id teller_;
};

/// An exchange of counts[from][to] bytes with what the peers of one rank have for it.
struct Begun {
  Begun(Communicator& communicator, Random& own, const Counts& all, std::uint64_t number)
      : counts(all),
        e(number),
        rank(communicator.rank()),
        send(own, counts[static_cast<std::size_t>(rank)]),
        receive(own, column(counts, rank)) {
    send.fill(e, rank);
    communicator.begin(arguments_of(send, receive), outcome.setter());
  }
  void expect_all() {
    const Status status = outcome.wait();
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(receive.wrong_bytes(e, rank, column(counts, rank)), 0U)
        << "rank " << rank << ", exchange " << e;
  }

  Counts counts;
  std::uint64_t e;
  int rank;
  Buffer send;
  Buffer receive;
  Outcome outcome;
};

class BegunShapes : public testing::TestWithParam<std::tuple<Shape, bool>> {
 protected:
  void run(const std::function<void(Communicator&)>& body) {
    const auto& [shape, to_the_first] = GetParam();
    run_ranks(shape.ranks, shape.settings, body,
              [first = to_the_first](int rank) { bind_to_one(rank, first); });
  }
};

/// One by one or several at once, with ranks that come late, among exchanges that the call ends.
TEST_P(BegunShapes, MovesEveryByte) {
  const Shape& shape = std::get<0>(GetParam());
  const std::uint64_t seed = test_seed();
  run([&](Communicator& communicator) {
    Random shared(seed);
    Random own(seed + 1 + static_cast<std::uint64_t>(communicator.rank()));
    std::uint64_t e = 0;
    for (int round = 0; round < repeats(shape.exchanges); ++round) {
      std::vector<std::unique_ptr<Begun>> begun;
      for (std::uint64_t i = 1 + shared() % 3; i > 0; --i) {
        if (own() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(own() % 1000));
        begun.push_back(std::make_unique<Begun>(
            communicator, own, random_counts(shared, shape.ranks, shape.most), ++e));
        if (shared() % 4 == 0) exchange_at_random(communicator, seed + ++e, 1, shape.most);
      }
      for (const auto& exchange : begun) exchange->expect_all();
      if (testing::Test::HasFailure()) communicator.abort();
    }
  });
}

const Settings kReadInPlace{{"CAUSEWAY_RING_BYTES", "4096"},
                            {"CAUSEWAY_CMA", "auto"},
                            {"CAUSEWAY_TUNE", "*:memory:*:protocol=pull"}};

INSTANTIATE_TEST_SUITE_P(
    All, BegunShapes,
    testing::Combine(
        testing::Values(
            Shape{"one_rank", 1, {}, 100000, 20},
            Shape{"two_ranks_pulled", 2, kReadInPlace, 200000, 60},
            Shape{"three_ranks_pulled", 3, kReadInPlace, 50000, 60},
            Shape{"three_ranks_small_rings", 3, {{"CAUSEWAY_RING_BYTES", "4096"}}, 20000, 60},
            Shape{"without_lines", 3, {{"CAUSEWAY_LL_BYTES", "0"}}, 3000, 60},
            Shape{"pulled_without_lines",
                  3,
                  {{"CAUSEWAY_LL_BYTES", "0"},
                   {"CAUSEWAY_CMA", "auto"},
                   {"CAUSEWAY_TUNE", "*:memory:*:protocol=pull"}},
                  3000,
                  60},
            Shape{"three_lanes_many_blocks",
                  3,
                  {{"CAUSEWAY_RING_BYTES", "16K"},
                   {"CAUSEWAY_LANES", "3"},
                   {"CAUSEWAY_MAX_CTAS", "4"}},
                  100000,
                  30}),
        testing::Bool()),
    [](const auto& shape) {
      return std::string(std::get<0>(shape.param).name) +
             (std::get<1>(shape.param) ? "_on_one_processor" : "_on_one_each");
    });

/// What the others have sent when they return is there for the last one.
TEST(Begun, TheCallOfTheLastRankEndsItsExchange) {
  if (std::getenv("CAUSEWAY_NODE_SIZE") != nullptr)
    GTEST_SKIP() << "the communicator's thread makes what crosses hosts";
  const std::uint64_t seed = test_seed();
  constexpr int kRanks = 3;
  for (const char* const lines : {"0", "128"}) {
    std::atomic<int> calls{0};
    run_ranks(
        kRanks, {{"CAUSEWAY_LL_BYTES", lines}},
        [&](Communicator& communicator) {
          Random own(seed + static_cast<std::uint64_t>(communicator.rank()));
          const Counts counts(kRanks, std::vector<std::uint64_t>(kRanks, 1000));
          const bool last = communicator.rank() == 1;
          while (last && calls != kRanks - 1) std::this_thread::yield();
          Begun begun(communicator, own, counts, 1);
          ++calls;
          if (last) {
            EXPECT_TRUE(begun.outcome.came_with_the_call());
          }
          begun.expect_all();
        },
        [](int rank) { bind_to_one(rank, true); });
  }
}

class BegunAtSize : public testing::TestWithParam<std::uint64_t> {};

/// The call returns; what ends it later is its outcome.
TEST_P(BegunAtSize, ARankThatStaysAwayIsNamed) {
  const std::uint64_t seed = test_seed();
  constexpr int kRanks = 3;
  for (const char* const cma : {"auto", "no"}) {
    std::atomic<int> ended{0};
    run_ranks(
        kRanks, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_TIMEOUT", "1"}, {"CAUSEWAY_CMA", cma}},
        [&](Communicator& communicator) {
          Random own(seed + static_cast<std::uint64_t>(communicator.rank()));
          if (communicator.rank() == 2) {
            while (ended != kRanks - 1) std::this_thread::yield();
            return;
          }
          const Counts counts(kRanks, std::vector<std::uint64_t>(kRanks, GetParam()));
          Begun begun(communicator, own, counts, 1);
          const Status status = begun.outcome.wait();
          ++ended;
          EXPECT_EQ(status.kind(), ErrorKind::kFailed);
          EXPECT_NE(status.message().find("for rank 2"), std::string::npos) << status.message();
        },
        [](int rank) { bind_to_one(rank, true); });
  }
}

TEST_P(BegunAtSize, AbortEndsThem) {
  const std::uint64_t seed = test_seed();
  constexpr int kRanks = 3;
  for (const char* const cma : {"auto", "no"}) {
    std::atomic<int> begun_by{0};
    run_ranks(
        kRanks, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_CMA", cma}},
        [&](Communicator& communicator) {
          Random own(seed + static_cast<std::uint64_t>(communicator.rank()));
          if (communicator.rank() == 2) {
            while (begun_by != kRanks - 1) std::this_thread::yield();
            communicator.abort();
            return;
          }
          const Counts counts(kRanks, std::vector<std::uint64_t>(kRanks, GetParam()));
          Begun first(communicator, own, counts, 1);
          Begun second(communicator, own, counts, 2);
          ++begun_by;
          for (Begun* const begun : {&first, &second}) {
            const Status status = begun->outcome.wait();
            EXPECT_EQ(status.kind(), ErrorKind::kFailed);
            EXPECT_NE(status.message().find("rank 2 was aborted"), std::string::npos)
                << status.message();
          }
        },
        [](int rank) { bind_to_one(rank, true); });
  }
}

/// Each rank asks rank 0 for less than that sends, once; the next exchange works.
TEST_P(BegunAtSize, SurplusIsTheReceiversError) {
  const std::uint64_t seed = test_seed();
  constexpr int kRanks = 3;
  for (const char* const cma : {"auto", "no"}) {
    run_ranks(
        kRanks, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_CMA", cma}},
        [&](Communicator& communicator) {
          const int rank = communicator.rank();
          Random own(seed + static_cast<std::uint64_t>(rank));
          Counts counts(kRanks, std::vector<std::uint64_t>(kRanks, GetParam()));
          Buffer send(own, counts[static_cast<std::size_t>(rank)]);
          send.fill(1, rank);
          for (std::uint64_t& count : counts[0]) count /= 2;
          Buffer receive(own, column(counts, rank));
          Outcome outcome;
          communicator.begin(arguments_of(send, receive), outcome.setter());
          const Status status = outcome.wait();
          EXPECT_EQ(status.kind(), ErrorKind::kTruncated) << status.message();
          EXPECT_EQ(receive.wrong_bytes(1, rank, column(counts, rank)), 0U);
          Begun(communicator, own, counts, 2).expect_all();
        },
        [](int rank) { bind_to_one(rank, true); });
  }
}

INSTANTIATE_TEST_SUITE_P(All, BegunAtSize, testing::Values(2, 1024, 100000));

}  // namespace
}  // namespace causeway::test
