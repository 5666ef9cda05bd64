// The stream calls on GPUs: buffers there, graphs, and a first use in a capture.
#include "call.hpp"
#include "gpu_memory.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>
#include <streams.hpp>

#include <numeric>
#include <vector>

namespace causeway::test {
namespace {

/// Counts of bytes between all ranks, the same on every rank, and this rank's blocks of them.
struct Blocks {
  Blocks(Random& random, int rank, int ranks) {
    for (int from = 0; from < ranks; ++from) {
      for (int to = 0; to < ranks; ++to) {
        const auto bytes = static_cast<int>(log_uniform(random, 200000));
        if (from == rank) sendcounts.push_back(bytes);
        if (to == rank) recvcounts.push_back(bytes);
      }
    }
    sdispls = displacements(sendcounts);
    rdispls = displacements(recvcounts);
    sent.resize(1 + std::accumulate(sendcounts.begin(), sendcounts.end(), std::size_t{0}));
    received.resize(1 + std::accumulate(recvcounts.begin(), recvcounts.end(), std::size_t{0}));
  }

  static std::vector<int> displacements(const std::vector<int>& counts) {
    std::vector<int> result(counts.size());
    std::exclusive_scan(counts.begin(), counts.end(), result.begin(), 0);
    return result;
  }

  int enqueue(const GpuBytes& from, const GpuBytes& to, MPI_Comm comm, cudaStream_t stream) const {
    return MPIX_Alltoallv_on_stream(from.bytes().data(), sendcounts.data(), sdispls.data(),
                                    MPI_BYTE, to.bytes().data(), recvcounts.data(), rdispls.data(),
                                    MPI_BYTE, comm, stream);
  }

  std::vector<int> sendcounts, sdispls, recvcounts, rdispls;
  std::vector<std::byte> sent, received;
};

/// A column of a matrix with a column for each rank.
ScopedType column_of(int rows) {
  const ScopedType vector = ScopedType::committed([&] {
    MPI_Datatype type = MPI_DATATYPE_NULL;
    MPI_Type_vector(rows, 1, world_size(), MPI_INT, &type);
    return type;
  }());
  MPI_Datatype column = MPI_DATATYPE_NULL;
  MPI_Type_create_resized(vector, 0, sizeof(int), &column);
  return ScopedType::committed(column);
}

class GpuStreams : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!on_gpus()) GTEST_SKIP() << "runs with CAUSEWAY_DEVICE=cuda";
  }
};

TEST_F(GpuStreams, ReplaysAndEagerCallsMatchMpi) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  Blocks blocks(random, world_rank(), world_size());
  GpuBytes from(blocks.sent);
  GpuBytes to(blocks.received);
  const Stream stream;
  int captured = MPI_SUCCESS;
  const Graph graph(stream, [&] { captured = blocks.enqueue(from, to, comm, stream); });
  ASSERT_EQ(captured, MPI_SUCCESS) << sentence(captured);
  Random own(random() + static_cast<std::uint64_t>(world_rank()));
  for (int round = 0; round < 100; ++round) {
    for (std::byte& byte : blocks.sent) byte = static_cast<std::byte>(own());
    from.upload(blocks.sent);
    to.upload(blocks.received);
    if (one_in(random, 3)) {
      EXPECT_EQ(blocks.enqueue(from, to, comm, stream), MPI_SUCCESS);
    } else {
      graph.launch(stream);
    }
    stream.synchronize();
    std::vector<std::byte> expected = blocks.received;
    MPI_Alltoallv(blocks.sent.data(), blocks.sendcounts.data(), blocks.sdispls.data(), MPI_BYTE,
                  expected.data(), blocks.recvcounts.data(), blocks.rdispls.data(), MPI_BYTE,
                  MPI_COMM_WORLD);
    to.download(blocks.received);
    EXPECT_TRUE(blocks.received == expected) << "round " << round;
  }
  int code = MPI_SUCCESS;
  EXPECT_EQ(MPIX_Comm_get_error(comm, &code), MPI_SUCCESS);
  EXPECT_EQ(code, MPI_SUCCESS) << sentence(code);
}

