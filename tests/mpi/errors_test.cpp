// Wrong arguments: on all ranks and on one, what is said of them and what still works afterwards.
#include "call.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

void use_sendtype(Call& call, ScopedType type) {
  call.sendtype = type;
  call.types.push_back(std::move(type));
}

ScopedType uncommitted_pair() {
  MPI_Datatype type = MPI_DATATYPE_NULL;
  MPI_Type_contiguous(2, MPI_INT, &type);
  return ScopedType::uncommitted(type);
}

/// One way to spoil a call. In fragments, RANK stands for the caller's rank and LAST for the last.
struct Row {
  const char* name;
  void (*spoil)(Call& call);
  int error_class;
  std::vector<std::string> fragments;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> the_rows = {
      {"negative_sendcount",
       [](Call& c) { c.sendcounts->back() = -3; },
       MPI_ERR_COUNT,
       {"sendcounts[LAST] = -3", "rank RANK"}},
      {"negative_recvcount",
       [](Call& c) { c.recvcounts->back() = -1; },
       MPI_ERR_COUNT,
       {"recvcounts[LAST] = -1", "rank RANK"}},
      {"no_sendbuf",
       [](Call& c) { c.sendbuf = nullptr; },
       MPI_ERR_BUFFER,
       {"sendbuf is NULL", "rank RANK", "sendcounts[0] = 1"}},
      {"recvbuf_in_place",
       [](Call& c) { c.recvbuf = MPI_IN_PLACE; },
       MPI_ERR_BUFFER,
       {"recvbuf is MPI_IN_PLACE", "rank RANK"}},
      {"no_recvbuf",
       [](Call& c) { c.recvbuf = nullptr; },
       MPI_ERR_BUFFER,
       {"recvbuf is NULL", "rank RANK", "recvcounts[0] = 1"}},
      {"no_sendcounts",
       [](Call& c) { c.sendcounts.reset(); },
       MPI_ERR_ARG,
       {"sendcounts is NULL", "rank RANK"}},
      {"no_recvcounts",
       [](Call& c) { c.recvcounts.reset(); },
       MPI_ERR_ARG,
       {"recvcounts is NULL", "rank RANK"}},
      {"no_sdispls",
       [](Call& c) { c.sdispls.reset(); },
       MPI_ERR_ARG,
       {"sdispls is NULL", "rank RANK"}},
      {"no_rdispls",
       [](Call& c) { c.rdispls.reset(); },
       MPI_ERR_ARG,
       {"rdispls is NULL", "rank RANK"}},
      {"no_sendtype",
       [](Call& c) { c.sendtype = MPI_DATATYPE_NULL; },
       MPI_ERR_TYPE,
       {"sendtype is MPI_DATATYPE_NULL", "rank RANK"}},
      {"no_recvtype",
       [](Call& c) { c.recvtype = MPI_DATATYPE_NULL; },
       MPI_ERR_TYPE,
       {"recvtype is MPI_DATATYPE_NULL", "rank RANK"}},
      {"uncommitted",
       [](Call& c) { use_sendtype(c, uncommitted_pair()); },
       MPI_ERR_TYPE,
       {"sendtype", "is not committed", "rank RANK"}},
      {"uncommitted_recvtype",
       [](Call& c) {
         c.types.push_back(uncommitted_pair());
         c.recvtype = c.types.back();
       },
       MPI_ERR_TYPE,
       {"recvtype", "is not committed", "rank RANK"}},
  };
  return the_rows;
}

/// The fragments of a row as `rank` of `size` ranks is to read them.
std::vector<std::string> fragments_for(const Row& row, int rank, int size) {
  std::vector<std::string> fragments = row.fragments;
  for (std::string& fragment : fragments) {
    for (const auto& [mark, number] : {std::pair("RANK", rank), std::pair("LAST", size - 1)}) {
      const std::size_t at = fragment.find(mark);
      if (at != std::string::npos) fragment.replace(at, 4, std::to_string(number));
    }
  }
  return fragments;
}

void PrintTo(const Row& row, std::ostream* stream) { *stream << row.name; }

class ErrorsOfArguments : public ::testing::TestWithParam<Row> {};

TEST_P(ErrorsOfArguments, OnAllRanks) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  for (const Entry entry : {Entry::kInt, Entry::kCount}) {
    Call call(comm, 1);
    GetParam().spoil(call);
    std::vector<std::string> fragments = fragments_for(GetParam(), call.rank, call.size);
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
                         fragments_for(GetParam(), call.rank, call.size)));
  } else {
    EXPECT_TRUE(is_error(call.run(), MPI_ERR_OTHER, {"rank " + std::to_string(wrong)}));
    call.received[static_cast<std::size_t>(wrong)] = call.round * 10000 + wrong * 100 + call.rank;
    EXPECT_TRUE(call.arrived()) << "but for what rank " << wrong << " did not send";
  }
  EXPECT_TRUE(works(comm));
}

INSTANTIATE_TEST_SUITE_P(Table, ErrorsOfArguments, ::testing::ValuesIn(rows()),
                         [](const auto& row) { return std::string(row.param.name); });

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
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const ScopedInfo info({{"ring_bytes", "16K"}, {"lanes", "2"}, {"max_ctas", "2"}});
  ASSERT_EQ(MPIX_Comm_attach(comm, info), MPI_SUCCESS);
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
  use_sendtype(empty_type, ScopedType::contiguous(0, MPI_INT));
  empty_type.sendbuf = nullptr;
  empty_type.recvcounts->assign(empty_type.recvcounts->size(), 0);
  EXPECT_EQ(empty_type.run(), MPI_SUCCESS);
  EXPECT_TRUE(works(comm));
}

}  // namespace
}  // namespace causeway::test
