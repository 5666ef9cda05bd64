// Graphs that outlive what their launches were captured on, between ranks that are threads.
#include "blocks.hpp"
#include "gpu_ranks.hpp"
#include "seed.hpp"
#include "streams.hpp"

#include <cuda_graphs.hpp>

#include <atomic>
#include <barrier>
#include <chrono>
#include <memory>
#include <optional>

namespace causeway::test {
namespace {

/// What ends with a graph may do so on a thread of CUDA's, some time later.
template <class Done>
bool comes_true(const Done& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// Memory of graphs that are gone goes back when the next keeper comes.
void give_back() { const GraphMemory next; }

/// Bytes of all GPUs that have come from CUDA's pools, as communicators' tables do, once those that
/// nobody needs are back. While nothing runs.
std::uint64_t bytes_of_pools() {
  give_back();
  int before = 0;
  CHECK_CUDA(cudaGetDevice(&before));
  std::uint64_t bytes = 0;
  for (int gpu = 0; gpu < gpus(); ++gpu) {
    use_gpu(gpu);
    CHECK_CUDA(cudaDeviceSynchronize());
    cudaMemPool_t pool = nullptr;
    CHECK_CUDA(cudaDeviceGetDefaultMemPool(&pool, gpu));
    std::uint64_t used = 0;
    CHECK_CUDA(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
    bytes += used;
  }
  CHECK_CUDA(cudaSetDevice(before));
  return bytes;
}

/// A communicator, and what it was made over.
struct Attached {
  Attached(const ThreadWorld& world, int rank, Settings settings)
      : bootstrap(world.bootstrap(rank)) {
    settings.push_back({"CAUSEWAY_DEVICE", "cuda"});
    Config config;
    const Status readable = read_settings(settings, &config);
    const Status made = Communicator::create(*bootstrap, config, readable, &communicator);
    EXPECT_TRUE(made.ok()) << made.message();
  }

  std::unique_ptr<Bootstrap> bootstrap;
  std::unique_ptr<Communicator> communicator;
};

/// Blocks of one exchange after the other, in memory that is not a pool's.
class Blocks {
 public:
  Blocks(int rank, const Counts& counts, Random own)
      : rank_(rank),
        arriving_(column(counts, rank)),
        send_(own, counts[static_cast<std::size_t>(rank)]),
        receive_(own, arriving_),
        from_(send_.bytes, GpuBytes::Kind::kShareable),
        to_(receive_.bytes, GpuBytes::Kind::kShareable) {}

  Buffers buffers() const {
    return {from_.bytes().data(), send_.blocks, to_.bytes().data(), receive_.blocks, false};
  }

  /// Has other bytes to send, and none received.
  void refill() {
    send_.fill(++exchange_, rank_);
    from_.upload(send_.bytes);
    to_.fill(Buffer::kGuard);
  }
  /// Wrong bytes if the exchange took place, and if it did not.
  std::uint64_t wrong_bytes() { return wrong_bytes(arriving_); }
  std::uint64_t touched_bytes() {
    return wrong_bytes(std::vector<std::uint64_t>(arriving_.size(), 0));
  }

 private:
  std::uint64_t wrong_bytes(const std::vector<std::uint64_t>& arrived) {
    to_.download(receive_.bytes);
    return receive_.wrong_bytes(exchange_, rank_, arrived);
  }

  const int rank_;
  std::uint64_t exchange_ = 0;
  const std::vector<std::uint64_t> arriving_;
  Buffer send_;
  Buffer receive_;
  GpuBytes from_;
  GpuBytes to_;
};

TEST(GpuGraphs, MemoryIsKeptUntilTheLastGraphIsGone) {
  use_gpu(0);
  const Stream stream;
  std::byte byte{};
  std::atomic<int> ended = 0;
  const auto memory = [&] {
    return Memory(&byte, [&](std::byte*) {
      // CUDA refuses this on its own threads.
      CHECK_CUDA(cudaStreamSynchronize(cudaStreamPerThread));
      ++ended;
    });
  };
  auto kept = std::make_unique<GraphMemory>();
  EXPECT_FALSE(kept->in_use());
  kept->keep(memory());
  EXPECT_EQ(ended, 1);
  const auto bind = [&] {
    for (int launch = 0; launch < 2; ++launch) {
      const Status bound = kept->bind(stream);
      EXPECT_TRUE(bound.ok()) << bound.message();
    }
  };
  std::optional<Graph> first(std::in_place, stream, bind);
  std::optional<Graph> second(std::in_place, stream, bind);
  EXPECT_TRUE(kept->in_use());
  kept->keep(memory());
  first.reset();
  kept.reset();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  give_back();
  EXPECT_EQ(ended, 1);
  second.reset();
  EXPECT_TRUE(comes_true([&] {
    give_back();
    return ended == 2;
  }));
}

TEST(GpuGraphs, WithoutGraphsNothingIsKept) {
  use_gpu(0);
  const Stream stream;
  GraphMemory kept;
  const auto bind = [&] {
    const Status bound = kept.bind(stream);
    EXPECT_TRUE(bound.ok()) << bound.message();
  };
  std::optional<Graph> graph(std::in_place, stream, bind);
  EXPECT_TRUE(kept.in_use());
  graph.reset();
  EXPECT_TRUE(comes_true([&] { return !kept.in_use(); }));
}

/// One that holds an exchange, and one that holds the start of a plan, which is freed first.
TEST(GpuGraphs, ReplaysAfterDetachDoNothing) {
  const std::uint64_t seed = test_seed();
  const int ranks = std::max(2, gpus());
  Random shared(seed);
  const Counts counts = random_counts(shared, ranks, 300000);
  const ThreadWorld first(ranks);
  const ThreadWorld second(ranks);
  const std::uint64_t bytes_before = bytes_of_pools();
  std::barrier all(ranks);
  run_threads(ranks, [&](int rank) {
    use_gpu(rank);
    Blocks blocks(rank, counts, Random(seed + 1 + static_cast<std::uint64_t>(rank)));
    const Stream stream;
    Attached attached(first, rank, {});
    Communicator& communicator = *attached.communicator;
    const PlannedExchange* plan = nullptr;
    const Status planned = communicator.plan(*attached.bootstrap, blocks.buffers(), {}, &plan);
    ASSERT_TRUE(planned.ok()) << planned.message();
    Status captured;
    const Graph exchange(stream,
                         [&] { captured = communicator.enqueue(blocks.buffers(), stream); });
    EXPECT_TRUE(captured.ok()) << captured.message();
    const Graph start(stream, [&] { captured = communicator.start(*plan, stream); });
    EXPECT_TRUE(captured.ok()) << captured.message();
    const auto replay = [&](const Graph& graph) {
      blocks.refill();
      graph.launch(stream);
      stream.synchronize();
    };
    for (int round = 0; round < 5; ++round) {
      for (const Graph* graph : {&exchange, &start}) {
        replay(*graph);
        EXPECT_EQ(blocks.wrong_bytes(), 0U) << "rank " << rank << ", round " << round;
      }
      if (round != 2) continue;
      const Status freed = communicator.free_planned(*attached.bootstrap, plan);
      EXPECT_TRUE(freed.ok()) << freed.message();
    }
    attached.communicator.reset();
    all.arrive_and_wait();
    if (rank == 0) {
      EXPECT_GT(bytes_of_pools(), bytes_before);
    }
    all.arrive_and_wait();
    const auto replays_do_nothing = [&] {
      for (const Graph* graph : {&exchange, &start}) {
        replay(*graph);
        EXPECT_EQ(blocks.touched_bytes(), 0U) << "rank " << rank;
      }
    };
    replays_do_nothing();
    const Attached again(second, rank, {});
    for (int round = 0; round < 20; ++round) {
      replays_do_nothing();
      blocks.refill();
      const Status status = again.communicator->exchange(blocks.buffers());
      EXPECT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(blocks.wrong_bytes(), 0U) << "rank " << rank << ", round " << round;
    }
  });
  EXPECT_TRUE(comes_true([&] { return bytes_of_pools() <= bytes_before; }));
}

/// Their copies must not be replayed; what their kernels refer to is kept all the same.
TEST(GpuGraphs, PlansByCopyEnginesLeaveTheirMemoryToGraphs) {
  const std::uint64_t seed = test_seed();
  const ThreadWorld world(2);
  const std::uint64_t bytes_before = bytes_of_pools();
  std::barrier all(2);
  run_threads(2, [&](int rank) {
    use_gpu(rank);
    const Blocks blocks(rank, {{1000, 20000}, {300000, 0}},
                        Random(seed + static_cast<std::uint64_t>(rank)));
    const Stream stream;
    const Attached attached(world, rank, {{"CAUSEWAY_TUNE", "*:memory:*:protocol=engine"}});
    Communicator& communicator = *attached.communicator;
    std::uint64_t bytes_without = 0;
    const auto at_rest = [&](const auto& look) {
      all.arrive_and_wait();
      if (rank == 0) look();
      all.arrive_and_wait();
    };
    at_rest([&] { bytes_without = bytes_of_pools(); });
    const PlannedExchange* plan = nullptr;
    const Status planned = communicator.plan(*attached.bootstrap, blocks.buffers(), {}, &plan);
    ASSERT_TRUE(planned.ok()) << planned.message();
    Status captured;
    const Graph start(stream, [&] { captured = communicator.start(*plan, stream); });
    EXPECT_TRUE(captured.ok()) << captured.message();
    const Status freed = communicator.free_planned(*attached.bootstrap, plan);
    EXPECT_TRUE(freed.ok()) << freed.message();
    EXPECT_GT(start.copies(), 0U);
    at_rest([&] { EXPECT_GT(bytes_of_pools(), bytes_without); });
  });
  EXPECT_TRUE(comes_true([&] { return bytes_of_pools() <= bytes_before; }));
}

}  // namespace
}  // namespace causeway::test
