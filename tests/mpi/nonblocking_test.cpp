// MPIX_Ialltoallv: exchanges in the background, compared with MPI's own, and what may go wrong.
#include "blocks.hpp"
#include "call.hpp"
#include "gpu_memory.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace causeway::test {
namespace {

/// A random exchange that is begun, ends some time, and is then compared with MPI's.
class Exchange {
 public:
  /// Collective over comm; `random` is equal on all ranks, and different for each exchange.
  Exchange(MPI_Comm comm, Random& random, std::uint64_t most_bytes)
      : comm_(comm),
        unit_(random_unit(random)),
        units_(random_matrix(random, size_of(comm), static_cast<int>(most_bytes / unit_.bytes()),
                             one_in(random, 5))),
        in_place_(is_symmetric() && one_in(random, 2)),
        own_(random() + static_cast<std::uint64_t>(rank_of(comm))),
        send_(unit_, units_[self()], Placement::kMayOverlap, own_),
        receive_(unit_, incoming(), Placement::kApart, own_),
        expected_(receive_) {
    const Side& source = in_place_ ? receive_ : send_;
    Side reference = source;
    MPI_Alltoallv(reference.buffer(), reference.counts.data(), reference.displacements.data(),
                  reference.element.type, expected_.buffer(), expected_.counts.data(),
                  expected_.displacements.data(), expected_.element.type, comm);
  }

  /// Begins it. The arrays that the call got are spoilt when it returns.
  int begin(MPI_Request* request) {
    gpu_send_ = std::make_unique<OnGpu>(send_.memory, on_gpus() && !one_in(own_, 4));
    gpu_receive_ = std::make_unique<OnGpu>(receive_.memory, on_gpus() && !one_in(own_, 4));
    const void* const sendbuf = in_place_ ? MPI_IN_PLACE : gpu_send_->at(send_.buffer());
    std::byte* const recvbuf = gpu_receive_->at(receive_.buffer());
    int code = MPI_SUCCESS;
    if (one_in(own_, 2)) {
      auto [sendcounts, sdispls] = std::pair(send_.counts, send_.displacements);
      auto [recvcounts, rdispls] = std::pair(receive_.counts, receive_.displacements);
      code =
          MPIX_Ialltoallv(sendbuf, sendcounts.data(), sdispls.data(), send_.element.type, recvbuf,
                          recvcounts.data(), rdispls.data(), receive_.element.type, comm_, request);
      for (std::vector<int>* const array : {&sendcounts, &sdispls, &recvcounts, &rdispls}) {
        std::ranges::fill(*array, -1);
      }
    } else {
      const std::vector<MPI_Count> sendcounts(send_.counts.begin(), send_.counts.end());
      const std::vector<MPI_Aint> sdispls(send_.displacements.begin(), send_.displacements.end());
      const std::vector<MPI_Count> recvcounts(receive_.counts.begin(), receive_.counts.end());
      const std::vector<MPI_Aint> rdispls(receive_.displacements.begin(),
                                          receive_.displacements.end());
      code = MPIX_Ialltoallv_c(sendbuf, sendcounts.data(), sdispls.data(), send_.element.type,
                               recvbuf, recvcounts.data(), rdispls.data(), receive_.element.type,
                               comm_, request);
    }
    // MPI lets a type be freed while it is in use.
    send_.element.owner.reset();
    return code;
  }

  /// Once its request is complete.
  ::testing::AssertionResult matches_mpi() {
    gpu_send_.reset();
    gpu_receive_.reset();
    if (receive_.memory == expected_.memory) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << expected_.first_difference(receive_.memory);
  }

