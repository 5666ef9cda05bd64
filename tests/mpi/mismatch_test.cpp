// Counts that disagree: who hears of it, what is kept, and that the next exchange is as any other.
#include "call.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

constexpr int kKiB = 1024;
constexpr int kMiB = 1024 * kKiB;
constexpr std::byte kUntouched{0x5a};

/// How a communicator is attached.
struct Rings {
  const char* name;
  const char* ring_bytes;
  const char* lanes;
};

constexpr Rings kRings[] = {
    {"auto", "", ""}, {"ring_16K", "16K", ""}, {"ring_256K_lanes_3", "256K", "3"}};

void PrintTo(const Rings& rings, std::ostream* stream) { *stream << rings.name; }

/// Each rank sends bytes to the next and receives from the one before it.
class Circle {
 public:
  Circle(MPI_Comm comm, int most_bytes) : comm_(comm) {
    MPI_Comm_rank(comm, &rank_);
    MPI_Comm_size(comm, &size_);
    const auto bytes = static_cast<std::size_t>(most_bytes);
    sent_.resize(bytes);
    for (std::size_t at = 0; at < bytes; ++at) sent_[at] = content(rank_, at);
    received_.resize(bytes + kGuard);
  }

  int rank() const { return rank_; }
  int next() const { return (rank_ + 1) % size_; }
  int previous() const { return (rank_ + size_ - 1) % size_; }

  /// Sends `sends` bytes and asks for `asks`; the code that comes back.
  int exchange(int sends, int asks) {
    std::fill(received_.begin(), received_.end(), kUntouched);
    std::vector<int> sendcounts(static_cast<std::size_t>(size_), 0);
    std::vector<int> recvcounts = sendcounts;
    const std::vector<int> displacements = sendcounts;
    sendcounts[static_cast<std::size_t>(next())] = sends;
    recvcounts[static_cast<std::size_t>(previous())] = asks;
    return MPIX_Alltoallv(sent_.data(), sendcounts.data(), displacements.data(), MPI_CHAR,
                          received_.data(), recvcounts.data(), displacements.data(), MPI_CHAR,
                          comm_);
  }

  /// Passes when `bytes` bytes have come from the rank before, and nothing behind them has changed.
  ::testing::AssertionResult holds(int bytes) const {
    for (std::size_t at = 0; at < received_.size(); ++at) {
      const bool arrived = at < static_cast<std::size_t>(bytes);
      if (received_[at] == (arrived ? content(previous(), at) : kUntouched)) continue;
      return ::testing::AssertionFailure()
             << "byte " << at << (arrived ? " did not arrive" : " was overwritten");
    }
    return ::testing::AssertionSuccess();
  }

 private:
  static constexpr std::size_t kGuard = 4096;

  static std::byte content(int rank, std::size_t at) {
    // Neither bytes of other blocks nor those of a later place look alike.
    const std::uint64_t mixed = (at + 1) * 0x9e3779b97f4a7c15U + static_cast<unsigned>(rank) * 977U;
    return static_cast<std::byte>(mixed >> 40);
  }

  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 0;
  std::vector<std::byte> sent_;
  std::vector<std::byte> received_;
};

class Mismatch : public ::testing::TestWithParam<Rings> {
 protected:
  Mismatch() : comm_(ScopedComm::dup(MPI_COMM_WORLD)) {
    const Rings& rings = GetParam();
    EXPECT_EQ(MPIX_Comm_attach(
                  comm_, ScopedInfo({{"ring_bytes", rings.ring_bytes}, {"lanes", rings.lanes}})),
              MPI_SUCCESS);
  }

  /// Passes when an exchange of `bytes` bytes goes well.
  ::testing::AssertionResult agrees(Circle& circle, int bytes) {
    const int code = circle.exchange(bytes, bytes);
    if (code != MPI_SUCCESS) return ::testing::AssertionFailure() << sentence(code);
    return circle.holds(bytes);
  }

  const ScopedComm comm_;
};

/// A smaller and a larger count, around the sizes at which messages begin to travel otherwise.
constexpr int kCounts[][2] = {
    {1, 2},
    {100, 300},
    {4 * kKiB, 4 * kKiB + 1},
    {1, 20 * kKiB},
    {64 * kKiB - 1, 64 * kKiB},
    {64 * kKiB, 64 * kKiB + 1},
    {64 * kKiB + 1, 70 * kKiB},
    {256 * kKiB - 1, 256 * kKiB},
    {256 * kKiB, 256 * kKiB + 1},
    {256 * kKiB + 1, 300 * kKiB},
    {100, 3 * kMiB},
    {300 * kKiB, 3 * kMiB},
    {3 * kMiB - 1, 3 * kMiB},
};

