// What exchanges between neighbours say of wrong arguments, to whom, and what works afterwards.
#include "call.hpp"
#include "neighborhood.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

/// One int round a ring, and the arguments of that, which a test may spoil.
struct RingCall {
  explicit RingCall(const Neighborhood& ring)
      : comm(ring.comm), rank(ring.comm.rank()), from(ring.sources[0]), to(ring.targets[0]) {
    sent = 100 + rank;
  }

  int run() { return run_v(MPIX_Neighbor_alltoallv); }
  int run_on(void* stream) {
    return MPIX_Neighbor_alltoallv_on_stream(sendbuf, sendcounts, &place, sendtype, recvbuf,
                                             recvcounts, &place, MPI_INT, comm, stream);
  }
  int begin(MPI_Request* request) {
    return MPIX_Ineighbor_alltoallv(sendbuf, sendcounts, &place, sendtype, recvbuf, recvcounts,
                                    &place, MPI_INT, comm, request);
  }
  int plan(MPIX_Plan* plan) {
    return MPIX_Neighbor_alltoallv_plan(sendbuf, sendcounts, &place, sendtype, recvbuf, recvcounts,
                                        &place, MPI_INT, comm, MPI_INFO_NULL, plan);
  }
  template <class V>
  int run_v(V* call) {
    return call(sendbuf, sendcounts, &place, sendtype, recvbuf, recvcounts, &place, MPI_INT, comm);
  }

  MPI_Comm comm;
  int rank;
  int from;
  int to;
  int sent = 0;
  int received[2] = {-1, -1};
  int sendcount = 1;
  int recvcount = 1;
  int place = 0;
  const void* sendbuf = &sent;
  void* recvbuf = received;
  const int* sendcounts = &sendcount;
  const int* recvcounts = &recvcount;
  MPI_Datatype sendtype = MPI_INT;
};

::testing::AssertionResult ring_works(const Neighborhood& around) {
  RingCall call(around);
  const int code = call.run();
  if (code != MPI_SUCCESS) return ::testing::AssertionFailure() << sentence(code);
  if (call.received[0] == 100 + call.from) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "received " << call.received[0];
}

struct WrongOnRing {
  std::function<void(RingCall&)> spoil;
  int error_class;
  std::string said;
};

std::vector<WrongOnRing> wrong_arguments_of(int rank) {
  const std::string there = " on rank " + std::to_string(rank);
  return {
      {[](RingCall& c) { c.sendcount = -3; }, MPI_ERR_COUNT, "sendcounts[0] = -3" + there},
      {[](RingCall& c) { c.recvcount = -1; }, MPI_ERR_COUNT, "recvcounts[0] = -1" + there},
      {[](RingCall& c) { c.sendcounts = nullptr; }, MPI_ERR_ARG, "sendcounts is NULL" + there},
      {[](RingCall& c) { c.sendbuf = nullptr; }, MPI_ERR_BUFFER,
       "sendbuf is NULL" + there + ", and sendcounts[0] = 1"},
      {[](RingCall& c) { c.sendbuf = MPI_IN_PLACE; }, MPI_ERR_BUFFER,
       "sendbuf is MPI_IN_PLACE" + there},
      {[](RingCall& c) { c.sendtype = MPI_DATATYPE_NULL; }, MPI_ERR_TYPE,
       "sendtype is MPI_DATATYPE_NULL" + there},
  };
}

/// Of a ring of at least three ranks only the next one hears of what a rank got wrong.
TEST(NeighborErrors, AreToldToTheNeighboursThatExpectBytesAlone) {
  const ErrorsReturned returned(MPI_COMM_WORLD);  // requests have no communicator
  const Neighborhood around = ring();
  const int wrong_rank = world_size() / 2;
  const bool here = around.comm.rank() == wrong_rank;
  for (const WrongOnRing& wrong : wrong_arguments_of(wrong_rank)) {
    for (const bool begun : {false, true}) {
      RingCall call(around);
      if (here) wrong.spoil(call);
      MPI_Request request = MPI_REQUEST_NULL;
      int code = begun ? call.begin(&request) : call.run();
      if (begun && code == MPI_SUCCESS) code = MPI_Wait(&request, MPI_STATUS_IGNORE);
      if (here) {
        EXPECT_TRUE(is_error(code, wrong.error_class, {wrong.said}));
      } else if (call.from == wrong_rank) {
        EXPECT_TRUE(is_error(code, MPI_ERR_OTHER, {"rank " + std::to_string(wrong_rank)}));
      } else {
        EXPECT_EQ(code, MPI_SUCCESS) << sentence(code);
        EXPECT_EQ(call.received[0], 100 + call.from);
      }
      EXPECT_TRUE(ring_works(around)) << wrong.said;
    }
  }
}

