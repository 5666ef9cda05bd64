// Plans: wrong arguments on all ranks and on one, wrong streams and handles, and what outlives its
// communicator.
#include "call.hpp"
#include "gpu_memory.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"
#include "wrong_arguments.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace causeway::test {
namespace {

/// Where the ranks' own memory is what exchanges use.
ScopedComm attached_to_host() { return attached({{"device", "host"}}); }

std::vector<WrongArgument> wrong_arguments_of_plans() {
  std::vector<WrongArgument> all = wrong_arguments();
  all.push_back({"in_place",
                 [](Call& c) { c.sendbuf = MPI_IN_PLACE; },
                 MPI_ERR_BUFFER,
                 {"sendbuf is MPI_IN_PLACE on rank RANK"}});
  return all;
}

class PlansOfWrongArguments : public ::testing::TestWithParam<WrongArgument> {};

TEST_P(PlansOfWrongArguments, OnAllRanksAreEveryRanksError) {
  const ScopedComm comm = attached_to_host();
  for (const Entry entry : {Entry::kInt, Entry::kCount}) {
    Call call(comm, 1);
    GetParam().spoil(call);
    std::vector<std::string> fragments = GetParam().fragments_for(0, call.size);
    fragments.emplace_back(entry == Entry::kInt ? "MPIX_Alltoallv_plan:"
                                                : "MPIX_Alltoallv_plan_c:");
    MPIX_Plan plan = MPIX_PLAN_NULL;
    EXPECT_TRUE(is_error(call.plan(&plan, entry), GetParam().error_class, fragments));
    EXPECT_EQ(plan, MPIX_PLAN_NULL);
    EXPECT_TRUE(works(comm));
  }
}

TEST_P(PlansOfWrongArguments, OnOneRankAreEveryRanksError) {
  const ScopedComm comm = attached_to_host();
  Random random = shared_random();
  const int wrong =
      static_cast<int>(between(random, 0, static_cast<std::uint64_t>(comm.size()) - 1));
  Call call(comm, 1);
  if (call.rank == wrong) GetParam().spoil(call);
  MPIX_Plan plan = MPIX_PLAN_NULL;
  EXPECT_TRUE(is_error(call.plan(&plan), GetParam().error_class,
                       GetParam().fragments_for(wrong, call.size)));
  EXPECT_EQ(plan, MPIX_PLAN_NULL);
  EXPECT_TRUE(works(comm));
}

INSTANTIATE_TEST_SUITE_P(Table, PlansOfWrongArguments,
                         ::testing::ValuesIn(wrong_arguments_of_plans()), name_of);

TEST(Plans, WithNowhereToStoreThemAreEveryRanksError) {
  const ScopedComm comm = attached_to_host();
  for (const int wrong : {0, world_size() - 1}) {
    const Call call(comm, 1);
    MPIX_Plan plan = MPIX_PLAN_NULL;
    EXPECT_TRUE(is_error(call.plan(call.rank == wrong ? nullptr : &plan), MPI_ERR_ARG,
                         {"plan is NULL on rank " + std::to_string(wrong)}));
    EXPECT_EQ(plan, MPIX_PLAN_NULL);
    EXPECT_TRUE(works(comm));
  }
}

TEST(Plans, OfCountsThatDisagreeAreEveryRanksErrorAndNameThePair) {
  const ScopedComm comm = attached_to_host();
  Random random = shared_random();
  for (const bool too_many : {true, false}) {
    const auto ranks = static_cast<std::uint64_t>(comm.size());
    const auto from = static_cast<int>(between(random, 0, ranks - 1));
    const auto to = static_cast<int>(between(random, 0, ranks - 1));
    Call call(comm, 1);
    if (too_many && call.rank == from) (*call.sendcounts)[static_cast<std::size_t>(to)] = 2;
    if (!too_many && call.rank == to) (*call.recvcounts)[static_cast<std::size_t>(from)] = 0;
    MPIX_Plan plan = MPIX_PLAN_NULL;
    EXPECT_TRUE(is_error(call.plan(&plan), MPI_ERR_TRUNCATE,
                         {"rank " + std::to_string(from) + " sends " + (too_many ? "8" : "4") +
                              " bytes to rank " + std::to_string(to),
                          too_many ? "asks for 4" : "asks for 0"}));
    EXPECT_EQ(plan, MPIX_PLAN_NULL);
    EXPECT_TRUE(works(comm));
  }
}

TEST(Plans, MayAskForMoreThanIsSent) {
  const ScopedComm comm = attached_to_host();
  Call call(comm, 7);
  if (call.rank == 0) call.sendcounts->back() = 0;
  if (call.rank == call.size - 1) call.received.front() = 7 * 10000 + call.rank;
  MPIX_Plan plan = MPIX_PLAN_NULL;
  ASSERT_EQ(call.plan(&plan), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Plan_start(plan, nullptr), MPI_SUCCESS);
  EXPECT_TRUE(call.arrived());
  EXPECT_EQ(MPIX_Plan_free(&plan), MPI_SUCCESS);
}

TEST(Plans, OfMemoryThatTheGpuCannotAddressAreEveryRanksError) {
  if (!on_gpus()) GTEST_SKIP() << "runs with CAUSEWAY_DEVICE=cuda";
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const Call call(comm, 1);
  MPIX_Plan plan = MPIX_PLAN_NULL;
  EXPECT_TRUE(is_error(call.plan(&plan), MPI_ERR_BUFFER,
                       {"sendbuf on rank 0", "cannot address", "a plan cannot copy it"}));
  EXPECT_EQ(plan, MPIX_PLAN_NULL);
  EXPECT_TRUE(works(comm));
}

/// A communicator whose device is the host, and a plan of ints on it.
class PlansOnTheHost : public ::testing::Test {
 protected:
  PlansOnTheHost() : comm_(attached_to_host()), call_(comm_, 3) {
    EXPECT_EQ(call_.plan(&plan_), MPI_SUCCESS);
  }
  ~PlansOnTheHost() override {
    if (plan_ == MPIX_PLAN_NULL) return;
    EXPECT_EQ(MPIX_Plan_free(&plan_), MPI_SUCCESS);
  }