/// A column of a matrix to each rank, in a graph. The program frees the datatype after the capture,
/// as MPI allows, and uses others on the communicator between replays.
TEST_F(GpuStreams, ReplaysKeepADatatypeThatTheProgramFreed) {
  constexpr int kRows = 300;
  const ScopedComm comm = attached();
  const int ranks = world_size();
  std::vector<std::byte> matrix(sizeof(int) * kRows * static_cast<std::size_t>(ranks));
  std::vector<std::byte> received(matrix.size());
  GpuBytes from(matrix);
  GpuBytes to(received);
  const std::vector<int> ones(static_cast<std::size_t>(ranks), 1);
  std::vector<int> at(ones.size());
  std::iota(at.begin(), at.end(), 0);
  const auto enqueue = [&](MPI_Datatype column, const Stream& stream) {
    return MPIX_Alltoallv_on_stream(from.bytes().data(), ones.data(), at.data(), column,
                                    to.bytes().data(), ones.data(), at.data(), column, comm,
                                    stream);
  };
  const Stream stream;
  int captured = MPI_SUCCESS;
  const Graph graph(stream, [&] {
    const ScopedType column = column_of(kRows);
    captured = enqueue(column, stream);
  });
  ASSERT_EQ(captured, MPI_SUCCESS) << sentence(captured);
  const ScopedType whole = column_of(kRows);
  Random random = shared_random();
  Random own(random() + static_cast<std::uint64_t>(world_rank()));
  for (int round = 0; round < 50; ++round) {
    for (std::byte& byte : matrix) byte = static_cast<std::byte>(own());
    from.upload(matrix);
    to.upload(received);
    std::vector<std::byte> expected = received;
    graph.launch(stream);
    MPI_Alltoallv(matrix.data(), ones.data(), at.data(), whole, expected.data(), ones.data(),
                  at.data(), whole, MPI_COMM_WORLD);
    const ScopedType other = column_of(1 + round);
    EXPECT_EQ(enqueue(other, stream), MPI_SUCCESS);
    MPI_Alltoallv(matrix.data(), ones.data(), at.data(), other, expected.data(), ones.data(),
                  at.data(), other, MPI_COMM_WORLD);
    stream.synchronize();
    to.download(received);
    EXPECT_TRUE(received == expected) << "round " << round;
  }
}

