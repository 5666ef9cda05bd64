// Plans: every start against MPI's own collective.
#include "call.hpp"
#include "process_state.hpp"
#include "repeated.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace causeway::test {
namespace {

using By = Repeated::By;

TEST(Plans, StartedManyTimesMatchMpi) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  const DeviceStream stream;
  for (int round = 0; round < 10; ++round) {
    Repeated exchange(comm, random, 50'000);
    const int code = exchange.plan();
    ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
    for (int start = 0; start < 8; ++start) {
      EXPECT_TRUE(exchange.run(By::kPlan, stream)) << "start " << start << " of plan " << round;
    }
  }
}

TEST(Plans, OfLargeBlocksMatchMpi) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  const DeviceStream stream;
  for (int round = 0; round < 10; ++round) {
    Repeated exchange(comm, random, 3'000'000);
    ASSERT_EQ(exchange.plan(), MPI_SUCCESS);
    for (int start = 0; start < 2; ++start) {
      EXPECT_TRUE(exchange.run(By::kPlan, stream)) << "start " << start << " of plan " << round;
    }
  }
}

TEST(Plans, InSmallRingsMatchMpi) {
  const ScopedComm comm = attached({{"ring_bytes", "4096"}, {"lanes", "2"}, {"max_ctas", "2"}});
  Random random = shared_random();
  const DeviceStream stream;
  for (int round = 0; round < 15; ++round) {
    Repeated exchange(comm, random, 100'000);
    ASSERT_EQ(exchange.plan(), MPI_SUCCESS);
    for (int start = 0; start < 5; ++start) EXPECT_TRUE(exchange.run(By::kPlan, stream));
  }
}

/// Several at a time, made and freed in any order, on the buffers of calls that go on among them.
TEST(Plans, AmongOtherExchangesMatchMpi) {
  const ScopedComm comm = attached({{"ring_bytes", "16K"}});
  Random random = shared_random();
  const DeviceStream stream;
  std::vector<std::unique_ptr<Repeated>> exchanges;
  for (int i = 0; i < 5; ++i) {
    exchanges.push_back(std::make_unique<Repeated>(comm, random, 60'000));
    ASSERT_EQ(exchanges.back()->plan(), MPI_SUCCESS);
  }
  for (int step = 0; step < 80; ++step) {
    Repeated& exchange = *exchanges[between(random, 0, exchanges.size() - 1)];
    switch (between(random, 0, 7)) {
      case 0:
        EXPECT_TRUE(exchange.run(By::kCall, stream)) << "step " << step;
        break;
      case 1:
        EXPECT_TRUE(exchange.run(By::kStream, stream)) << "step " << step;
        break;
      case 2:
        EXPECT_TRUE(exchanges_like_mpi(comm, random, 1, 50'000)) << "step " << step;
        break;
      case 3:
        EXPECT_EQ(exchange.free_plan(), MPI_SUCCESS);
        EXPECT_TRUE(exchange.run(By::kStream, stream)) << "step " << step;
        ASSERT_EQ(exchange.plan(), MPI_SUCCESS);
        break;
      default:
        EXPECT_TRUE(exchange.run(By::kPlan, stream)) << "step " << step;
    }
  }
}

TEST(Plans, StartedOneAfterTheOtherWithoutAWaitMatchMpi) {
  const ScopedComm comm = attached({{"ring_bytes", "16K"}});
  Random random = shared_random();
  const DeviceStream stream;
  std::vector<std::unique_ptr<Repeated>> exchanges;
  for (int i = 0; i < 6; ++i) {
    exchanges.push_back(std::make_unique<Repeated>(comm, random, 40'000));
    ASSERT_EQ(exchanges.back()->plan(), MPI_SUCCESS);
  }
  for (int round = 0; round < 8; ++round) {
    for (const auto& exchange : exchanges) exchange->change();
    for (const auto& exchange : exchanges) {
      EXPECT_EQ(exchange->make(one_in(random, 5) ? By::kStream : By::kPlan, stream.get()),
                MPI_SUCCESS);
    }
    stream.wait();
    for (const auto& exchange : exchanges) EXPECT_TRUE(exchange->is_like_mpi());
  }
}

TEST(Plans, OfTwoCommunicatorsMatchMpi) {
  const ScopedComm whole = attached();
  const ScopedComm turned = ScopedComm::split(MPI_COMM_WORLD, 0, world_size() - world_rank());
  ASSERT_EQ(MPIX_Comm_attach(turned, MPI_INFO_NULL), MPI_SUCCESS);
  Random random = shared_random();
  const DeviceStream stream;
  Repeated one(whole, random, 60'000);
  Repeated other(turned, random, 60'000);
  ASSERT_EQ(one.plan(), MPI_SUCCESS);
  ASSERT_EQ(other.plan(), MPI_SUCCESS);
  for (int start = 0; start < 20; ++start) {
    EXPECT_TRUE((one_in(random, 2) ? one : other).run(By::kPlan, stream)) << "start " << start;
  }
}

TEST(Plans, AttachTheirCommunicator) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const std::vector<int> none(static_cast<std::size_t>(comm.size()), 0);
  MPIX_Plan plan = MPIX_PLAN_NULL;
  EXPECT_EQ(MPIX_Alltoallv_plan(nullptr, none.data(), nullptr, MPI_INT, nullptr, none.data(),
                                nullptr, MPI_INT, comm, MPI_INFO_NULL, &plan),
            MPI_SUCCESS);
  EXPECT_EQ(MPIX_Plan_start(plan, nullptr), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Plan_free(&plan), MPI_SUCCESS);
  EXPECT_EQ(plan, MPIX_PLAN_NULL);
}

TEST(Plans, CyclesLeaveNothing) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  const DeviceStream stream;
  const auto cycle = [&](int times) {
    Repeated exchange(comm, random, 20'000);
    for (int i = 0; i < times; ++i) {
      ASSERT_EQ(exchange.plan(), MPI_SUCCESS);
      if (i % 20 == 0) {
        EXPECT_TRUE(exchange.run(By::kPlan, stream));
      }
      ASSERT_EQ(exchange.free_plan(), MPI_SUCCESS);
    }
  };
  cycle(2);  // MPI opens what it needs
  const int descriptors = open_descriptors();
  const int mappings = shared_mappings();
  cycle(200);
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(shared_mappings(), mappings);
}

}  // namespace
}  // namespace causeway::test
