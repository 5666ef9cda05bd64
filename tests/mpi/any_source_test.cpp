// MPIX_Sendrecv from MPI_ANY_SOURCE: every message once, from whom it says, and none that is not
// meant.
#include "call.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

/// What a rank sends in its message with a number.
std::vector<int> content(int from, int number, std::size_t ints) {
  std::vector<int> words(ints);
  for (std::size_t i = 0; i < ints; ++i) {
    words[i] = static_cast<int>(i) * 31 + 1000 * number + from;
  }
  return words;
}

/// The ints of a message, the same at both ends.
std::size_t length(std::uint64_t seed, int from, int number) {
  Random random(seed + static_cast<std::uint64_t>(1000 * from + number));
  return log_uniform(random, one_in(random, 10) ? 500'000 : 5'000);
}

int send_to(int to, int tag, const std::vector<int>& words, MPI_Comm comm) {
  return MPIX_Sendrecv(words.data(), static_cast<int>(words.size()), MPI_INT, to, tag, nullptr, 0,
                       MPI_INT, MPI_PROC_NULL, 0, comm, MPI_STATUS_IGNORE);
}

/// Receives `words` at most from anybody.
int receive_any(int tag, std::vector<int>& words, MPI_Comm comm, MPI_Status* status) {
  return MPIX_Sendrecv(nullptr, 0, MPI_INT, MPI_PROC_NULL, 0, words.data(),
                       static_cast<int>(words.size()), MPI_INT, MPI_ANY_SOURCE, tag, comm, status);
}

int count_of(const MPI_Status& status) {
  int count = -1;
  MPI_Get_count(&status, MPI_INT, &count);
  return count;
}

TEST(AnySource, TakesEveryMessageOnceAndInOrder) {
  const ScopedComm comm = attached({{"lanes", "3"}, {"ring_bytes", "64K"}});
  const int size = comm.size();
  const std::uint64_t seed = shared_random()();
  constexpr int kEach = 20;
  if (comm.rank() > 0) {
    for (int number = 0; number < kEach; ++number) {
      const auto words = content(comm.rank(), number, length(seed, comm.rank(), number));
      ASSERT_EQ(send_to(0, number, words, comm), MPI_SUCCESS);
    }
  }
  std::vector<int> next(static_cast<std::size_t>(size), 0);
  for (int i = 0; comm.rank() == 0 && i < (size - 1) * kEach; ++i) {
    std::vector<int> words(500'000, -1);
    MPI_Status status;
    ASSERT_EQ(receive_any(MPI_ANY_TAG, words, comm, &status), MPI_SUCCESS);
    const int from = status.MPI_SOURCE;
    ASSERT_TRUE(from > 0 && from < size) << from;
    const int number = next[static_cast<std::size_t>(from)]++;
    ASSERT_EQ(status.MPI_TAG, number) << "from rank " << from;
    const std::size_t sent = length(seed, from, number);
    ASSERT_EQ(count_of(status), static_cast<int>(sent));
    std::vector<int> expected = content(from, number, sent);
    expected.resize(words.size(), -1);
    ASSERT_EQ(words, expected) << "message " << number << " from rank " << from;
  }
  EXPECT_TRUE(works(comm));
}

/// All send and receive at the same time, so that none may wait for its message before it sends.
TEST(AnySource, GoesRoundARing) {
  const ScopedComm comm = attached({{"lanes", "2"}, {"ring_bytes", "16K"}});
  const int rank = comm.rank();
  const int size = comm.size();
  const int before = (rank + size - 1) % size;
  const std::uint64_t seed = shared_random()();
  for (int number = 0; number < 20; ++number) {
    const auto words = content(rank, number, length(seed, 0, number));
    std::vector<int> received(words.size() + 3, -1);
    MPI_Status status;
    const int code =
        MPIX_Sendrecv(words.data(), static_cast<int>(words.size()), MPI_INT, (rank + 1) % size,
                      number, received.data(), static_cast<int>(received.size()), MPI_INT,
                      MPI_ANY_SOURCE, number, comm, &status);
    ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
    ASSERT_EQ(status.MPI_SOURCE, before);
    ASSERT_EQ(status.MPI_TAG, number);
    std::vector<int> expected = content(before, number, words.size());
    expected.resize(received.size(), -1);
    ASSERT_EQ(received, expected) << "message " << number;
  }
  EXPECT_TRUE(works(comm));
}

TEST(AnySource, ScattersDerivedDatatypes) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  if (comm.size() < 2) GTEST_SKIP() << "needs two ranks";
  constexpr int kRows = 700;
  MPI_Datatype every_other = MPI_DATATYPE_NULL;
  MPI_Type_vector(kRows, 1, 2, MPI_INT, &every_other);
  MPI_Type_commit(&every_other);
  if (rank == 1) {
    EXPECT_EQ(send_to(0, 4, content(1, 7, kRows), comm), MPI_SUCCESS);
  } else if (rank == 0) {
    std::vector<int> received(2 * kRows, -1);
    MPI_Status status;
    EXPECT_EQ(MPIX_Sendrecv(nullptr, 0, MPI_INT, MPI_PROC_NULL, 0, received.data(), 1, every_other,
                            MPI_ANY_SOURCE, 4, comm, &status),
              MPI_SUCCESS);
    EXPECT_EQ(status.MPI_SOURCE, 1);
    std::vector<int> expected(2 * kRows, -1);
    const std::vector<int> sent = content(1, 7, kRows);
    for (std::size_t i = 0; i < sent.size(); ++i) expected[2 * i] = sent[i];
    EXPECT_EQ(received, expected);
  }
  MPI_Type_free(&every_other);
  EXPECT_TRUE(works(comm));
}

