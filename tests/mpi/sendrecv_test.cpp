// MPIX_Sendrecv in its forms against MPI's own, in random sequences with other calls, and its
// errors.
#include "blocks.hpp"
#include "call.hpp"
#include "gpu_memory.hpp"
#include "repeated.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

/// A rank's buffer at one end of a message, with memory of any content around.
struct Block {
  Block(const Unit& unit, int units, Random& random)
      : element(random_element(unit, Types::kAny, random)), count(units * element.per_unit) {
    memory.resize(static_cast<std::size_t>(count) * element.bytes + 100);
    fill(memory, random);
  }

  std::byte* buffer() { return memory.data() + 50; }

  Element element;
  int count;
  std::vector<std::byte> memory;
};

/// One end of a call.
struct End {
  int rank = MPI_PROC_NULL;
  int tag = 0;
  int units = 0;
};

/// What each rank does at the same time: send[r] is what rank r sends, receive[r] what it receives.
struct Step {
  std::vector<End> send;
  std::vector<End> receive;
};

/// Each rank sends up to one message and receives up to one, maybe its own; not all that could.
Step random_step(Random& random, int ranks, int most_units, bool may_be_any) {
  std::vector<int> to(static_cast<std::size_t>(ranks));
  std::iota(to.begin(), to.end(), 0);
  if (one_in(random, 3)) {
    std::rotate(to.begin(), to.begin() + 1, to.end());
  } else {
    std::shuffle(to.begin(), to.end(), random);
  }
  const std::uint64_t rarity = between(random, 1, 3);
  Step step{std::vector<End>(to.size()), std::vector<End>(to.size())};
  for (int from = 0; from < ranks; ++from) {
    if (!one_in(random, rarity)) continue;
    const int target = to[static_cast<std::size_t>(from)];
    const auto most = static_cast<std::uint64_t>(most_units);
    const int units = static_cast<int>(log_uniform(random, most));
    const int tag = static_cast<int>(between(random, 0, 30000));
    const int more = one_in(random, 3) ? static_cast<int>(between(random, 0, 9)) : 0;
    const bool any = may_be_any && one_in(random, 4);
    step.send[static_cast<std::size_t>(from)] = {target, tag, units};
    step.receive[static_cast<std::size_t>(target)] = {from, any ? MPI_ANY_TAG : tag, units + more};
  }
  return step;
}

enum class CallForm { kInt, kCount, kStream, kStreamCount };

int call_mpix(CallForm form, const void* sendbuf, const Block& sent, const End& to, void* recvbuf,
              const Block& received, const End& from, MPI_Comm comm, void* stream,
              MPI_Status* status) {
  const MPI_Datatype sendtype = sent.element.type;
  const MPI_Datatype recvtype = received.element.type;
  switch (form) {
    case CallForm::kInt:
      return MPIX_Sendrecv(sendbuf, sent.count, sendtype, to.rank, to.tag, recvbuf, received.count,
                           recvtype, from.rank, from.tag, comm, status);
    case CallForm::kCount:
      return MPIX_Sendrecv_c(sendbuf, sent.count, sendtype, to.rank, to.tag, recvbuf,
                             received.count, recvtype, from.rank, from.tag, comm, status);
    case CallForm::kStream:
      return MPIX_Sendrecv_on_stream(sendbuf, sent.count, sendtype, to.rank, to.tag, recvbuf,
                                     received.count, recvtype, from.rank, from.tag, comm, stream);
    default:
      return MPIX_Sendrecv_on_stream_c(sendbuf, sent.count, sendtype, to.rank, to.tag, recvbuf,
                                       received.count, recvtype, from.rank, from.tag, comm, stream);
  }
}

::testing::AssertionResult is_same(const MPI_Status& status, const MPI_Status& expected,
                                   MPI_Datatype type) {
  int count = 0;
  int wanted = 0;
  MPI_Get_count(&status, type, &count);
  MPI_Get_count(&expected, type, &wanted);
  if (status.MPI_SOURCE == expected.MPI_SOURCE && status.MPI_TAG == expected.MPI_TAG &&
      count == wanted) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << "source " << status.MPI_SOURCE << ", tag " << status.MPI_TAG << ", count " << count
         << " instead of " << expected.MPI_SOURCE << ", " << expected.MPI_TAG << ", " << wanted;
}