 private:
  static int rank_of(MPI_Comm comm) {
    int rank = 0;
    MPI_Comm_rank(comm, &rank);
    return rank;
  }
  static int size_of(MPI_Comm comm) {
    int size = 0;
    MPI_Comm_size(comm, &size);
    return size;
  }
  std::size_t self() const { return static_cast<std::size_t>(rank_of(comm_)); }
  bool is_symmetric() const {
    for (std::size_t row = 0; row < units_.size(); ++row) {
      for (std::size_t column = 0; column < row; ++column) {
        if (units_[row][column] != units_[column][row]) return false;
      }
    }
    return true;
  }
  std::vector<int> incoming() const {
    std::vector<int> units;
    for (const std::vector<int>& row : units_) units.push_back(row[self()]);
    return units;
  }

  MPI_Comm comm_;
  Unit unit_;
  Matrix units_;
  bool in_place_;
  Random own_;
  Side send_;
  Side receive_;
  Side expected_;
  std::unique_ptr<OnGpu> gpu_send_;
  std::unique_ptr<OnGpu> gpu_receive_;
};

/// Exchanges under way, with their requests.
struct Pending {
  void begin(MPI_Comm comm, Random& random, std::uint64_t most_bytes) {
    exchanges.push_back(std::make_unique<Exchange>(comm, random, most_bytes));
    requests.push_back(MPI_REQUEST_NULL);
    const int code = exchanges.back()->begin(&requests.back());
    EXPECT_EQ(code, MPI_SUCCESS) << sentence(code);
    EXPECT_NE(requests.back(), MPI_REQUEST_NULL);
  }
  void expect_matches() {
    for (std::size_t i = 0; i < exchanges.size(); ++i) {
      EXPECT_TRUE(exchanges[i]->matches_mpi()) << "exchange " << i;
    }
  }

  std::vector<std::unique_ptr<Exchange>> exchanges;
  std::vector<MPI_Request> requests;
};

class Nonblocking : public ::testing::Test {
 protected:
  void SetUp() override {
    int granted = MPI_THREAD_SINGLE;
    MPI_Query_thread(&granted);
    if (granted != MPI_THREAD_MULTIPLE) GTEST_SKIP() << "MPI has no MPI_THREAD_MULTIPLE";
    // MPI raises the errors of generalised requests there.
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  }
  void TearDown() override { MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL); }
};

void expect_many_at_once_match_mpi() {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  for (int round = 0; round < 10; ++round) {
    Pending pending;
    for (std::uint64_t i = between(random, 1, 12); i > 0; --i) {
      pending.begin(comm, random, one_in(random, 4) ? 300000 : 3000);
      // In the order of the calls, blocking ones too.
      if (one_in(random, 4)) {
        EXPECT_TRUE(exchange_like_mpi(comm, random, Traffic{}));
      }
    }
    const int count = static_cast<int>(pending.requests.size());
    if (one_in(random, 2)) {
      EXPECT_EQ(MPI_Waitall(count, pending.requests.data(), MPI_STATUSES_IGNORE), MPI_SUCCESS);
    } else {
      for (int done = 0; done < count; ++done) {
        int index = 0;
        int flag = 0;
        while (flag == 0) {
          MPI_Testany(count, pending.requests.data(), &index, &flag, MPI_STATUS_IGNORE);
        }
        EXPECT_NE(index, MPI_UNDEFINED);
      }
    }
    pending.expect_matches();
  }
}

TEST_F(Nonblocking, ManyAtOnceMatchMpi) { expect_many_at_once_match_mpi(); }