/// Also where several edges lead from the rank to another.
TEST(NeighborErrors, AreToldOverEveryEdge) {
  Random random = shared_random();
  for (int round = 0; round < 6; ++round) {
    const Neighborhood around = random_graph(random);
    const auto ranks = static_cast<std::uint64_t>(around.comm.size());
    const int wrong_rank = static_cast<int>(between(random, 0, ranks - 1));
    const int rank = around.comm.rank();
    const std::size_t edges = around.targets.size();
    const bool here = rank == wrong_rank && edges > 0;
    std::vector<int> sent;
    for (const int to : around.targets) sent.push_back(100 * rank + to);
    std::vector<int> received(around.sources.size(), -1);
    const std::vector<int> counts(std::max(edges, received.size()), 1);
    std::vector<int> places(counts.size());
    std::iota(places.begin(), places.end(), 0);
    std::vector<int> sendcounts = counts;
    if (here) sendcounts[edges - 1] = -1;
    const int code = MPIX_Neighbor_alltoallv(sent.data(), sendcounts.data(), places.data(), MPI_INT,
                                             received.data(), counts.data(), places.data(), MPI_INT,
                                             around.comm);
    if (here) {
      EXPECT_TRUE(
          is_error(code, MPI_ERR_COUNT, {"sendcounts[" + std::to_string(edges - 1) + "] = -1"}));
    } else if (std::ranges::count(around.sources, wrong_rank) > 0) {
      EXPECT_TRUE(is_error(code, MPI_ERR_OTHER, {"rank " + std::to_string(wrong_rank)}));
    } else {
      EXPECT_EQ(code, MPI_SUCCESS) << sentence(code);
    }
    for (std::size_t i = 0; !here && i < received.size(); ++i) {
      const int from = around.sources[i];
      EXPECT_EQ(received[i], from == wrong_rank ? -1 : 100 * from + rank);
    }
    EXPECT_TRUE(works(around.comm));
  }
}

TEST(NeighborErrors, OfARequestThatIsNull) {
  const Neighborhood around = ring();
  RingCall call(around);
  EXPECT_TRUE(is_error(call.begin(nullptr), MPI_ERR_ARG, {"request is NULL on rank "}));
  EXPECT_TRUE(ring_works(around));
}

TEST(NeighborErrors, OfAStreamOnTheHost) {
  const Neighborhood around = ring();
  ASSERT_EQ(MPIX_Comm_attach(around.comm, ScopedInfo({{"device", "host"}})), MPI_SUCCESS);
  RingCall call(around);
  EXPECT_TRUE(is_error(call.run_on(&call), MPI_ERR_ARG, {"stream is "}));
  EXPECT_TRUE(ring_works(around));
}

/// What is sent and not asked for is cut off, and said.
TEST(NeighborErrors, OfMoreThanWasAskedFor) {
  const Neighborhood around = ring();
  ASSERT_EQ(MPIX_Comm_attach(around.comm, ScopedInfo({{"device", "host"}})), MPI_SUCCESS);
  RingCall call(around);
  const int two[] = {call.sent, 7};
  call.sendbuf = two;
  call.sendcount = 2;
  EXPECT_TRUE(is_error(call.run(), MPI_ERR_TRUNCATE, {"rank "}));
  EXPECT_EQ(call.received[0], 100 + call.from);
  EXPECT_EQ(call.received[1], -1);
  MPIX_Plan plan = MPIX_PLAN_NULL;
  EXPECT_TRUE(is_error(call.plan(&plan), MPI_ERR_TRUNCATE,
                       {"rank 0 sends 8 bytes to rank ", "which asks for 4"}));
  EXPECT_EQ(plan, MPIX_PLAN_NULL);
  EXPECT_TRUE(ring_works(around));
}