  ::testing::AssertionResult plan_works() {
    call_.received.assign(call_.received.size(), -1);
    const int code = MPIX_Plan_start(plan_, nullptr);
    if (code != MPI_SUCCESS) return ::testing::AssertionFailure() << sentence(code);
    return call_.arrived();
  }

  ScopedComm comm_;
  Call call_;
  MPIX_Plan plan_ = MPIX_PLAN_NULL;
};

TEST_F(PlansOnTheHost, TakeNoStream) {
  int not_a_stream = 0;
  EXPECT_TRUE(is_error(
      MPIX_Plan_start(plan_, &not_a_stream), MPI_ERR_ARG,
      {"MPIX_Plan_start:", "stream", "on rank " + std::to_string(call_.rank), "has to be NULL"}));
  EXPECT_TRUE(plan_works());
  EXPECT_TRUE(works(comm_));
}

TEST_F(PlansOnTheHost, TellTheOtherRanksOfAWrongStream) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank, whose arguments are right";
  int not_a_stream = 0;
  if (call_.rank == 0) {
    EXPECT_TRUE(is_error(MPIX_Plan_start(plan_, &not_a_stream), MPI_ERR_ARG, {"stream"}));
  } else {
    EXPECT_TRUE(is_error(MPIX_Plan_start(plan_, nullptr), MPI_ERR_OTHER, {"rank 0"}));
  }
  EXPECT_TRUE(plan_works());
  EXPECT_TRUE(works(comm_));
}

TEST(Plans, OfLargeBlocksGoOnAfterAWrongStreamOnOneRank) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank, whose arguments are right";
  constexpr int kBlock = 300'000;
  const ScopedComm comm = attached_to_host();
  Random random = shared_random();
  const auto ranks = static_cast<std::size_t>(comm.size());
  const std::vector<int> counts(ranks, kBlock);
  std::vector<int> displacements(ranks);
  for (std::size_t peer = 0; peer < ranks; ++peer) {
    displacements[peer] = static_cast<int>(peer) * kBlock;
  }
  const std::size_t bytes = ranks * kBlock;
  const DeviceMemory memory(comm, DeviceMemory::Of::kMpix, bytes);
  std::vector<std::byte> sent(bytes);
  std::vector<std::byte> expected(bytes);
  MPIX_Plan plan = MPIX_PLAN_NULL;
  ASSERT_EQ(MPIX_Alltoallv_plan(sent.data(), counts.data(), displacements.data(), MPI_BYTE,
                                memory.data(), counts.data(), displacements.data(), MPI_BYTE, comm,
                                MPI_INFO_NULL, &plan),
            MPI_SUCCESS);
  Random own(random() + static_cast<std::uint64_t>(comm.rank()));
  for (int round = 0; round < 6; ++round) {
    const auto wrong = static_cast<int>(between(random, 0, ranks - 1));
    int not_a_stream = 0;
    if (comm.rank() == wrong) {
      EXPECT_TRUE(is_error(MPIX_Plan_start(plan, &not_a_stream), MPI_ERR_ARG, {"stream"}));
    } else {
      EXPECT_TRUE(is_error(MPIX_Plan_start(plan, nullptr), MPI_ERR_OTHER,
                           {"rank " + std::to_string(wrong)}));
    }
    for (std::byte& byte : sent) byte = static_cast<std::byte>(own());
    EXPECT_EQ(MPIX_Plan_start(plan, nullptr), MPI_SUCCESS);
    MPI_Alltoall(sent.data(), kBlock, MPI_BYTE, expected.data(), kBlock, MPI_BYTE, comm);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), memory.data())) << "round " << round;
  }
  EXPECT_EQ(MPIX_Plan_free(&plan), MPI_SUCCESS);
}