/// Blocks of bytes, and columns of a matrix, whose datatype is on the GPU.
TEST_F(GpuStreams, ReplaysAfterDetachDoNothing) {
  constexpr int kRows = 300;
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  ASSERT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  Random random = shared_random();
  Blocks blocks(random, world_rank(), world_size());
  GpuBytes from(blocks.sent);
  GpuBytes to(blocks.received);
  std::vector<std::byte> matrix(sizeof(int) * kRows * static_cast<std::size_t>(world_size()));
  GpuBytes matrix_from(matrix);
  GpuBytes matrix_to(matrix);
  const std::vector<int> ones(static_cast<std::size_t>(world_size()), 1);
  const std::vector<int> at = Blocks::displacements(ones);
  const ScopedType column = column_of(kRows);
  const Stream stream;
  int captured = MPI_SUCCESS;
  const Graph graph(stream, [&] {
    captured = blocks.enqueue(from, to, comm, stream);
    if (captured != MPI_SUCCESS) return;
    captured = MPIX_Alltoallv_on_stream(matrix_from.bytes().data(), ones.data(), at.data(), column,
                                        matrix_to.bytes().data(), ones.data(), at.data(), column,
                                        comm, stream);
  });
  ASSERT_EQ(captured, MPI_SUCCESS) << sentence(captured);
  Random own(random() + static_cast<std::uint64_t>(world_rank()));
  const auto refill = [&] {
    for (std::byte& byte : blocks.sent) byte = static_cast<std::byte>(own());
    for (std::byte& byte : matrix) byte = static_cast<std::byte>(own());
    from.upload(blocks.sent);
    matrix_from.upload(matrix);
    to.fill(std::byte{});
    matrix_to.fill(std::byte{});
  };
  // What has been received, or nothing.
  const auto expect = [&](bool exchanged, const char* when) {
    std::vector<std::byte> expected(blocks.received.size());
    std::vector<std::byte> expected_matrix(matrix.size());
    if (exchanged) {
      MPI_Alltoallv(blocks.sent.data(), blocks.sendcounts.data(), blocks.sdispls.data(), MPI_BYTE,
                    expected.data(), blocks.recvcounts.data(), blocks.rdispls.data(), MPI_BYTE,
                    MPI_COMM_WORLD);
      MPI_Alltoallv(matrix.data(), ones.data(), at.data(), column, expected_matrix.data(),
                    ones.data(), at.data(), column, MPI_COMM_WORLD);
    }
    to.download(blocks.received);
    EXPECT_TRUE(blocks.received == expected) << when;
    std::vector<std::byte> received(matrix.size());
    matrix_to.download(received);
    EXPECT_TRUE(received == expected_matrix) << when;
  };
  const auto replay = [&] {
    refill();
    graph.launch(stream);
    stream.synchronize();
  };
  replay();
  expect(true, "attached");
  ASSERT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  replay();
  expect(false, "detached");
  ASSERT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  for (int round = 0; round < 10; ++round) {
    replay();
    expect(false, "attached again");
    EXPECT_TRUE(works(comm));
    const int code = MPIX_Alltoallv(
        from.bytes().data(), blocks.sendcounts.data(), blocks.sdispls.data(), MPI_BYTE,
        to.bytes().data(), blocks.recvcounts.data(), blocks.rdispls.data(), MPI_BYTE, comm);
    EXPECT_EQ(code, MPI_SUCCESS) << sentence(code);
    EXPECT_EQ(MPIX_Alltoallv(matrix_from.bytes().data(), ones.data(), at.data(), column,
                             matrix_to.bytes().data(), ones.data(), at.data(), column, comm),
              MPI_SUCCESS);
    expect(true, "attached again");
  }
}

/// What `auto` chooses is seen by a stream being accepted.
TEST_F(GpuStreams, AutoIsCudaBetweenHostsToo) {
  if (CAUSEWAY_HAVE_UCX == 0) GTEST_SKIP() << "built without UCX";
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const ScopedInfo info({{"device", "auto"}, {"node_size", "1"}});
  ASSERT_EQ(MPIX_Comm_attach(comm, info), MPI_SUCCESS);
  Random random = shared_random();
  const Blocks blocks(random, world_rank(), world_size());
  const GpuBytes from(blocks.sent);
  const GpuBytes to(blocks.received);
  const Stream stream;
  const int code = blocks.enqueue(from, to, comm, stream);
  EXPECT_EQ(code, MPI_SUCCESS) << sentence(code);
  stream.synchronize();
}

TEST_F(GpuStreams, FirstUseInACaptureIsEveryRanksError) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  const Blocks blocks(random, world_rank(), world_size());
  const GpuBytes from(blocks.sent);
  const GpuBytes to(blocks.received);
  const Stream stream;
  int code = MPI_SUCCESS;
  if (world_rank() == 0) {
    const Graph graph(stream, [&] { code = blocks.enqueue(from, to, comm, stream); });
  } else {
    code = blocks.enqueue(from, to, comm, stream);
  }
  EXPECT_TRUE(is_error(code, MPI_ERR_UNSUPPORTED_OPERATION, {"rank 0", "MPIX_Comm_attach"}));
  EXPECT_TRUE(works(comm));
}

}  // namespace
}  // namespace causeway::test