/// A plan's arguments are every rank's error.
TEST(NeighborErrors, OfAPlanAreEveryRanks) {
  const Neighborhood around = ring();
  RingCall call(around);
  if (call.rank == 0) call.sendcount = -3;
  MPIX_Plan plan = MPIX_PLAN_NULL;
  EXPECT_TRUE(is_error(call.plan(&plan), MPI_ERR_COUNT, {"sendcounts[0] = -3 on rank 0"}));
  EXPECT_EQ(plan, MPIX_PLAN_NULL);
  EXPECT_TRUE(ring_works(around));
}

/// Whether comm was attached before or not.
TEST(NeighborErrors, OfACommunicatorWithoutTopology) {
  for (const bool is_attached : {false, true}) {
    const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
    if (is_attached) {
      ASSERT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
    }
    MPI_Request request = MPI_REQUEST_NULL;
    MPIX_Plan plan = MPIX_PLAN_NULL;
    for (const int code :
         {MPIX_Neighbor_alltoallv(nullptr, nullptr, nullptr, MPI_INT, nullptr, nullptr, nullptr,
                                  MPI_INT, comm),
          MPIX_Neighbor_alltoallw(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                                  nullptr, comm),
          MPIX_Neighbor_alltoallv_on_stream(nullptr, nullptr, nullptr, MPI_INT, nullptr, nullptr,
                                            nullptr, MPI_INT, comm, nullptr),
          MPIX_Ineighbor_alltoallv(nullptr, nullptr, nullptr, MPI_INT, nullptr, nullptr, nullptr,
                                   MPI_INT, comm, &request),
          MPIX_Neighbor_alltoallv_plan(nullptr, nullptr, nullptr, MPI_INT, nullptr, nullptr,
                                       nullptr, MPI_INT, comm, MPI_INFO_NULL, &plan)}) {
      EXPECT_TRUE(is_error(code, MPI_ERR_TOPOLOGY, {"comm has no topology"}));
    }
    EXPECT_TRUE(works(comm));
  }
}

TEST(NeighborErrors, OfWhatIsNoIntracommunicator) {
  const ErrorsReturned returned(MPI_COMM_WORLD);
  const int code = MPIX_Neighbor_alltoallv(nullptr, nullptr, nullptr, MPI_INT, nullptr, nullptr,
                                           nullptr, MPI_INT, MPI_COMM_NULL);
  EXPECT_TRUE(is_error(code, MPI_ERR_COMM, {"comm is MPI_COMM_NULL"}));
  if (world_size() < 2) GTEST_SKIP() << "needs two groups of ranks";
  const int half = world_rank() % 2;
  const ScopedComm own = ScopedComm::split(MPI_COMM_WORLD, half, 0);
  MPI_Comm made = MPI_COMM_NULL;
  MPI_Intercomm_create(own, 0, MPI_COMM_WORLD, 1 - half, 0, &made);
  const ScopedComm between_groups(made);
  const int of_two = MPIX_Neighbor_alltoallv(nullptr, nullptr, nullptr, MPI_INT, nullptr, nullptr,
                                             nullptr, MPI_INT, between_groups);
  EXPECT_TRUE(is_error(of_two, MPI_ERR_COMM, {"intercommunicator"}));
}

/// Where a grid ends, arguments are not looked at: the buffer is none, and the type neither.
TEST(NeighborErrors, AreNotOfNeighboursThatAreNone) {
  const int ranks = world_size();
  const Neighborhood around = grid({ranks}, {0});
  const int rank = around.comm.rank();
  int sent[2] = {10 * rank, 10 * rank + 1};
  int received[2] = {-1, -1};
  const bool first = rank == 0;
  const bool last = rank == ranks - 1;
  const int counts[2] = {first ? -5 : 1, last ? -5 : 1};
  const MPI_Aint places[2] = {0, sizeof(int)};
  const MPI_Datatype types[2] = {first ? MPI_DATATYPE_NULL : MPI_INT,
                                 last ? MPI_DATATYPE_NULL : MPI_INT};
  EXPECT_EQ(MPIX_Neighbor_alltoallw(ranks == 1 ? nullptr : sent, counts, places, types, received,
                                    counts, places, types, around.comm),
            MPI_SUCCESS);
  EXPECT_EQ(received[0], first ? -1 : 10 * (rank - 1) + 1);
  EXPECT_EQ(received[1], last ? -1 : 10 * (rank + 1));
}

}  // namespace
}  // namespace causeway::test