TEST_F(PlansOnTheHost, AreNoneWhereThereIsNoneAnyMore) {
  const ErrorsReturned world(MPI_COMM_WORLD);
  MPIX_Plan copy = plan_;
  ASSERT_EQ(MPIX_Plan_free(&plan_), MPI_SUCCESS);
  EXPECT_EQ(plan_, MPIX_PLAN_NULL);
  EXPECT_TRUE(is_error(MPIX_Plan_start(copy, nullptr), MPI_ERR_ARG, {"is not a plan"}));
  EXPECT_TRUE(is_error(MPIX_Plan_free(&copy), MPI_ERR_ARG, {"is not a plan"}));
  int not_a_plan = 0;
  auto garbage = reinterpret_cast<MPIX_Plan>(&not_a_plan);
  EXPECT_TRUE(is_error(MPIX_Plan_start(garbage, nullptr), MPI_ERR_ARG, {"is not a plan"}));
  EXPECT_TRUE(is_error(MPIX_Plan_free(&garbage), MPI_ERR_ARG, {"is not a plan"}));
  EXPECT_TRUE(is_error(MPIX_Plan_start(MPIX_PLAN_NULL, nullptr), MPI_ERR_ARG,
                       {"MPIX_Plan_start:", "plan is MPIX_PLAN_NULL"}));
  EXPECT_TRUE(is_error(MPIX_Plan_free(&plan_), MPI_ERR_ARG, {"plan is MPIX_PLAN_NULL"}));
  EXPECT_TRUE(is_error(MPIX_Plan_free(nullptr), MPI_ERR_ARG, {"MPIX_Plan_free:", "plan is NULL"}));
  EXPECT_TRUE(works(comm_));
}

TEST_F(PlansOnTheHost, EndWithTheAttachment) {
  ASSERT_EQ(MPIX_Comm_detach(comm_), MPI_SUCCESS);
  const ErrorsReturned world(MPI_COMM_WORLD);
  for (const bool again : {false, true}) {
    if (again) {
      ASSERT_EQ(MPIX_Comm_attach(comm_, MPI_INFO_NULL), MPI_SUCCESS);
    }
    EXPECT_TRUE(is_error(MPIX_Plan_start(plan_, nullptr), MPI_ERR_COMM,
                         {"MPIX_Plan_start:", "the plan's communicator has been detached"}));
  }
  EXPECT_EQ(MPIX_Plan_free(&plan_), MPI_SUCCESS);
  EXPECT_EQ(plan_, MPIX_PLAN_NULL);
  EXPECT_TRUE(works(comm_));
}

TEST_F(PlansOnTheHost, EndWithTheCommunicator) {
  comm_.free();
  const ErrorsReturned world(MPI_COMM_WORLD);
  EXPECT_TRUE(is_error(MPIX_Plan_start(plan_, nullptr), MPI_ERR_COMM, {"has been detached"}));
  EXPECT_EQ(MPIX_Plan_free(&plan_), MPI_SUCCESS);
  EXPECT_EQ(plan_, MPIX_PLAN_NULL);
}

TEST_F(PlansOnTheHost, OfAnAbortedCommunicatorReturnItsError) {
  ASSERT_EQ(MPIX_Comm_abort(comm_), MPI_SUCCESS);
  int code = MPI_SUCCESS;
  ASSERT_EQ(MPIX_Comm_get_error(comm_, &code), MPI_SUCCESS);
  EXPECT_EQ(class_of(MPIX_Plan_start(plan_, nullptr)), class_of(code));
  // A rank that comes late is waited for, aborted or not.
  if (world_rank() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_EQ(MPIX_Plan_free(&plan_), MPI_SUCCESS);
}

}  // namespace
}  // namespace causeway::test