/// Collective over comm, which is attached: a step by MPIX_Sendrecv and by MPI_Sendrecv.
void make_step(MPI_Comm comm, const ScopedComm& plain, Random& random, std::uint64_t most_bytes,
               const DeviceStream& stream) {
  const Unit unit = random_unit(random);
  const auto form = static_cast<CallForm>(between(random, 0, 3));
  const bool on_stream = form >= CallForm::kStream;
  const Step step =
      random_step(random, plain.size(), static_cast<int>(most_bytes / unit.bytes()), !on_stream);
  const auto here = static_cast<std::size_t>(plain.rank());
  const End& to = step.send[here];
  const End& from = step.receive[here];
  Random own(random() + here);
  Block sent(unit, to.units, own);
  Block received(unit, from.units, own);
  Block expected = received;
  MPI_Status wanted;
  MPI_Sendrecv(sent.buffer(), sent.count, sent.element.type, to.rank, to.tag, expected.buffer(),
               expected.count, expected.element.type, from.rank, from.tag, plain, &wanted);
  int code = MPI_SUCCESS;
  MPI_Status status;
  {
    const OnGpu gpu_sent(sent.memory, on_gpus() && (on_stream || !one_in(own, 4)));
    const OnGpu gpu_received(received.memory, on_gpus() && (on_stream || !one_in(own, 4)));
    code = call_mpix(form, gpu_sent.at(sent.buffer()), sent, to, gpu_received.at(received.buffer()),
                     received, from, comm, stream.get(), &status);
    if (on_stream) stream.wait();
  }
  ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
  ASSERT_EQ(received.memory, expected.memory);
  if (on_stream) return;
  ASSERT_TRUE(is_same(status, wanted, received.element.type));
}

