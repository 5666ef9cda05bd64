// The stream calls where the device is the host: their arguments, and that they are done on return.
#include "call.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::test {
namespace {

class Stream : public ::testing::Test {
 protected:
  Stream() : comm_(ScopedComm::dup(MPI_COMM_WORLD)) {
    EXPECT_EQ(MPIX_Comm_attach(comm_, ScopedInfo({{"device", "host"}})), MPI_SUCCESS);
  }

  /// A call's arguments on a stream.
  static int run(const Call& call, const void* sendbuf, void* stream) {
    return MPIX_Alltoallv_on_stream(sendbuf, call.sendcounts->data(), call.sdispls->data(),
                                    call.sendtype, call.recvbuf, call.recvcounts->data(),
                                    call.rdispls->data(), call.recvtype, call.comm, stream);
  }

  const ScopedComm comm_;
};

TEST_F(Stream, NoneIsDoneOnReturn) {
  for (int round = 1; round < 20; ++round) {
    const Call call(comm_, round);
    EXPECT_EQ(run(call, call.sendbuf, nullptr), MPI_SUCCESS);
    EXPECT_TRUE(call.arrived());
  }
  EXPECT_TRUE(works(comm_));
}

TEST_F(Stream, CallsTakeNothingInPlace) {
  const Call call(comm_, 1);
  EXPECT_TRUE(is_error(run(call, MPI_IN_PLACE, nullptr), MPI_ERR_BUFFER,
                       {"MPIX_Alltoallv_on_stream:", "sendbuf is MPI_IN_PLACE",
                        "rank " + std::to_string(call.rank)}));
  EXPECT_TRUE(works(comm_));
}

TEST_F(Stream, HasToBeNone) {
  const Call call(comm_, 1);
  int not_a_stream = 0;
  EXPECT_TRUE(is_error(run(call, call.sendbuf, &not_a_stream), MPI_ERR_ARG, {"stream"}));
  EXPECT_TRUE(works(comm_));
}

TEST_F(Stream, ThatIsWrongOnOneRankIsToldToTheOthers) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank, whose arguments are right";
  int not_a_stream = 0;
  for (const bool in_place : {true, false}) {
    const Call call(comm_, in_place ? 1 : 2);
    if (call.rank == 0) {
      const int code =
          in_place ? run(call, MPI_IN_PLACE, nullptr) : run(call, call.sendbuf, &not_a_stream);
      EXPECT_EQ(class_of(code), in_place ? MPI_ERR_BUFFER : MPI_ERR_ARG) << sentence(code);
    } else {
      EXPECT_TRUE(is_error(run(call, call.sendbuf, nullptr), MPI_ERR_OTHER, {"rank 0"}))
          << (in_place ? "in place" : "no stream");
    }
    EXPECT_TRUE(works(comm_));
  }
}

}  // namespace
}  // namespace causeway::test
