// MPIX_Alltoall in its forms against MPI's own, on random exchanges, and its errors.
#include "blocks.hpp"
#include "call.hpp"
#include "gpu_memory.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

/// A rank's buffer: a block for each rank, one behind the other, in memory of any content.
struct Blocks {
  Blocks(const Unit& unit, int units, int ranks, Random& random)
      : element(random_element(unit, Types::kAny, random)), count(units * element.per_unit) {
    const auto elements = static_cast<std::size_t>(count) * static_cast<std::size_t>(ranks);
    memory.resize(elements * element.bytes + 100);
    fill(memory, random);
  }

  std::byte* buffer() { return memory.data() + 50; }

  Element element;
  int count;
  std::vector<std::byte> memory;
};

enum class CallForm { kInt, kCount, kStream, kStreamCount };

int call_mpix(CallForm form, const void* sendbuf, const Blocks& send, void* recvbuf,
              const Blocks& receive, void* stream, MPI_Comm comm) {
  const MPI_Datatype sent = send.element.type;
  const MPI_Datatype received = receive.element.type;
  switch (form) {
    case CallForm::kInt:
      return MPIX_Alltoall(sendbuf, send.count, sent, recvbuf, receive.count, received, comm);
    case CallForm::kCount:
      return MPIX_Alltoall_c(sendbuf, send.count, sent, recvbuf, receive.count, received, comm);
    case CallForm::kStream:
      return MPIX_Alltoall_on_stream(sendbuf, send.count, sent, recvbuf, receive.count, received,
                                     comm, stream);
    default:
      return MPIX_Alltoall_on_stream_c(sendbuf, send.count, sent, recvbuf, receive.count, received,
                                       comm, stream);
  }
}

/// In place. The send arguments are invalid: a call that reads them fails.
int call_in_place(bool wide, void* recvbuf, const Blocks& receive, MPI_Comm comm) {
  const MPI_Datatype type = receive.element.type;
  return wide ? MPIX_Alltoall_c(MPI_IN_PLACE, -1, MPI_DATATYPE_NULL, recvbuf, receive.count, type,
                                comm)
              : MPIX_Alltoall(MPI_IN_PLACE, -1, MPI_DATATYPE_NULL, recvbuf, receive.count, type,
                              comm);
}

TEST(Alltoall, RandomExchangesMatchMpi) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  const DeviceStream stream;
  for (int i = 0; i < 40; ++i) {
    const Unit unit = random_unit(random);
    const int units = static_cast<int>(log_uniform(random, 100'000 / unit.bytes()));
    const auto form = static_cast<CallForm>(between(random, 0, 3));
    const bool in_place = form < CallForm::kStream && one_in(random, 3);
    Random own(random() + static_cast<std::uint64_t>(world_rank()));
    Blocks send(unit, units, comm.size(), own);
    Blocks receive(unit, units, comm.size(), own);
    Blocks expected = receive;
    if (in_place) send = receive;
    MPI_Alltoall(send.buffer(), send.count, send.element.type, expected.buffer(), expected.count,
                 expected.element.type, comm);
    const bool on_stream = form >= CallForm::kStream;
    int code = MPI_SUCCESS;
    {
      const OnGpu gpu_send(send.memory, on_gpus() && (on_stream || !one_in(own, 4)));
      const OnGpu gpu_receive(receive.memory, on_gpus() && (on_stream || !one_in(own, 4)));
      std::byte* const recvbuf = gpu_receive.at(receive.buffer());
      code = in_place ? call_in_place(form == CallForm::kCount, recvbuf, receive, comm)
                      : call_mpix(form, gpu_send.at(send.buffer()), send, recvbuf, receive,
                                  stream.get(), comm);
      if (on_stream) stream.wait();
    }
    ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
    ASSERT_EQ(receive.memory, expected.memory) << "exchange " << i;
  }
}

TEST(Alltoall, NothingNeedsNoBuffers) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_EQ(MPIX_Alltoall(nullptr, 0, MPI_INT, nullptr, 0, MPI_INT, comm), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Alltoall_c(nullptr, 0, MPI_INT, nullptr, 0, MPI_INT, comm), MPI_SUCCESS);
}

/// An argument that is wrong on the last rank, and what is said of it there.
struct Wrong {
  int error_class;
  std::string fragment;
  int sendcount = 1;
  MPI_Datatype sendtype = MPI_INT;
  bool no_sendbuf = false;
  bool recvbuf_in_place = false;
};

TEST(Alltoall, ErrorsNameTheArgumentTheRankAndTheValue) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const auto ranks = static_cast<std::size_t>(comm.size());
  const int last = comm.size() - 1;
  const std::string there = " on rank " + std::to_string(last);
  for (const Wrong& wrong : std::vector<Wrong>{
           {MPI_ERR_COUNT, "MPIX_Alltoall: sendcount = -3" + there, -3},
           {MPI_ERR_TYPE, "sendtype is MPI_DATATYPE_NULL" + there, 1, MPI_DATATYPE_NULL},
           {MPI_ERR_BUFFER, "sendbuf is NULL" + there + ", and sendcount = 1 elements", 1, MPI_INT,
            true},
           {MPI_ERR_BUFFER, "recvbuf is MPI_IN_PLACE" + there, 1, MPI_INT, false, true}}) {
    const bool here = comm.rank() == last;
    const std::vector<int> sent(ranks, comm.rank());
    std::vector<int> received(ranks, -1);
    const int code = MPIX_Alltoall(here && wrong.no_sendbuf ? nullptr : sent.data(),
                                   here ? wrong.sendcount : 1, here ? wrong.sendtype : MPI_INT,
                                   here && wrong.recvbuf_in_place ? MPI_IN_PLACE : received.data(),
                                   1, MPI_INT, comm);
    EXPECT_TRUE(here ? is_error(code, wrong.error_class, {wrong.fragment})
                     : is_error(code, MPI_ERR_OTHER, {"rank " + std::to_string(last)}));
    EXPECT_TRUE(works(comm));
  }
}

TEST(Alltoall, CountsWhoseBytesNoMemoryHolds) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  double element = 0;
  for (const MPI_Count count : {MPI_Count{1} << 61, (MPI_Count{1} << 60) - 1}) {
    const int code =
        MPIX_Alltoall_c(&element, count, MPI_DOUBLE, &element, count, MPI_DOUBLE, comm);
    EXPECT_TRUE(is_error(code, MPI_ERR_COUNT,
                         {"recvcount = " + std::to_string(count) + " on rank ", "memory holds"}));
  }
  EXPECT_TRUE(works(comm));
}

TEST(Alltoall, StreamCallsTakeNothingInPlace) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  std::vector<int> received(static_cast<std::size_t>(comm.size()), -1);
  const int code =
      MPIX_Alltoall_on_stream(MPI_IN_PLACE, 1, MPI_INT, received.data(), 1, MPI_INT, comm, nullptr);
  EXPECT_TRUE(is_error(code, MPI_ERR_BUFFER,
                       {"MPIX_Alltoall_on_stream:", "sendbuf is MPI_IN_PLACE on rank "}));
  EXPECT_TRUE(works(comm));
}

}  // namespace
}  // namespace causeway::test