/// The message with the tag that was asked for is taken, though another was there first.
TEST(AnySource, LeavesOtherTagsWhereTheyAre) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  if (comm.size() < 3) GTEST_SKIP() << "needs three ranks";
  if (rank == 1) {
    EXPECT_EQ(send_to(0, 11, content(1, 0, 5), comm), MPI_SUCCESS);
  }
  MPI_Barrier(comm);
  if (rank == 2) {
    EXPECT_EQ(send_to(0, 22, content(2, 0, 5), comm), MPI_SUCCESS);
  }
  for (const int from : {2, 1}) {
    if (rank != 0) break;
    std::vector<int> words(5, -1);
    MPI_Status status;
    EXPECT_EQ(receive_any(11 * from, words, comm, &status), MPI_SUCCESS);
    EXPECT_EQ(status.MPI_SOURCE, from);
    EXPECT_EQ(words, content(from, 0, 5));
  }
  EXPECT_TRUE(works(comm));
}

/// Rank 2 has begun an exchange of all with all before rank 1 sends.
TEST(AnySource, LeavesOtherOperationsWhereTheyAre) {
  for (const char* const ll_bytes : {"4096", "0"}) {
    const ScopedComm comm = attached({{"ll_bytes", ll_bytes}});
    const int rank = comm.rank();
    if (comm.size() < 3) GTEST_SKIP() << "needs three ranks";
    if (rank == 1) {
      // Not before rank 2's blocks have likely come; either way it has to go well.
      MPI_Recv(nullptr, 0, MPI_INT, 2, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      EXPECT_EQ(send_to(0, 3, content(1, 0, 9), comm), MPI_SUCCESS);
    } else if (rank == 2) {
      MPI_Send(nullptr, 0, MPI_INT, 1, 0, MPI_COMM_WORLD);
    } else if (rank == 0) {
      std::vector<int> words(9, -1);
      MPI_Status status;
      EXPECT_EQ(receive_any(MPI_ANY_TAG, words, comm, &status), MPI_SUCCESS);
      EXPECT_EQ(status.MPI_SOURCE, 1);
      EXPECT_EQ(words, content(1, 0, 9));
    }
    EXPECT_TRUE(works(comm));
  }
}

TEST(AnySource, WhatARankSendsItselfIsThereAtOnce) {
  const ScopedComm comm = attached();
  const int sent = 40 + comm.rank();
  int received = -1;
  MPI_Status status;
  EXPECT_EQ(MPIX_Sendrecv(&sent, 1, MPI_INT, comm.rank(), 2, &received, 1, MPI_INT, MPI_ANY_SOURCE,
                          2, comm, &status),
            MPI_SUCCESS);
  EXPECT_EQ(received, sent);
  EXPECT_EQ(status.MPI_SOURCE, comm.rank());
  EXPECT_EQ(status.MPI_TAG, 2);
}

TEST(AnySource, NeedsAnotherRank) {
  const ScopedComm comm = attached();
  if (comm.size() > 1) GTEST_SKIP() << "is of one rank";
  std::vector<int> words(1);
  EXPECT_TRUE(is_error(receive_any(0, words, comm, MPI_STATUS_IGNORE), MPI_ERR_RANK,
                       {"source is MPI_ANY_SOURCE on rank 0"}));
}

/// A rank whose other arguments are wrong takes no message.
TEST(AnySource, WrongCallsTakeNothing) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  if (comm.size() < 2) GTEST_SKIP() << "needs two ranks";
  if (rank == 1) {
    EXPECT_EQ(send_to(0, 8, content(1, 3, 6), comm), MPI_SUCCESS);
  }
  if (rank == 0) {
    std::vector<int> words(6, -1);
    EXPECT_TRUE(is_error(MPIX_Sendrecv(nullptr, 0, MPI_INT, MPI_PROC_NULL, 0, words.data(), -6,
                                       MPI_INT, MPI_ANY_SOURCE, 8, comm, MPI_STATUS_IGNORE),
                         MPI_ERR_COUNT, {"recvcount = -6 on rank 0"}));
    EXPECT_EQ(receive_any(8, words, comm, MPI_STATUS_IGNORE), MPI_SUCCESS);
    EXPECT_EQ(words, content(1, 3, 6));
  }
  EXPECT_TRUE(works(comm));
}

}  // namespace
}  // namespace causeway::test
