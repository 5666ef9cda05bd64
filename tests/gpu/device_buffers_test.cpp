// Exchanges of GPU memory between ranks that are threads, one GPU each where there are enough.
#include "blocks.hpp"
#include "random_exchange.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <cuda_runtime_api.h>

namespace causeway::test {
namespace {

#define ASSERT_CUDA(expression) ASSERT_EQ(cudaSuccess, expression)

/// GPU memory of its own for a Buffer. Everything is on the thread's own stream: what waits for the
/// whole GPU would wait for other ranks' kernels, which may be waiting for this rank.
struct OnGpu {
  std::byte* bytes = nullptr;
  std::size_t size;

  explicit OnGpu(const Buffer& buffer) : size(buffer.bytes.size()) {
    EXPECT_EQ(cudaSuccess, cudaMallocAsync(reinterpret_cast<void**>(&bytes), size, kStream));
    upload(buffer);
  }
  ~OnGpu() { cudaFreeAsync(bytes, kStream); }
  OnGpu(const OnGpu&) = delete;
  OnGpu& operator=(const OnGpu&) = delete;

  void upload(const Buffer& buffer) { copy(bytes, buffer.bytes.data()); }
  void download(Buffer& buffer) { copy(buffer.bytes.data(), bytes); }
  void poison() {
    EXPECT_EQ(cudaSuccess,
              cudaMemsetAsync(bytes, std::to_integer<int>(Buffer::kGuard), size, kStream));
    EXPECT_EQ(cudaSuccess, cudaStreamSynchronize(kStream));
  }

 private:
  static inline const cudaStream_t kStream = cudaStreamPerThread;

  void copy(void* to, const void* from) {
    EXPECT_EQ(cudaSuccess, cudaMemcpyAsync(to, from, size, cudaMemcpyDefault, kStream));
    EXPECT_EQ(cudaSuccess, cudaStreamSynchronize(kStream));
  }
};

void run_gpu_ranks(int ranks, Settings settings, const std::function<void(Communicator&)>& body) {
  settings.push_back({"CAUSEWAY_DEVICE", "cuda"});
  run_ranks(ranks, settings, body, [](int rank) {
    int gpus = 1;
    cudaGetDeviceCount(&gpus);
    cudaSetDevice(rank % gpus);
  });
}

struct Shape {
  const char* name;
  int ranks;
  Settings settings;
  std::uint64_t most;
  int exchanges;
};

class GpuAlltoallv : public testing::TestWithParam<Shape> {};

/// Exchanges memory of either kind, whatever the other ranks use.
Status exchange_either_memory(Communicator& communicator, Buffer& send, Buffer& receive,
                              Random& own) {
  const bool send_on_gpu = own() % 4 != 0;
  const bool receive_on_gpu = own() % 4 != 0;
  const OnGpu gpu_send(send);
  OnGpu gpu_receive(receive);
  const Status status = communicator.alltoallv(
      {send_on_gpu ? gpu_send.bytes : send.bytes.data(), send.blocks,
       receive_on_gpu ? gpu_receive.bytes : receive.bytes.data(), receive.blocks, false});
  if (receive_on_gpu) gpu_receive.download(receive);
  return status;
}

TEST_P(GpuAlltoallv, MovesEveryByte) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  run_gpu_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
    exchange_at_random(communicator, seed, shape.exchanges, shape.most, exchange_either_memory);
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, GpuAlltoallv,
    testing::Values(
        Shape{"one_rank", 1, {}, 100000, 20}, Shape{"two_ranks", 2, {}, 3000000, 30},
        Shape{"two_ranks_large", 2, {}, 40000000, 5}, Shape{"four_ranks", 4, {}, 1000000, 30},
        Shape{"three_ranks_small_rings", 3, {{"CAUSEWAY_RING_BYTES", "4096"}}, 20000, 100},
        Shape{"four_ranks_tiny_blocks", 4, {{"CAUSEWAY_RING_BYTES", "4096"}}, 100, 300},
        Shape{"one_lane", 3, {{"CAUSEWAY_LANES", "1"}, {"CAUSEWAY_MAX_CTAS", "1"}}, 3000000, 20},
        Shape{"fewer_blocks_than_visits",
              4,
              {{"CAUSEWAY_RING_BYTES", "16K"}, {"CAUSEWAY_LANES", "3"}, {"CAUSEWAY_MAX_CTAS", "5"}},
              200000,
              30},
        Shape{"counts_pass_2_to_32",
              3,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_START_COUNT", "4294965248"}},
              20000,
              50}),
    [](const auto& shape) { return std::string(shape.param.name); });

TEST(GpuStream, EagerCallsAndGraphReplaysInterleave) {
  const std::uint64_t seed = test_seed();
  run_gpu_ranks(2, {}, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    Random shared(seed);
    Random own(seed + 1 + static_cast<std::uint64_t>(rank));
    const Counts counts = random_counts(shared, 2, 300000);
    Buffer send(own, counts[static_cast<std::size_t>(rank)]);
    Buffer receive(own, column(counts, rank));
    OnGpu gpu_send(send);
    OnGpu gpu_receive(receive);
    cudaStream_t stream = nullptr;
    ASSERT_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    const Buffers buffers{gpu_send.bytes, send.blocks, gpu_receive.bytes, receive.blocks, false};
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    ASSERT_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    const Status captured = communicator.enqueue_alltoallv(buffers, stream);
    ASSERT_CUDA(cudaStreamEndCapture(stream, &graph));
    ASSERT_TRUE(captured.ok()) << captured.message();
    ASSERT_CUDA(cudaGraphInstantiate(&exec, graph, 0));
    for (std::uint64_t e = 0; e < 200; ++e) {
      send.fill(e, rank);
      gpu_send.upload(send);
      gpu_receive.poison();
      const std::uint64_t way = shared() % 3;
      if (way == 0) {
        ASSERT_CUDA(cudaGraphLaunch(exec, stream));
      } else {
        const Status status = way == 1 ? communicator.enqueue_alltoallv(buffers, stream)
                                       : communicator.alltoallv(buffers);
        ASSERT_TRUE(status.ok()) << status.message();
      }
      ASSERT_CUDA(cudaStreamSynchronize(stream));
      gpu_receive.download(receive);
      ASSERT_EQ(receive.wrong_bytes(e, rank, column(counts, rank)), 0U)
          << "rank " << rank << ", exchange " << e << ", way " << way;
    }
    ASSERT_CUDA(cudaGraphExecDestroy(exec));
    ASSERT_CUDA(cudaGraphDestroy(graph));
    ASSERT_CUDA(cudaStreamDestroy(stream));
  });
}