TEST_P(Mismatch, MoreThanAskedForIsTruncated) {
  for (const auto& [asked, sent] : kCounts) {
    SCOPED_TRACE("sent " + std::to_string(sent) + ", asked for " + std::to_string(asked));
    Circle circle(comm_, sent);
    const int code = circle.exchange(sent, asked);
    EXPECT_TRUE(is_error(
        code, MPI_ERR_TRUNCATE,
        {"rank " + std::to_string(circle.rank()) + " was sent " + std::to_string(sent) + " bytes",
         "by rank " + std::to_string(circle.previous()), "asked for " + std::to_string(asked)}));
    EXPECT_TRUE(circle.holds(asked));
    EXPECT_TRUE(agrees(circle, sent));
    EXPECT_TRUE(agrees(circle, asked));
  }
}

TEST_P(Mismatch, LessThanAskedForIsKept) {
  for (const auto& [sent, asked] : kCounts) {
    SCOPED_TRACE("sent " + std::to_string(sent) + ", asked for " + std::to_string(asked));
    Circle circle(comm_, asked);
    EXPECT_EQ(circle.exchange(sent, asked), MPI_SUCCESS);
    EXPECT_TRUE(circle.holds(sent));
    EXPECT_TRUE(agrees(circle, asked));
  }
}

TEST_P(Mismatch, NothingWhereSomeWasAskedForIsNoError) {
  for (const int asked : {1, 64 * kKiB, 3 * kMiB}) {
    Circle circle(comm_, asked);
    EXPECT_EQ(circle.exchange(0, asked), MPI_SUCCESS);
    EXPECT_TRUE(circle.holds(0));
    EXPECT_TRUE(agrees(circle, asked));
  }
}

TEST_P(Mismatch, SomeWhereNothingWasAskedForIsReported) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank to send to";
  for (const int sent : {1, 4 * kKiB, 64 * kKiB, 300 * kKiB, 3 * kMiB}) {
    SCOPED_TRACE("sent " + std::to_string(sent));
    Circle circle(comm_, sent);
    // As a sender, this rank may hear of it at once; as a receiver, in the next exchange.
    const int first = circle.exchange(sent, 0);
    int told = first != MPI_SUCCESS ? 1 : 0;
    EXPECT_TRUE(circle.holds(0));
    if (first != MPI_SUCCESS) {
      EXPECT_TRUE(
          is_error(first, MPI_ERR_TRUNCATE,
                   {"rank " + std::to_string(circle.rank()) + " sends " + std::to_string(sent) +
                        " bytes to rank " + std::to_string(circle.next()),
                    "asked for none"}));
    }
    const int second = circle.exchange(sent, sent);
    EXPECT_TRUE(circle.holds(sent));
    if (second != MPI_SUCCESS) {
      EXPECT_TRUE(is_error(second, MPI_ERR_TRUNCATE,
                           {"was sent " + std::to_string(sent) + " bytes by rank " +
                                std::to_string(circle.previous()),
                            "asked for 0"}));
    }
    // What the sender before this rank was told, this rank did not have to be.
    int told_before = 0;
    MPI_Sendrecv(&told, 1, MPI_INT, circle.next(), 0, &told_before, 1, MPI_INT, circle.previous(),
                 0, comm_, MPI_STATUS_IGNORE);
    EXPECT_TRUE(told_before != 0 || second != MPI_SUCCESS) << "nobody reported the surplus";
    EXPECT_TRUE(agrees(circle, sent));
  }
}

TEST_P(Mismatch, ToItselfARankReportsAtOnce) {
  const ScopedComm alone = ScopedComm::split(comm_, comm_.rank(), 0);
  Circle circle(alone, 1000);
  EXPECT_TRUE(is_error(circle.exchange(1000, 0), MPI_ERR_TRUNCATE, {"1000", "asked for 0"}));
  EXPECT_TRUE(circle.holds(0));
  EXPECT_TRUE(is_error(circle.exchange(1000, 999), MPI_ERR_TRUNCATE, {"1000", "asked for 999"}));
  EXPECT_TRUE(circle.holds(999));
  EXPECT_TRUE(agrees(circle, 1000));
}