/// As mpirun --bind-to core has it.
TEST_F(Nonblocking, ManyAtOnceMatchMpiOnOneProcessorEach) {
  cpu_set_t usable;
  ASSERT_EQ(sched_getaffinity(0, sizeof usable, &usable), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  int skipped = world_rank() % CPU_COUNT(&usable);
  int processor = 0;
  while (CPU_ISSET(processor, &usable) == 0 || skipped-- > 0) ++processor;
  CPU_SET(processor, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  expect_many_at_once_match_mpi();
  ASSERT_EQ(sched_setaffinity(0, sizeof usable, &usable), 0);
}

TEST_F(Nonblocking, ReturnsBeforeTheOtherRanksCome) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  for (int round = 0; round < 5; ++round) {
    Exchange exchange(comm, random, 100000);
    MPI_Request request = MPI_REQUEST_NULL;
    const int last = round % comm.size();
    // The last rank begins when it has heard from all others, who have begun.
    int word = 0;
    if (comm.rank() == last) {
      for (int i = 1; i < comm.size(); ++i) {
        MPI_Recv(&word, 1, MPI_INT, MPI_ANY_SOURCE, 0, comm, MPI_STATUS_IGNORE);
      }
      EXPECT_EQ(exchange.begin(&request), MPI_SUCCESS);
    } else {
      EXPECT_EQ(exchange.begin(&request), MPI_SUCCESS);
      MPI_Ssend(&word, 1, MPI_INT, last, 0, comm);
    }
    MPI_Status status;
    EXPECT_EQ(MPI_Wait(&request, &status), MPI_SUCCESS);
    int cancelled = 1;
    MPI_Test_cancelled(&status, &cancelled);
    EXPECT_EQ(cancelled, 0);
    EXPECT_EQ(request, MPI_REQUEST_NULL);
    EXPECT_TRUE(exchange.matches_mpi());
  }
}

TEST_F(Nonblocking, CommunicatorsDoNotWaitForEachOther) {
  const ScopedComm first = ScopedComm::dup(MPI_COMM_WORLD);
  const ScopedComm second = ScopedComm::dup(MPI_COMM_WORLD);
  const ScopedComm third = ScopedComm::split(MPI_COMM_WORLD, world_rank() % 2, -world_rank());
  for (const ScopedComm* const comm : {&first, &second, &third}) {
    ASSERT_EQ(MPIX_Comm_attach(*comm, MPI_INFO_NULL), MPI_SUCCESS);
  }
  Random random = shared_random();
  for (int round = 0; round < 10; ++round) {
    std::vector<std::unique_ptr<Exchange>> exchanges;
    for (const ScopedComm* const comm : {&first, &second, &third}) {
      Random drawn(random());  // the parts of the third may be of different sizes
      exchanges.push_back(std::make_unique<Exchange>(*comm, drawn, 50000));
    }
    // Each rank begins with another one.
    std::vector<MPI_Request> requests(exchanges.size(), MPI_REQUEST_NULL);
    for (std::size_t i = 0; i < exchanges.size(); ++i) {
      const std::size_t at = (i + static_cast<std::size_t>(world_rank())) % exchanges.size();
      EXPECT_EQ(exchanges[at]->begin(&requests[at]), MPI_SUCCESS);
    }
    EXPECT_EQ(MPI_Waitall(3, requests.data(), MPI_STATUSES_IGNORE), MPI_SUCCESS);
    for (const auto& exchange : exchanges) EXPECT_TRUE(exchange->matches_mpi());
  }
}

TEST_F(Nonblocking, FreeingTheCommunicatorWaits) {
  Random random = shared_random();
  Pending pending;
  {
    const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
    for (int i = 0; i < 5; ++i) pending.begin(comm, random, 100000);
  }
  EXPECT_EQ(MPI_Waitall(5, pending.requests.data(), MPI_STATUSES_IGNORE), MPI_SUCCESS);
  pending.expect_matches();
}

TEST_F(Nonblocking, AFreedRequestIsCarriedOut) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  Exchange exchange(comm, random, 100000);
  MPI_Request request = MPI_REQUEST_NULL;
  ASSERT_EQ(exchange.begin(&request), MPI_SUCCESS);
  EXPECT_EQ(MPI_Request_free(&request), MPI_SUCCESS);
  EXPECT_TRUE(works(comm));  // after it
  EXPECT_TRUE(exchange.matches_mpi());
}

