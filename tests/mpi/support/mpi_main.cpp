// Runs GoogleTest's tests on all ranks of MPI_COMM_WORLD, in the same order.
#include "gpu_memory.hpp"
#include "world.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using causeway::test::world_rank;
using causeway::test::world_size;

/// Prints failures alone, each with the rank that it happened on.
class FailurePrinter final : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "rank %d: %s:%d: Failure\n%s\n", world_rank(),
                 result.file_name() != nullptr ? result.file_name() : "unknown file",
                 result.line_number(), result.message());
  }
};

/// Waits at the end of each test for all ranks, and makes one that failed elsewhere fail on rank 0
/// too, which prints the summary.
class Gatherer final : public ::testing::EmptyTestEventListener {
 public:
  Gatherer() { MPI_Comm_dup(MPI_COMM_WORLD, &comm_); }

 private:
  void OnTestEnd(const ::testing::TestInfo& test) override {
    const int failed = test.result()->Failed() ? 1 : 0;
    std::vector<int> all(static_cast<std::size_t>(world_size()));
    MPI_Allgather(&failed, 1, MPI_INT, all.data(), 1, MPI_INT, comm_);
    if (world_rank() != 0) return;
    for (std::size_t rank = 1; rank < all.size(); ++rank) {
      if (all[rank] != 0) ADD_FAILURE() << "failed on rank " << rank;
    }
  }

  void OnTestProgramEnd(const ::testing::UnitTest&) override { MPI_Comm_free(&comm_); }

  MPI_Comm comm_ = MPI_COMM_NULL;
};

void add_listeners() {
  ::testing::TestEventListeners& listeners = ::testing::UnitTest::GetInstance()->listeners();
  if (world_rank() != 0) {
    delete listeners.Release(listeners.default_result_printer());
    delete listeners.Release(listeners.default_xml_generator());
    listeners.Append(new FailurePrinter);
  }
  listeners.Append(new Gatherer);
}

/// Runs the tests; returns what the process is to exit with. MPI stays initialised.
int run_tests() {
  causeway::test::choose_seed();
  // Also the order under --gtest_shuffle.
  GTEST_FLAG_SET(random_seed, static_cast<int>(causeway::test::seed() % 99999 + 1));
  add_listeners();
  if (world_rank() == 0) {
    std::printf("%d ranks, CAUSEWAY_TEST_SEED=%llu\n", world_size(),
                static_cast<unsigned long long>(causeway::test::seed()));
  }
  int failed = RUN_ALL_TESTS();
  if (::testing::UnitTest::GetInstance()->test_to_run_count() == 0) {
    std::fprintf(stderr, "rank %d: the filter leaves no test\n", world_rank());
    failed = 1;
  }
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  // A rank that a failed test has left behind is then reported by those that wait for it.
  setenv("CAUSEWAY_TIMEOUT", "60", 0);
  // The same tests everywhere: where there are GPUs, CAUSEWAY_DEVICE=cuda runs them on these.
  setenv("CAUSEWAY_DEVICE", "host", 0);
  int granted = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &granted);
  ::testing::InitGoogleTest(&argc, argv);
  const bool runs = !causeway::test::on_gpus() || causeway::test::use_gpu_of_rank(2);
  const int failed = runs ? run_tests() : 0;
  MPI_Finalize();
  return failed;
}