TEST_P(Mismatch, SurplusThatNobodyTakesDoesNotBlock) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank to send to";
  Circle circle(comm_, 400 * kKiB);
  Random random = shared_random();
  for (int i = 0; i < 200; ++i) {
    const int sent = static_cast<int>(log_uniform(random, i % 20 == 0 ? 400 * kKiB : 64 * kKiB));
    const int code = circle.exchange(sent, 0);
    EXPECT_TRUE(code == MPI_SUCCESS || class_of(code) == MPI_ERR_TRUNCATE) << sentence(code);
    EXPECT_TRUE(circle.holds(0));
  }
  const int code = circle.exchange(400 * kKiB, 400 * kKiB);
  EXPECT_TRUE(code == MPI_SUCCESS || class_of(code) == MPI_ERR_TRUNCATE) << sentence(code);
  EXPECT_TRUE(circle.holds(400 * kKiB));
  EXPECT_TRUE(agrees(circle, 400 * kKiB));
}

TEST_P(Mismatch, RandomOnesFollowEachOther) {
  Circle circle(comm_, kMiB);
  Random random = shared_random();
  bool surplus = false;
  for (int i = 0; i < 200; ++i) {
    const int sent = static_cast<int>(log_uniform(random, kMiB));
    const int asked = one_in(random, 4) ? sent : static_cast<int>(log_uniform(random, kMiB));
    const int code = circle.exchange(sent, asked);
    EXPECT_TRUE(circle.holds(std::min(sent, asked))) << "sent " << sent << ", asked " << asked;
    if (sent > asked || surplus) {
      EXPECT_TRUE(code == MPI_SUCCESS || class_of(code) == MPI_ERR_TRUNCATE) << sentence(code);
      EXPECT_TRUE(code != MPI_SUCCESS || asked == 0 || sent <= asked);
    } else {
      EXPECT_EQ(code, MPI_SUCCESS);
    }
    // A surplus stays until bytes are asked for and some come.
    if (sent > 0) surplus = asked == 0;
  }
}

TEST_P(Mismatch, OfOnePairDoesNotConcernTheOthers) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank to send to";
  for (const int sent : {200, 200 * kKiB, 2 * kMiB}) {
    Circle circle(comm_, sent);
    const int asked = circle.rank() == 1 ? sent / 2 : sent;
    const int code = circle.exchange(sent, asked);
    EXPECT_EQ(class_of(code), circle.rank() == 1 ? MPI_ERR_TRUNCATE : MPI_SUCCESS);
    EXPECT_TRUE(circle.holds(asked));
    EXPECT_TRUE(agrees(circle, sent));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Mismatch, ::testing::ValuesIn(kRings),
                         [](const auto& rings) { return std::string(rings.param.name); });

/// A message that no call has received stands in the way of the next exchange: no rank waits, and
/// none takes it for another.
TEST(MismatchOfOperations, MessagesLeftBehindFailTheCommunicator) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  if (comm.size() < 2) GTEST_SKIP() << "needs two ranks";
  const int ten[10] = {};
  if (rank == 1) {
    EXPECT_EQ(MPIX_Sendrecv(ten, 10, MPI_INT, 0, 1, nullptr, 0, MPI_INT, MPI_PROC_NULL, 1, comm,
                            MPI_STATUS_IGNORE),
              MPI_SUCCESS);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  const std::vector<int> sent(static_cast<std::size_t>(comm.size()), rank);
  std::vector<int> received(sent.size(), -1);
  const auto exchange = [&] {
    return MPIX_Alltoall(sent.data(), 1, MPI_INT, received.data(), 1, MPI_INT, comm);
  };
  const int first = exchange();
  if (rank == 0) {
    EXPECT_TRUE(
        is_error(first, class_of(first),
                 {"rank 0 asked rank 1 for one of an alltoallv and got a message with tag 1",
                  "in the same order"}));
  }
  MPI_Barrier(MPI_COMM_WORLD);
  int failed = MPI_SUCCESS;
  EXPECT_EQ(MPIX_Comm_get_error(comm, &failed), MPI_SUCCESS);
  EXPECT_NE(failed, MPI_SUCCESS);
  EXPECT_TRUE(is_error(exchange(), class_of(failed), {"rank 0 "}));
}

}  // namespace
}  // namespace causeway::test
