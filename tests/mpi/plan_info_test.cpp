// The info argument of plans: settings of their own, and what they cannot have otherwise.
#include "call.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

/// A communicator, and a plan on it of one int from each rank to each, in the ranks' own memory.
class PlanInfo : public ::testing::Test {
 protected:
  PlanInfo() { EXPECT_EQ(MPIX_Comm_attach(comm_, ScopedInfo({{"device", "host"}})), MPI_SUCCESS); }
  int make(MPI_Info info) {
    return call_.plan(&plan_, one_in(random_, 2) ? Entry::kInt : Entry::kCount, info);
  }
  void free() { EXPECT_EQ(MPIX_Plan_free(&plan_), MPI_SUCCESS); }

  Random random_ = shared_random();
  ScopedComm comm_ = ScopedComm::dup(MPI_COMM_WORLD);
  Call call_{comm_, 1};
  MPIX_Plan plan_ = MPIX_PLAN_NULL;
};

TEST_F(PlanInfo, GivesAPlanRulesAndBlocksOfItsOwn) {
  const Settings of_plans[] = {
      {},
      {{"tune", "*:*:*:protocol=staged"}},
      {{"tune", "alltoallv:memory:1-:protocol=ll;*:network:*:lanes=1"}, {"max_ctas", "1"}},
      {{"tune", "none"}, {"max_ctas", "auto"}},
      {{"tuning_file", "none"}}};
  for (const Settings& settings : of_plans) {
    ScopedInfo info(settings);
    info.set("cause", "this is not one of causeway's");
    ASSERT_EQ(make(info), MPI_SUCCESS);
    std::fill(call_.received.begin(), call_.received.end(), -1);
    EXPECT_EQ(MPIX_Plan_start(plan_, nullptr), MPI_SUCCESS);
    EXPECT_TRUE(call_.arrived());
    free();
  }
}

TEST_F(PlanInfo, MayDifferBetweenRanks) {
  const ScopedInfo info({{"tune", "*:*:*:protocol=staged"}});
  ASSERT_EQ(call_.plan(&plan_, Entry::kInt, call_.rank % 2 == 0 ? info : MPI_INFO_NULL),
            MPI_SUCCESS);
  std::fill(call_.received.begin(), call_.received.end(), -1);
  EXPECT_EQ(MPIX_Plan_start(plan_, nullptr), MPI_SUCCESS);
  EXPECT_TRUE(call_.arrived());
  free();
}

TEST_F(PlanInfo, WithAWrongKeyOrValueIsEveryRanksErrorThatNamesIt) {
  struct Wrong {
    const char* key;
    const char* value;
    std::vector<std::string> fragments;
  };
  const Wrong wrongs[] = {
      {"causeway_lanes", "2", {"'causeway_lanes'", "a plan cannot have otherwise"}},
      {"causeway_timeout", "2", {"'causeway_timeout'", "a plan cannot have otherwise"}},
      {"causeway_tunes", "none", {"no setting 'causeway_tunes'"}},
      {"causeway_max_ctas", "0", {"CAUSEWAY_MAX_CTAS = '0' is not a number from 1 to"}},
      {"causeway_tune", "*:*:*:lanes=99", {"CAUSEWAY_TUNE", "lanes=99"}},
      {"causeway_tuning_file", "/no/such/file", {"'/no/such/file' cannot be read"}}};
  for (const Wrong& wrong : wrongs) {
    for (const bool everywhere : {true, false}) {
      const auto last = static_cast<std::uint64_t>(call_.size) - 1;
      const int bad = everywhere ? 0 : static_cast<int>(between(random_, 0, last));
      ScopedInfo info({});
      if (everywhere || call_.rank == bad) info.set(wrong.key, wrong.value);
      EXPECT_TRUE(is_error(make(info), MPI_ERR_INFO_VALUE, wrong.fragments)) << wrong.key;
      EXPECT_EQ(plan_, MPIX_PLAN_NULL);
      EXPECT_TRUE(works(comm_));
    }
  }
}

}  // namespace
}  // namespace causeway::test