TEST(Sendrecv, RandomCallsMatchMpi) {
  const ScopedComm comm = attached();
  const ScopedComm plain = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  const DeviceStream stream;
  for (int i = 0; i < 60; ++i) {
    make_step(comm, plain, random, i % 10 == 0 ? 3'000'000 : 50'000, stream);
    ASSERT_FALSE(HasFatalFailure()) << "step " << i;
  }
}

TEST(Sendrecv, RandomSequencesWithAlltoallvs) {
  const ScopedComm comm = attached({{"lanes", "3"}, {"ring_bytes", "16K"}});
  const ScopedComm plain = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  const DeviceStream stream;
  Repeated planned(comm, random, 5000);
  ASSERT_EQ(planned.plan(), MPI_SUCCESS);
  for (int i = 0; i < 80; ++i) {
    if (one_in(random, 3)) {
      const auto by = one_in(random, 2) ? Repeated::By::kPlan : Repeated::By::kStream;
      ASSERT_TRUE(planned.run(by, stream)) << "step " << i;
      continue;
    }
    make_step(comm, plain, random, 50'000, stream);
    ASSERT_FALSE(HasFatalFailure()) << "step " << i;
  }
  ASSERT_EQ(planned.free_plan(), MPI_SUCCESS);
}

/// Plans of random messages, each started several times, against MPI's calls.
TEST(Sendrecv, RandomPlansMatchMpi) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const ScopedComm plain = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  const DeviceStream stream;
  for (int i = 0; i < 20; ++i) {
    const Unit unit = random_unit(random);
    const std::uint64_t most = i % 5 == 0 ? 2'000'000 : 50'000;
    const Step step =
        random_step(random, plain.size(), static_cast<int>(most / unit.bytes()), false);
    const bool wide = one_in(random, 2);
    const auto here = static_cast<std::size_t>(plain.rank());
    const End& to = step.send[here];
    const End& from = step.receive[here];
    Random own(random() + here);
    Block sent(unit, to.units, own);
    Block received(unit, from.units, own);
    Block expected = received;
    {
      const OnGpu gpu_sent(sent.memory, on_gpus());
      const OnGpu gpu_received(received.memory, on_gpus());
      void* const out = gpu_sent.at(sent.buffer());
      void* const in = gpu_received.at(received.buffer());
      MPIX_Plan plan = MPIX_PLAN_NULL;
      const int code = wide
                           ? MPIX_Sendrecv_plan_c(out, sent.count, sent.element.type, to.rank,
                                                  to.tag, in, received.count, received.element.type,
                                                  from.rank, from.tag, comm, MPI_INFO_NULL, &plan)
                           : MPIX_Sendrecv_plan(out, sent.count, sent.element.type, to.rank, to.tag,
                                                in, received.count, received.element.type,
                                                from.rank, from.tag, comm, MPI_INFO_NULL, &plan);
      ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
      for (int k = 0; k < 3; ++k) ASSERT_EQ(MPIX_Plan_start(plan, stream.get()), MPI_SUCCESS);
      stream.wait();
      ASSERT_EQ(MPIX_Plan_free(&plan), MPI_SUCCESS);
      ASSERT_EQ(plan, MPIX_PLAN_NULL);
    }
    MPI_Sendrecv(sent.buffer(), sent.count, sent.element.type, to.rank, to.tag, expected.buffer(),
                 expected.count, expected.element.type, from.rank, from.tag, plain,
                 MPI_STATUS_IGNORE);
    ASSERT_EQ(received.memory, expected.memory) << "plan " << i;
  }
  EXPECT_TRUE(works(comm));
}

/// What the two ends of a message disagree about is every rank's error, and there is no plan.
TEST(Sendrecv, PlansWhoseEndsDifferAreEveryRanksError) {
  const ScopedComm comm = attached({{"device", "host"}});
  const int rank = comm.rank();
  const int size = comm.size();
  if (size < 2) GTEST_SKIP() << "needs two ranks";
  const int next = (rank + 1) % size;
  const int before = (rank + size - 1) % size;
  const std::string last = "rank " + std::to_string(size - 1);
  const int sent[2] = {rank, rank};
  int received[2] = {-1, -1};
  MPIX_Plan plan = MPIX_PLAN_NULL;
  const auto make = [&](int sendcount, int dest, int sendtag, int source, int recvtag) {
    return MPIX_Sendrecv_plan(sent, sendcount, MPI_INT, dest, sendtag, received, 1, MPI_INT, source,
                              recvtag, comm, MPI_INFO_NULL, &plan);
  };
  EXPECT_TRUE(is_error(make(rank == 0 ? 2 : 1, next, 4, before, 4), MPI_ERR_TRUNCATE,
                       {"rank 0 sends 8 bytes to rank 1, which asks for 4"}));
  EXPECT_TRUE(is_error(make(1, next, rank == 0 ? 6 : 4, before, 4), MPI_ERR_TAG,
                       {"rank 0 sends rank 1 a message with tag 6, which asks for tag 4"}));
  EXPECT_TRUE(is_error(make(1, next, 4, rank == 1 ? MPI_PROC_NULL : before, 4), MPI_ERR_RANK,
                       {"rank 0 sends to rank 1, which receives nothing from it"}));
  EXPECT_TRUE(is_error(make(1, rank == 0 ? MPI_PROC_NULL : next, 4, before, 4), MPI_ERR_RANK,
                       {"rank 1 receives from rank 0, which sends it nothing"}));
  EXPECT_TRUE(is_error(make(1, next, 4, before, MPI_ANY_TAG), MPI_ERR_TAG,
                       {"recvtag is MPI_ANY_TAG on rank 0"}));
  EXPECT_TRUE(is_error(make(rank == size - 1 ? -2 : 1, next, 4, before, 4), MPI_ERR_COUNT,
                       {"sendcount = -2 on " + last}));
  EXPECT_TRUE(is_error(make(1, rank == size - 1 ? size : next, 4, before, 4), MPI_ERR_RANK,
                       {"dest = " + std::to_string(size) + " on " + last}));
  EXPECT_EQ(plan, MPIX_PLAN_NULL);
  ASSERT_EQ(make(1, next, 4, before, 4), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Plan_start(plan, nullptr), MPI_SUCCESS);
  EXPECT_EQ(received[0], before);
  EXPECT_EQ(MPIX_Plan_free(&plan), MPI_SUCCESS);
  EXPECT_TRUE(works(comm));
}

/// Two ranks talk, and the others do not call anything.
TEST(Sendrecv, NeedsNoRankButTheTwo) {
  const ScopedComm comm = attached();
  if (comm.size() < 2) GTEST_SKIP() << "needs two ranks";
  const int rank = comm.rank();
  if (rank < 2) {
    for (int i = 0; i < 50; ++i) {
      const int sent = 100 * i + rank;
      int received = -1;
      // One way and then the other, and both ways at once.
      const bool first = rank == i % 2;
      const auto call = [&](int to, int from) {
        return MPIX_Sendrecv(&sent, 1, MPI_INT, to, i, &received, 1, MPI_INT, from, i, comm,
                             MPI_STATUS_IGNORE);
      };
      if (i % 3 == 0) {
        ASSERT_EQ(call(first ? 1 - rank : MPI_PROC_NULL, first ? MPI_PROC_NULL : 1 - rank),
                  MPI_SUCCESS);
        ASSERT_EQ(received, first ? -1 : 100 * i + 1 - rank);
      } else {
        ASSERT_EQ(call(1 - rank, 1 - rank), MPI_SUCCESS);
        ASSERT_EQ(received, 100 * i + 1 - rank);
      }
    }
  }
  EXPECT_TRUE(works(comm));
}

TEST(Sendrecv, NobodyIsNoMessage) {
  const ScopedComm comm = attached();
  int received = 7;
  MPI_Status status;
  EXPECT_EQ(MPIX_Sendrecv(nullptr, 0, MPI_INT, MPI_PROC_NULL, 0, &received, 1, MPI_INT,
                          MPI_PROC_NULL, 0, comm, &status),
            MPI_SUCCESS);
  EXPECT_EQ(received, 7);
  EXPECT_EQ(status.MPI_SOURCE, MPI_PROC_NULL);
  EXPECT_EQ(status.MPI_TAG, MPI_ANY_TAG);
}

/// Each rank sends one int to the next one: what the call returns, and what it received.
struct RingSendrecv {
  int sendtag = 5;
  int recvtag = 5;
  int sendcount = 1;
  int recvcount = 1;
  int received[2] = {-1, -1};
  MPI_Status status{};

  int run(MPI_Comm comm, int rank, int size) {
    const int sent[2] = {rank, rank + 1000};
    return MPIX_Sendrecv(sent, sendcount, MPI_INT, (rank + 1) % size, sendtag, received, recvcount,
                         MPI_INT, (rank + size - 1) % size, recvtag, comm, &status);
  }
};

TEST(Sendrecv, TagsThatDifferAreAnErrorThatNamesBoth) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  const int size = comm.size();
  RingSendrecv call;
  call.sendtag = 1000 + rank;
  call.recvtag = 77;
  const std::string before = std::to_string((rank + size - 1) % size);
  const int code = call.run(comm, rank, size);
  EXPECT_TRUE(is_error(code, MPI_ERR_TAG,
                       {"rank " + std::to_string(rank) + " asked ", "tag 77",
                        "tag " + std::to_string(1000 + (rank + size - 1) % size)}));
  RingSendrecv good;
  EXPECT_EQ(good.run(comm, rank, size), MPI_SUCCESS);
  EXPECT_EQ(std::to_string(good.received[0]), before);
  EXPECT_TRUE(works(comm));
}

