// Streams that look like others, and what the application does with CUDA beside exchanges.
#include "streams.hpp"
#include "blocks.hpp"
#include "gpu_ranks.hpp"
#include "seed.hpp"

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace causeway::test {
namespace {

/// Keeps a stream from what is enqueued behind it until it is let go. One at a time.
class Hold {
 public:
  explicit Hold(cudaStream_t stream) { CHECK_CUDA(cudaLaunchHostFunc(stream, wait, &released_)); }
  ~Hold() { release(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  void release() { released_ = true; }

 private:
  static void wait(void* released) {
    while (!*static_cast<std::atomic<bool>*>(released)) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  std::atomic<bool> released_ = false;
};

/// One exchange of random blocks.
class Exchanged {
 public:
  Exchanged(const Communicator& communicator, const Counts& counts, std::uint64_t exchange,
            Random own)
      : rank_(communicator.rank()),
        exchange_(exchange),
        arriving_(column(counts, rank_)),
        send_(own, counts[static_cast<std::size_t>(rank_)]),
        receive_(own, arriving_) {
    send_.fill(exchange_, rank_);
    from_.upload(send_.bytes);
    to_.upload(receive_.bytes);
  }

  void enqueue(Communicator& communicator, cudaStream_t stream) const {
    const Status status = communicator.enqueue(
        {from_.bytes().data(), send_.blocks, to_.bytes().data(), receive_.blocks, false}, stream);
    EXPECT_TRUE(status.ok()) << status.message();
  }

  void expect_arrived() {
    to_.download(receive_.bytes);
    EXPECT_EQ(receive_.wrong_bytes(exchange_, rank_, arriving_), 0U)
        << "rank " << rank_ << ", exchange " << exchange_;
  }

 private:
  const int rank_;
  const std::uint64_t exchange_;
  const std::vector<std::uint64_t> arriving_;
  Buffer send_;
  Buffer receive_;
  GpuBytes from_;
  GpuBytes to_;
};

/// Two exchanges of which rank 0's first is held back on its stream, so that its second comes first
/// unless it waits for it. `second` chooses the stream of the second.
void expect_in_order(const std::function<void(const std::function<void(cudaStream_t)>&)>& second) {
  const std::uint64_t seed = test_seed();
  std::barrier both(2);
  run_gpu_ranks(2, {}, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    Random shared(seed);
    const Random own(seed + 1 + static_cast<std::uint64_t>(rank));
    Exchanged one(communicator, random_counts(shared, 2, 300000), 1, own);
    Exchanged two(communicator, random_counts(shared, 2, 300000), 2, own);
    both.arrive_and_wait();
    const cudaStream_t first_stream = cudaStreamPerThread;
    std::optional<Hold> hold;
    if (rank == 0) hold.emplace(first_stream);
    one.enqueue(communicator, first_stream);
    second([&](cudaStream_t stream) {
      two.enqueue(communicator, stream);
      // Were it not to wait, it would be under way by now.
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (hold) hold->release();
      CHECK_CUDA(cudaStreamSynchronize(stream));
    });
    CHECK_CUDA(cudaStreamSynchronize(first_stream));
    one.expect_arrived();
    two.expect_arrived();
    const Status status = communicator.error();
    EXPECT_TRUE(status.ok()) << status.message();
    both.arrive_and_wait();
  });
}

TEST(GpuStreams, OneHandleIsEachThreadsOwnStream) {
  expect_in_order([](const auto& enqueue) {
    int gpu = 0;
    CHECK_CUDA(cudaGetDevice(&gpu));
    std::thread([&] {
      use_gpu(gpu);
      enqueue(cudaStreamPerThread);
    }).join();
  });
}

TEST(GpuStreams, OthersWait) {
  expect_in_order([](const auto& enqueue) {
    const Stream other;
    enqueue(other);
  });
}

/// The handle of a stream that is destroyed while it holds an exchange may be the next one's.
TEST(GpuStreams, AHandleMayComeAgain) {
  const std::uint64_t seed = test_seed();
  std::barrier both(2);
  std::atomic<int> again = 0;
  run_gpu_ranks(2, {}, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    Random shared(seed);
    const Random own(seed + 1 + static_cast<std::uint64_t>(rank));
    for (std::uint64_t round = 0; round < 20; ++round) {
      Exchanged one(communicator, random_counts(shared, 2, 300000), 2 * round, own);
      Exchanged two(communicator, random_counts(shared, 2, 300000), 2 * round + 1, own);
      both.arrive_and_wait();
      cudaStream_t first = nullptr;
      CHECK_CUDA(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
      std::optional<Hold> hold;
      if (rank == static_cast<int>(round % 2)) hold.emplace(first);
      one.enqueue(communicator, first);
      // It goes when it has done what it holds.
      CHECK_CUDA(cudaStreamDestroy(first));
      const Stream next;
      if (next == first) ++again;
      two.enqueue(communicator, next);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (hold) hold->release();
      next.synchronize();
      one.expect_arrived();
      two.expect_arrived();
      both.arrive_and_wait();
    }
  });
  std::printf("%d handles came again\n", again.load());
}

/// A capture in the mode that is CUDA's default, on a thread of its own, while `body` runs.
class CaptureElsewhere {
 public:
  CaptureElsewhere() : thread_([this] { run(); }) { begun_.arrive_and_wait(); }
  CaptureElsewhere(const CaptureElsewhere&) = delete;
  CaptureElsewhere& operator=(const CaptureElsewhere&) = delete;

  /// What ending the capture gives.
  cudaError_t end() {
    ended_.arrive_and_wait();
    thread_.join();
    return outcome_;
  }

 private:
  void run() {
    use_gpu(0);
    const Stream stream;
    CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    begun_.arrive_and_wait();
    ended_.arrive_and_wait();
    cudaGraph_t graph = nullptr;
    outcome_ = cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) CHECK_CUDA(cudaGraphDestroy(graph));
    cudaGetLastError();
  }

  std::barrier<> begun_{2};
  std::barrier<> ended_{2};
  cudaError_t outcome_ = cudaErrorUnknown;
  std::thread thread_;
};

/// All that a communicator does, from its making to its end.
TEST(GpuCaptures, OfOtherThreadsAreLeftAlone) {
  const ThreadWorld world(2);
  std::barrier both(2);
  use_gpu(0);
  CaptureElsewhere capture;
  run_threads(2, [&](int rank) {
    // What the test itself calls is not to be what ends the capture.
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    CHECK_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    use_gpu(rank);
    constexpr std::uint64_t kBytes = 100000;
    const std::vector<Extent> blocks{{0, kBytes}, {kBytes, kBytes}};
    const GpuBytes from(std::vector<std::byte>(2 * kBytes), GpuBytes::Kind::kShareable);
    const GpuBytes to(std::vector<std::byte>(2 * kBytes), GpuBytes::Kind::kShareable);
    std::vector<std::byte> on_host(2 * kBytes);
    const Stream stream;
    CHECK_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    {
      Config config;
      const Status readable = read_settings({{"CAUSEWAY_DEVICE", "cuda"}}, &config);
      const auto bootstrap = world.bootstrap(rank);
      std::unique_ptr<Communicator> communicator;
      const auto expect_ok = [](const Status& status) {
        EXPECT_TRUE(status.ok()) << status.message();
      };
      const Status made = Communicator::create(*bootstrap, config, readable, &communicator);
      ASSERT_TRUE(made.ok()) << made.message();
      const Buffers buffers{from.bytes().data(), blocks, to.bytes().data(), blocks, false};
      for (int i = 0; i < 20; ++i) {
        // Now and then a rank is late, so that the other one's queries find work that is not over.
        if (i % 2 == rank) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        expect_ok(communicator->exchange(buffers));
        expect_ok(communicator->enqueue(buffers, stream));
        expect_ok(communicator->exchange({on_host.data(), blocks, on_host.data(), blocks, true}));
      }
      const Region* region = nullptr;
      expect_ok(
          communicator->register_buffer(*bootstrap, to.bytes().data(), 2 * kBytes, {}, &region));
      const PlannedExchange* plan = nullptr;
      expect_ok(communicator->plan(*bootstrap, buffers, {}, &plan));
      expect_ok(communicator->start(*plan, stream));
      expect_ok(communicator->free_planned(*bootstrap, plan));
      expect_ok(communicator->deregister_buffer(*bootstrap, region));
      both.arrive_and_wait();
    }
    CHECK_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
    stream.synchronize();
    EXPECT_EQ(cudaSuccess, cudaGetLastError());
    both.arrive_and_wait();
  });
  EXPECT_EQ(cudaSuccess, capture.end());
}

/// Whatever the exchanges wait for, the application finds its own last error afterwards, or none.
TEST(GpuLastError, IsTheApplicationsAlone) {
  run_gpu_ranks(2, {}, [](Communicator& communicator) {
    const GpuBytes from(std::vector<std::byte>(200));
    const GpuBytes to(std::vector<std::byte>(200));
    const std::vector<Extent> blocks{{0, 100}, {100, 100}};
    const Stream stream;
    for (int i = 0; i < 40; ++i) {
      // The other one has to wait, and asks whether its exchange is over.
      if (i % 2 == communicator.rank()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const Buffers buffers{from.bytes().data(), blocks, to.bytes().data(), blocks, false};
      const bool has_error = i % 4 < 2;
      void* memory = nullptr;
      if (has_error) {
        EXPECT_NE(cudaSuccess, cudaMalloc(&memory, std::size_t{1} << 60));
      }
      const Status status =
          i % 8 < 4 ? communicator.exchange(buffers) : communicator.enqueue(buffers, stream);
      EXPECT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(has_error ? cudaErrorMemoryAllocation : cudaSuccess, cudaGetLastError()) << i;
    }
    stream.synchronize();
  });
}

}  // namespace
}  // namespace causeway::test
