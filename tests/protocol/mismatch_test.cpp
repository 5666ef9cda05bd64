// Counts on which sender and receiver disagree, and ranks that cannot take part.
#include "random_exchange.hpp"
#include "thread_ranks.hpp"

#include <algorithm>
#include <atomic>

namespace causeway::test {
namespace {

// With rings of 4096 bytes the eager limit is 1024.
struct Mismatch {
  std::uint64_t sent;
  std::uint64_t asked;
};

/// And how they travel: lanes, and whether peers read what they can where it lies.
struct Way {
  const char* lanes;
  bool pulled;
};

class MismatchedCounts : public testing::TestWithParam<std::tuple<Mismatch, Way>> {};

/// Rank 0 sends `sent` bytes to rank 1, which asks for `asked`; the other blocks agree.
Status exchange(Communicator& communicator, Random& random, std::uint64_t number, Mismatch mismatch,
                std::uint64_t* wrong) {
  const int rank = communicator.rank();
  Counts sent(3, std::vector<std::uint64_t>(3, 300 + number % 3000));
  Counts asked = sent;
  sent[0][1] = mismatch.sent;
  asked[0][1] = mismatch.asked;
  Buffer send(random, sent[static_cast<std::size_t>(rank)]);
  Buffer receive(random, column(asked, rank));
  send.fill(number, rank);
  const Status status = communicator.exchange(arguments_of(send, receive));
  Counts arrived = asked;
  arrived[0][1] = std::min(mismatch.sent, mismatch.asked);
  *wrong = receive.wrong_bytes(number, rank, column(arrived, rank));
  return status;
}

TEST_P(MismatchedCounts, AreReportedAndLeaveTheCommunicatorUsable) {
  const auto [mismatch, way] = GetParam();
  const Settings settings{{"CAUSEWAY_RING_BYTES", "4096"},
                          {"CAUSEWAY_LANES", way.lanes},
                          {"CAUSEWAY_TIMEOUT", "60"},
                          {"CAUSEWAY_CMA", way.pulled ? "auto" : "no"},
                          {"CAUSEWAY_TUNE", "*:memory:*:protocol=pull"}};
  run_ranks(3, settings, [mismatch = mismatch](Communicator& communicator) {
    Random random(11);
    bool reported = false;
    // Several in a row: surplus that nobody takes must not fill the ring.
    for (std::uint64_t e = 0; e < 20; ++e) {
      std::uint64_t wrong = 0;
      const Status status = exchange(communicator, random, e, mismatch, &wrong);
      ASSERT_TRUE(status.ok() || status.kind() == ErrorKind::kTruncated) << status.message();
      ASSERT_EQ(wrong, 0U) << "rank " << communicator.rank() << ", exchange " << e;
      reported |= !status.ok();
      // A receiver that asked for something knows at once.
      if (communicator.rank() == 1 && mismatch.asked > 0) {
        ASSERT_EQ(status.ok(), mismatch.sent <= mismatch.asked) << status.message();
      }
    }
    for (std::uint64_t e = 20; e < 40; ++e) {
      std::uint64_t wrong = 0;
      const Status status = exchange(communicator, random, e, {e * 100, e * 100}, &wrong);
      ASSERT_EQ(wrong, 0U);
      ASSERT_TRUE(status.ok() || (e == 20 && status.kind() == ErrorKind::kTruncated))
          << "exchange " << e << ": " << status.message();
      reported |= !status.ok();
    }
    if (communicator.rank() == 1 && mismatch.sent > mismatch.asked && mismatch.asked > 0) {
      EXPECT_TRUE(reported);
    }
    if (communicator.rank() == 2 || mismatch.sent <= mismatch.asked) {
      EXPECT_FALSE(reported);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, MismatchedCounts,
    testing::Combine(
        testing::Values(Mismatch{10, 5}, Mismatch{1024, 1023}, Mismatch{1025, 1024},
                        Mismatch{1025, 1}, Mismatch{50000, 1}, Mismatch{50000, 1024},
                        Mismatch{50000, 1025}, Mismatch{50000, 49999}, Mismatch{10, 0},
                        Mismatch{1024, 0}, Mismatch{50000, 0}, Mismatch{0, 1}, Mismatch{0, 50000},
                        Mismatch{5, 10}, Mismatch{1000, 50000}, Mismatch{49999, 50000}),
        testing::Values(Way{"1", false}, Way{"3", false}, Way{"1", true}, Way{"3", true})),
    [](const auto& row) {
      const Mismatch m = std::get<0>(row.param);
      const Way way = std::get<1>(row.param);
      return "sent" + std::to_string(m.sent) + "asked" + std::to_string(m.asked) + "lanes" +
             way.lanes + (way.pulled ? "pulled" : "");
    });

TEST(OneSided, SurplusWithoutAnotherExchangeDoesNotHang) {
  run_ranks(2, {{"CAUSEWAY_RING_BYTES", "4096"}}, [](Communicator& communicator) {
    std::vector<std::byte> data(100000);
    const std::vector<Extent> nothing(2, Extent{0, 0});
    std::vector<Extent> send = nothing;
    if (communicator.rank() == 0) send[1] = {0, data.size()};
    const Status status = communicator.exchange({data.data(), send, nullptr, nothing, false});
    EXPECT_EQ(status.kind(), communicator.rank() == 0 ? ErrorKind::kTruncated : ErrorKind::kNone)
        << status.message();
  });
}

/// Nor does it go unreported where exchanges of nothing follow it.
TEST(OneSided, SurplusIsReportedAfterExchangesOfNothing) {
  for (const char* const ll_bytes : {"0", "1024"}) {
    for (const std::uint64_t asked_between : {0U, 50U}) {
      std::atomic<int> reports = 0;
      run_ranks(2, {{"CAUSEWAY_LL_BYTES", ll_bytes}}, [&](Communicator& communicator) {
        std::vector<std::byte> data(200);
        const auto exchange = [&](std::uint64_t sent, std::uint64_t asked) {
          std::vector<Extent> send(2, Extent{0, 0});
          std::vector<Extent> receive(2, Extent{0, 0});
          if (communicator.rank() == 0) send[1].bytes = sent;
          if (communicator.rank() == 1) receive[0].bytes = asked;
          const Status status =
              communicator.exchange({data.data(), send, data.data() + 100, receive, false});
          ASSERT_TRUE(status.ok() || status.kind() == ErrorKind::kTruncated) << status.message();
          if (!status.ok()) ++reports;
        };
        exchange(100, 100);
        exchange(100, 0);
        exchange(0, asked_between);
        exchange(100, 100);
        exchange(100, 100);
      });
      EXPECT_EQ(reports, 1) << "CAUSEWAY_LL_BYTES=" << ll_bytes << ", then asked for "
                            << asked_between;
    }
  }
}

TEST(Decline, TellsThePeersAndLeavesTheCommunicatorUsable) {
  run_ranks(3, {{"CAUSEWAY_RING_BYTES", "4096"}}, [](Communicator& communicator) {
    const int rank = communicator.rank();
    Random random(5);
    for (std::uint64_t e = 0; e < 60; ++e) {
      const Counts counts(3, std::vector<std::uint64_t>(3, 1 + e * 97 % 6000));
      Buffer send(random, counts[0]);
      Buffer receive(random, counts[0]);
      send.fill(e, rank);
      const bool declines = e % 3 == 1 && rank == static_cast<int>(e % 2);
      const Status status =
          declines ? communicator.decline()
                   : communicator.exchange({send.bytes.data(), send.blocks, receive.bytes.data(),
                                            receive.blocks, false});
      if (e % 3 != 1) {
        ASSERT_TRUE(status.ok()) << status.message();
        ASSERT_EQ(receive.wrong_bytes(e, rank, counts[0]), 0U);
      } else {
        ASSERT_EQ(status.kind(), declines ? ErrorKind::kNone : ErrorKind::kPeer)
            << status.message();
      }
    }
  });
}

}  // namespace
}  // namespace causeway::test