TEST(Sendrecv, WhatDoesNotFitIsTruncated) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  const int size = comm.size();
  for (const int recvcount : {0, 1}) {
    RingSendrecv call;
    call.sendcount = 2;
    call.recvcount = recvcount;
    EXPECT_EQ(class_of(call.run(comm, rank, size)), MPI_ERR_TRUNCATE);
    EXPECT_EQ(call.received[0], recvcount == 0 ? -1 : (rank + size - 1) % size);
    EXPECT_EQ(call.received[1], -1);
    EXPECT_TRUE(works(comm));
  }
}

TEST(Sendrecv, CommunicatorsHaveToBeAttached) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  RingSendrecv call;
  EXPECT_TRUE(is_error(call.run(comm, comm.rank(), comm.size()), MPI_ERR_COMM,
                       {"MPIX_Sendrecv: ", "comm is not attached", "MPIX_Comm_attach"}));
}

/// Arguments that are wrong on the last rank, whose neighbours in the ring hear of it.
TEST(Sendrecv, ErrorsNameTheArgumentTheRankAndTheValue) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  const int size = comm.size();
  const int last = size - 1;
  const std::string there = " on rank " + std::to_string(last);
  const int next = (rank + 1) % size;
  const int before = (rank + size - 1) % size;
  struct Wrong {
    int error_class;
    std::string fragment;
    int sendcount = 1;
    MPI_Datatype recvtype = MPI_INT;
    int sendtag = 3;
    int recvtag = 3;
  };
  for (const Wrong& wrong : std::vector<Wrong>{
           {MPI_ERR_COUNT, "sendcount = -3" + there, -3},
           {MPI_ERR_TYPE, "recvtype is MPI_DATATYPE_NULL" + there, 1, MPI_DATATYPE_NULL},
           {MPI_ERR_TAG, "sendtag = -7" + there, 1, MPI_INT, -7},
           {MPI_ERR_TAG, "recvtag = -8" + there, 1, MPI_INT, 3, -8}}) {
    const bool here = rank == last;
    const int sent = rank;
    int received = -1;
    const int code = MPIX_Sendrecv(
        &sent, here ? wrong.sendcount : 1, MPI_INT, next, here ? wrong.sendtag : 3, &received, 1,
        here ? wrong.recvtype : MPI_INT, before, here ? wrong.recvtag : 3, comm, MPI_STATUS_IGNORE);
    if (here) {
      EXPECT_TRUE(is_error(code, wrong.error_class, {"MPIX_Sendrecv: ", wrong.fragment}));
    } else if (before == last) {
      EXPECT_TRUE(is_error(code, MPI_ERR_OTHER, {"rank " + std::to_string(last)}));
    } else {
      EXPECT_EQ(code, MPI_SUCCESS);
      EXPECT_EQ(received, before);
    }
    EXPECT_TRUE(works(comm));
  }
}

