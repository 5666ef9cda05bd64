// Wrong arguments: on all ranks and on one, what is said of them and what still works afterwards.
#include "call.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"
#include "wrong_arguments.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::test {
namespace {

class ErrorsOfArguments : public ::testing::TestWithParam<WrongArgument> {};

TEST_P(ErrorsOfArguments, OnAllRanks) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  for (const Entry entry : {Entry::kInt, Entry::kCount}) {
    Call call(comm, 1);
    GetParam().spoil(call);
    std::vector<std::string> fragments = GetParam().fragments_for(call.rank, call.size);
    fragments.push_back(entry == Entry::kInt ? "MPIX_Alltoallv:" : "MPIX_Alltoallv_c:");
    EXPECT_TRUE(is_error(call.run(entry), GetParam().error_class, fragments));
    EXPECT_EQ(call.received, std::vector<int>(static_cast<std::size_t>(call.size), -1));
    EXPECT_TRUE(works(comm));
  }
}

TEST_P(ErrorsOfArguments, OnOneRank) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank, whose arguments are right";
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  const int wrong =
      static_cast<int>(between(random, 0, static_cast<std::uint64_t>(comm.size()) - 1));
  Call call(comm, 1);
  if (call.rank == wrong) {
    GetParam().spoil(call);
    EXPECT_TRUE(is_error(call.run(), GetParam().error_class,
                         GetParam().fragments_for(call.rank, call.size)));
  } else {
    EXPECT_TRUE(is_error(call.run(), MPI_ERR_OTHER, {"rank " + std::to_string(wrong)}));
    call.received[static_cast<std::size_t>(wrong)] = call.round * 10000 + wrong * 100 + call.rank;
    EXPECT_TRUE(call.arrived()) << "but for what rank " << wrong << " did not send";
  }
  EXPECT_TRUE(works(comm));
}

INSTANTIATE_TEST_SUITE_P(Table, ErrorsOfArguments, ::testing::ValuesIn(wrong_arguments()), name_of);

TEST(Errors, OnlyRanksThatExpectBytesHearOfAWrongArgument) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank, whose arguments are right";
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Call call(comm, 1);
  call.recvcounts->front() = 0;
  if (call.rank == 0) {
    call.sendcounts->assign(call.sendcounts->size(), 0);
    call.recvcounts->back() = -1;
    EXPECT_TRUE(is_error(call.run(), MPI_ERR_COUNT, {"rank 0"}));
  } else {
    EXPECT_EQ(call.run(), MPI_SUCCESS);
  }
  EXPECT_TRUE(works(comm));
}

TEST(Errors, OneRankGetsItsArgumentsWrongAmidHeavyTraffic) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank, whose arguments are right";
  const ScopedComm comm = attached({{"ring_bytes", "16K"}, {"lanes", "2"}, {"max_ctas", "2"}});
  Random random = shared_random();
  const auto ranks = static_cast<std::size_t>(comm.size());
  for (int round = 0; round < 60; ++round) {
    const int block = static_cast<int>(log_uniform(random, 200'000));
    const int wrong = static_cast<int>(between(random, 0, ranks - 1));
    std::vector<int> counts(ranks, block);
    std::vector<int> displacements(ranks);
    for (std::size_t peer = 0; peer < ranks; ++peer) {
      displacements[peer] = static_cast<int>(peer) * block;
    }
    const std::vector<char> sent(ranks * static_cast<std::size_t>(block) + 1);
    std::vector<char> received(sent.size());
    if (comm.rank() == wrong) counts.back() = -1;
    const int code =
        MPIX_Alltoallv(sent.data(), counts.data(), displacements.data(), MPI_CHAR, received.data(),
                       counts.data(), displacements.data(), MPI_CHAR, comm);
    if (comm.rank() == wrong) {
      EXPECT_TRUE(is_error(code, MPI_ERR_COUNT, {"= -1"}));
    } else if (block == 0) {
      EXPECT_EQ(code, MPI_SUCCESS);
    } else {
      EXPECT_TRUE(is_error(code, MPI_ERR_OTHER, {"rank " + std::to_string(wrong)}));
    }
    // Not after each: what several of them leave behind must not matter either.
    if (one_in(random, 3)) {
      EXPECT_TRUE(exchanges_like_mpi(comm, random, 2, 50'000)) << "round " << round;
    }
  }
}

TEST(Errors, CountsWhoseBytesNoMemoryHolds) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const auto size = static_cast<std::size_t>(comm.size());
  const std::vector<MPI_Count> counts(size, MPI_Count{1} << 61);
  const std::vector<MPI_Count> none(size, 0);
  const std::vector<MPI_Aint> displacements(size, 0);
  double element = 0;
  EXPECT_TRUE(
      is_error(MPIX_Alltoallv_c(&element, counts.data(), displacements.data(), MPI_DOUBLE, nullptr,
                                none.data(), nullptr, MPI_DOUBLE, comm),
               MPI_ERR_COUNT,
               {"sendcounts[0] = 2305843009213693952", "rank " + std::to_string(comm.rank())}));
  EXPECT_TRUE(works(comm));
}

TEST(Errors, NothingToMoveNeedsNoBuffersAndNoDisplacements) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  for (const Entry entry : {Entry::kInt, Entry::kCount}) {
    Call call(comm, 1);
    call.sendcounts->assign(call.sendcounts->size(), 0);
    call.recvcounts->assign(call.recvcounts->size(), 0);
    call.sdispls.reset();
    call.rdispls.reset();
    call.sendbuf = nullptr;
    call.recvbuf = nullptr;
    EXPECT_EQ(call.run(entry), MPI_SUCCESS);
  }
  Call empty_type(comm, 2);
  empty_type.types.push_back(ScopedType::contiguous(0, MPI_INT));
  empty_type.sendtype = empty_type.types.back();
  empty_type.sendbuf = nullptr;
  empty_type.recvcounts->assign(empty_type.recvcounts->size(), 0);
  EXPECT_EQ(empty_type.run(), MPI_SUCCESS);
  EXPECT_TRUE(works(comm));
}

}  // namespace
}  // namespace causeway::test