TEST_F(Nonblocking, WrongArgumentsAreTheCallsErrors) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Call call(comm, 1);
  MPI_Request request = MPI_REQUEST_NULL;
  const bool spoils = comm.rank() == comm.size() - 1;
  if (spoils) (*call.sendcounts)[0] = -7;
  int code = MPIX_Ialltoallv(call.sendbuf, call.sendcounts->data(), call.sdispls->data(), MPI_INT,
                             call.recvbuf, call.recvcounts->data(), call.rdispls->data(), MPI_INT,
                             comm, &request);
  const std::string rank = "rank " + std::to_string(comm.size() - 1);
  if (spoils) {
    EXPECT_TRUE(is_error(code, MPI_ERR_COUNT, {"MPIX_Ialltoallv", "sendcounts[0] = -7", rank}));
    EXPECT_EQ(request, MPI_REQUEST_NULL);
  } else {
    EXPECT_EQ(code, MPI_SUCCESS);
    EXPECT_TRUE(is_error(MPI_Wait(&request, MPI_STATUS_IGNORE), MPI_ERR_OTHER, {rank}));
  }
  EXPECT_TRUE(works(comm));
  code = MPIX_Ialltoallv(call.sendbuf, call.recvcounts->data(), call.sdispls->data(), MPI_INT,
                         call.recvbuf, call.recvcounts->data(), call.rdispls->data(), MPI_INT, comm,
                         nullptr);
  EXPECT_TRUE(is_error(code, MPI_ERR_ARG, {"request is NULL"}));
  EXPECT_TRUE(works(comm));
}

int handled = MPI_SUCCESS;
void handle(MPI_Comm*, int* code, ...) { handled = *code; }

TEST_F(Nonblocking, WhatGoesWrongLaterComesFromTheWait) {
  const ScopedComm comm = attached();
  MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
  MPI_Comm_create_errhandler(handle, &handler);
  MPI_Comm_set_errhandler(comm, handler);
  MPI_Errhandler_free(&handler);
  handled = MPI_SUCCESS;
  Call call(comm, 2);
  // Each rank asks for one int less than the rank itself sends it.
  (*call.recvcounts)[static_cast<std::size_t>(comm.rank())] = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  EXPECT_EQ(MPIX_Ialltoallv(call.sendbuf, call.sendcounts->data(), call.sdispls->data(), MPI_INT,
                            call.recvbuf, call.recvcounts->data(), call.rdispls->data(), MPI_INT,
                            comm, &request),
            MPI_SUCCESS);
  const int code = MPI_Wait(&request, MPI_STATUS_IGNORE);
  EXPECT_TRUE(is_error(code, MPI_ERR_TRUNCATE, {"MPIX_Ialltoallv", "asked for 0"}));
  EXPECT_EQ(class_of(handled), MPI_ERR_TRUNCATE);
  EXPECT_TRUE(works(comm));
}

TEST_F(Nonblocking, AbortEndsThem) {
  if (world_size() < 2) GTEST_SKIP() << "needs a second rank to wait for";
  const ScopedComm comm = attached();
  Call call(comm, 3);
  std::vector<MPI_Request> requests(2, MPI_REQUEST_NULL);
  if (comm.rank() == 0) {
    // The others wait for this rank, who does not come.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(MPIX_Comm_abort(comm), MPI_SUCCESS);
  } else {
    for (MPI_Request& request : requests) {
      EXPECT_EQ(MPIX_Ialltoallv(call.sendbuf, call.sendcounts->data(), call.sdispls->data(),
                                MPI_INT, call.recvbuf, call.recvcounts->data(),
                                call.rdispls->data(), MPI_INT, comm, &request),
                MPI_SUCCESS);
    }
    for (MPI_Request& request : requests) {
      const std::string text = sentence(MPI_Wait(&request, MPI_STATUS_IGNORE));
      EXPECT_NE(text.find("rank 0 was aborted"), std::string::npos) << text;
    }
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

}  // namespace
}  // namespace causeway::test