TEST(Sendrecv, RanksThatThereAreNot) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  const std::string there = " on rank " + std::to_string(rank);
  int word = 0;
  const auto call = [&](int dest, int source, int recvtag = 0) {
    return MPIX_Sendrecv(&word, 1, MPI_INT, dest, 0, &word, 1, MPI_INT, source, recvtag, comm,
                         MPI_STATUS_IGNORE);
  };
  EXPECT_TRUE(is_error(call(comm.size(), MPI_PROC_NULL), MPI_ERR_RANK,
                       {"dest = " + std::to_string(comm.size()) + there}));
  EXPECT_TRUE(is_error(call(MPI_PROC_NULL, -17), MPI_ERR_RANK, {"source = -17" + there}));
  EXPECT_TRUE(is_error(call(MPI_ANY_SOURCE, MPI_PROC_NULL), MPI_ERR_RANK,
                       {"dest is MPI_ANY_SOURCE" + there}));
  EXPECT_TRUE(is_error(MPIX_Sendrecv_on_stream(&word, 1, MPI_INT, MPI_PROC_NULL, 0, &word, 1,
                                               MPI_INT, MPI_ANY_SOURCE, 0, comm, nullptr),
                       MPI_ERR_RANK, {"source is MPI_ANY_SOURCE" + there}));
  EXPECT_TRUE(is_error(call(rank, MPI_PROC_NULL), MPI_ERR_RANK, {"dest = ", there}));
  EXPECT_TRUE(is_error(call(rank, rank, 9), MPI_ERR_TAG, {"tag 9", "tag 0"}));
  const int on_stream =
      MPIX_Sendrecv_on_stream(&word, 1, MPI_INT, (rank + comm.size() - 1) % comm.size(), 0, &word,
                              1, MPI_INT, (rank + 1) % comm.size(), MPI_ANY_TAG, comm, nullptr);
  EXPECT_TRUE(is_error(on_stream, MPI_ERR_TAG, {"recvtag is MPI_ANY_TAG" + there}));
  EXPECT_TRUE(works(comm));
}

}  // namespace
}  // namespace causeway::test