TEST(GpuStream, ADeviceThatOneRankInsistsOnAndAnotherRefusesIsEveryRanksError) {
  const ThreadWorld world(2);
  run_threads(2, [&](int rank) {
    Config config;
    ASSERT_TRUE(read_settings({{"CAUSEWAY_DEVICE", rank == 0 ? "cuda" : "host"}}, &config).ok());
    std::unique_ptr<Communicator> communicator;
    const auto bootstrap = world.bootstrap(rank);
    const Status made = Communicator::create(*bootstrap, config, {}, &communicator);
    EXPECT_EQ(made.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(made.message().find("rank 0: CAUSEWAY_DEVICE is cuda"), std::string::npos)
        << made.message();
  });
}

TEST(GpuStream, MemoryThatTheGpuCannotAddressIsRefused) {
  run_gpu_ranks(1, {}, [](Communicator& communicator) {
    std::vector<std::byte> pageable(64);
    const std::vector<Extent> blocks{{0, 64}};
    const Status status = communicator.enqueue_alltoallv(
        {pageable.data(), blocks, pageable.data(), blocks, false}, nullptr);
    EXPECT_EQ(status.kind(), ErrorKind::kBuffer);
    EXPECT_NE(status.message().find("sendbuf on rank 0"), std::string::npos) << status.message();
  });
}

}  // namespace
}  // namespace causeway::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  int gpus = 0;
  const cudaError_t code = cudaGetDeviceCount(&gpus);
  if (code != cudaSuccess || gpus == 0) {
    std::printf("SKIPPED: no GPU on this machine (%s)\n", cudaGetErrorString(code));
    return 0;
  }
  return RUN_ALL_TESTS();
}
