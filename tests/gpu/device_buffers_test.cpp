// Exchanges of GPU memory between ranks that are threads, one GPU each where there are enough.
#include "blocks.hpp"
#include "gpu_ranks.hpp"
#include "random_exchange.hpp"
#include "seed.hpp"
#include "streams.hpp"

#include <barrier>

namespace causeway::test {
namespace {

class GpuAlltoallv : public testing::TestWithParam<Shape> {};

/// Exchanges memory of either kind, whatever the other ranks use.
Status exchange_either_memory(Communicator& communicator, Buffer& send, Buffer& receive,
                              Random& own) {
  const bool send_on_gpu = own() % 4 != 0;
  const bool receive_on_gpu = own() % 4 != 0;
  const GpuBytes gpu_send(send.bytes);
  const GpuBytes gpu_receive(receive.bytes);
  const Status status = communicator.exchange(
      {send_on_gpu ? gpu_send.bytes().data() : send.bytes.data(), send.blocks,
       receive_on_gpu ? gpu_receive.bytes().data() : receive.bytes.data(), receive.blocks, false});
  if (receive_on_gpu) gpu_receive.download(receive.bytes);
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
        Shape{"more_ranks_than_arguments_hold",
              20,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "2"}},
              3000,
              30},
        Shape{"more_ranks_than_arguments_hold_on_few_blocks",
              18,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_MAX_CTAS", "3"}},
              3000,
              20},
        Shape{"lines_of_both_widths",
              3,
              {{"CAUSEWAY_LL128_BYTES", "1M"},
               {"CAUSEWAY_TUNE", "*:memory:*:protocol=ll128;*:memory:-20000:protocol=ll"}},
              1000000,
              50},
        Shape{"ll128_of_one_lane",
              2,
              {{"CAUSEWAY_LANES", "1"},
               {"CAUSEWAY_LL128_BYTES", "1M"},
               {"CAUSEWAY_TUNE", "*:memory:*:protocol=ll128"}},
              200000,
              50},
        Shape{"counts_pass_2_to_32",
              3,
              {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_START_COUNT", "4294965248"}},
              20000,
              50}),
    name_of);

TEST(GpuAlltoallv, OnTheHostDeviceMovesGpuMemoryToo) {
  const std::uint64_t seed = test_seed();
  const auto use = [](int rank) { use_gpu(rank); };
  run_ranks(
      3, {{"CAUSEWAY_DEVICE", "host"}},
      [&](Communicator& communicator) {
        exchange_at_random(communicator, seed, 50, 300000, exchange_either_memory);
        const GpuBytes bytes(std::vector<std::byte>(64));
        std::vector<Extent> to_itself(3, Extent{0, 0});
        to_itself[static_cast<std::size_t>(communicator.rank())].bytes = 64;
        const Status status = communicator.enqueue(
            {bytes.bytes().data(), to_itself, bytes.bytes().data(), to_itself, false}, nullptr);
        EXPECT_EQ(status.kind(), ErrorKind::kBuffer);
        EXPECT_NE(status.message().find("the host, cannot address"), std::string::npos)
            << status.message();
      },
      use);
}

/// Memory of which a region is part, and a region whose memory cannot be shared.
TEST(GpuAlltoallv, IntoRegisteredMemoryMovesEveryByte) {
  const std::uint64_t seed = test_seed();
  for (const auto kind : {GpuBytes::Kind::kShareable, GpuBytes::Kind::kOwn}) {
    run_gpu_ranks_with_bootstrap(4, {}, [&](Communicator& communicator, Bootstrap& bootstrap) {
      constexpr std::uint64_t kMost = 5000000;
      const GpuBytes memory(std::vector<std::byte>(4 * kMost + 1000), kind);
      std::byte* const base = memory.bytes().data() + 5 * communicator.rank();
      const Region* region = nullptr;
      Status status = communicator.register_buffer(bootstrap, base, 4 * kMost, {}, &region);
      ASSERT_TRUE(status.ok()) << status.message();
      const auto exchange = [&](Communicator& on, Buffer& send, Buffer& receive, Random& own) {
        if (own() % 4 == 0) return exchange_either_memory(on, send, receive, own);
        const GpuBytes gpu_send(send.bytes);
        std::byte* const there = base + own() % 30;
        const std::size_t bytes = receive.bytes.size();
        const auto copy = [&](void* to, const void* from) {
          CHECK_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, cudaStreamPerThread));
          CHECK_CUDA(cudaStreamSynchronize(cudaStreamPerThread));
        };
        copy(there, receive.bytes.data());
        const Status done =
            on.exchange({gpu_send.bytes().data(), send.blocks, there, receive.blocks, false});
        copy(receive.bytes.data(), there);
        return done;
      };
      exchange_at_random(communicator, seed, 30, kMost - 100, exchange);
      status = communicator.deregister_buffer(bootstrap, region);
      EXPECT_TRUE(status.ok()) << status.message();
    });
  }
}

/// Blocks of GPU memory that ranks send each other, and an exchange of them.
struct GpuBlocks {
  GpuBlocks(Random& shared, Random& own, int ranks, int rank, std::uint64_t most)
      : counts(random_counts(shared, ranks, most)),
        arriving(column(counts, rank)),
        send(own, counts[static_cast<std::size_t>(rank)]),
        receive(own, arriving),
        gpu_send(send.bytes),
        gpu_receive(receive.bytes, GpuBytes::Kind::kShareable) {}

  Buffers buffers() const {
    return {gpu_send.bytes().data(), send.blocks, gpu_receive.bytes().data(), receive.blocks,
            false};
  }
  void fill(std::uint64_t number, int rank) {
    send.fill(number, rank);
    gpu_send.upload(send.bytes);
    gpu_receive.fill(Buffer::kGuard);
  }
  std::uint64_t wrong_bytes(std::uint64_t number, int rank) {
    gpu_receive.download(receive.bytes);
    return receive.wrong_bytes(number, rank, arriving);
  }

  const Counts counts;
  const std::vector<std::uint64_t> arriving;
  Buffer send;
  Buffer receive;
  GpuBytes gpu_send;
  GpuBytes gpu_receive;
};

/// Replays graphs of a call and of a plan's start, between eager ones and calls with other blocks,
/// ranks delayed.
void replay_between_eager_calls(int ranks, const Settings& settings, std::uint64_t most,
                                int all_replays) {
  const std::uint64_t seed = test_seed();
  const auto body = [&](Communicator& communicator, Bootstrap& bootstrap) {
    const int rank = communicator.rank();
    Random shared(seed);
    Random own(seed + 1 + static_cast<std::uint64_t>(rank));
    GpuBlocks blocks(shared, own, ranks, rank, most);
    GpuBlocks others(shared, own, ranks, rank, most);
    const Stream stream;
    const Buffers buffers = blocks.buffers();
    Status captured;
    const Graph graph(stream, [&] { captured = communicator.enqueue(buffers, stream); });
    ASSERT_TRUE(captured.ok()) << captured.message();
    const PlannedExchange* plan = nullptr;
    const Status planned = communicator.plan(bootstrap, buffers, {}, &plan);
    ASSERT_TRUE(planned.ok()) << planned.message();
    const Graph planned_graph(stream, [&] { captured = communicator.start(*plan, stream); });
    ASSERT_TRUE(captured.ok()) << captured.message();
    int replays = 0;
    for (std::uint64_t e = 0; replays < all_replays; ++e) {
      const std::uint64_t way = shared() % 8;
      GpuBlocks& moved = way == 0 ? others : blocks;
      moved.fill(e, rank);
      if (own() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(own() % 1000));
      if (way > 2) {
        (way % 2 == 0 ? graph : planned_graph).launch(stream);
        ++replays;
      } else {
        const Status status = way == 2   ? communicator.start(*plan, stream)
                              : way == 1 ? communicator.enqueue(buffers, stream)
                                         : communicator.exchange(others.buffers());
        ASSERT_TRUE(status.ok()) << status.message();
      }
      stream.synchronize();
      ASSERT_EQ(moved.wrong_bytes(e, rank), 0U)
          << "rank " << rank << ", exchange " << e << ", way " << way;
    }
    const Status after = communicator.free_planned(bootstrap, plan);
    EXPECT_TRUE(after.ok()) << after.message();
  };
  run_gpu_ranks_with_bootstrap(ranks, settings, body);
}

TEST(GpuStream, AGraphReplayed1000TimesWithEagerCallsBetweenAndRanksDelayed) {
  replay_between_eager_calls(std::max(2, gpus()), {}, 2000000, 1000);
}

TEST(GpuStream, GraphsAndPlansOfMoreRanksThanArgumentsHoldKeepTheirLists) {
  replay_between_eager_calls(18, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "2"}}, 3000,
                             100);
}

TEST(GpuStream, ExchangesThatOverlapInAGraphAreReported) {
  std::barrier all_captured(2);
  run_gpu_ranks(2, {{"CAUSEWAY_MAX_CTAS", "2"}}, [&](Communicator& communicator) {
    constexpr std::uint64_t kBytes = 50000000;
    const std::vector<Extent> blocks{{0, kBytes}, {kBytes, kBytes}};
    const GpuBytes from(std::vector<std::byte>(2 * kBytes));
    const GpuBytes to(std::vector<std::byte>(2 * kBytes));
    const Buffers buffers{from.bytes().data(), blocks, to.bytes().data(), blocks, false};
    const Stream one;
    const Stream other;
    Status captured;
    {
      const Graph graph(one, [&] {
        other.wait_for(one);
        captured = communicator.enqueue(buffers, one);
        if (captured.ok()) captured = communicator.enqueue(buffers, other);
        one.wait_for(other);
      });
      EXPECT_TRUE(captured.ok()) << captured.message();
      all_captured.arrive_and_wait();
      graph.launch(one);
      one.synchronize();
    }
    for (const Status& status : {communicator.error(), communicator.exchange(buffers)}) {
      EXPECT_EQ(status.kind(), ErrorKind::kFailed);
      EXPECT_NE(status.message().find("two exchanges"), std::string::npos) << status.message();
    }
  });
}

TEST(GpuStream, LaunchesOfManyCommunicatorsFitOnTheGpuTogether) {
  if (gpus() < 2) GTEST_SKIP() << "needs two GPUs: ranks on one GPU divide it between them";
  constexpr int kCommunicators = 6;
  std::vector<ThreadWorld> worlds;
  for (int c = 0; c < kCommunicators; ++c) worlds.emplace_back(2);
  run_threads(2, [&](int rank) {
    use_gpu(rank);
    Config config;
    // With this many lanes, three launches want more than all multiprocessors: without a budget,
    // each rank's GPU would be full of launches that the other one's has no room for.
    ASSERT_TRUE(
        read_settings(
            {{"CAUSEWAY_DEVICE", "cuda"}, {"CAUSEWAY_LANES", "64"}, {"CAUSEWAY_TIMEOUT", "20"}},
            &config)
            .ok());
    std::unique_ptr<Communicator> communicators[kCommunicators];
    for (int c = 0; c < kCommunicators; ++c) {
      const auto bootstrap = worlds[static_cast<std::size_t>(c)].bootstrap(rank);
      const Status made = Communicator::create(*bootstrap, config, {}, &communicators[c]);
      ASSERT_TRUE(made.ok()) << made.message();
    }
    constexpr std::uint64_t kBytes = 3000000;
    const std::vector<Extent> blocks{{0, kBytes}, {kBytes, kBytes}};
    const GpuBytes from(std::vector<std::byte>(2 * kBytes));
    const GpuBytes to(std::vector<std::byte>(2 * kBytes));
    const Stream streams[kCommunicators];
    for (int round = 0; round < 20; ++round) {
      for (int c = 0; c < kCommunicators; ++c) {
        // Each rank's GPU would come to another communicator's exchange first.
        if (c % 2 == rank) {
          streams[c].enqueue(
              [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
        }
        const Status enqueued = communicators[c]->enqueue(
            {from.bytes().data(), blocks, to.bytes().data(), blocks, false}, streams[c]);
        ASSERT_TRUE(enqueued.ok()) << enqueued.message();
      }
    }
    for (int c = 0; c < kCommunicators; ++c) {
      streams[c].synchronize();
      const Status status = communicators[c]->error();
      EXPECT_TRUE(status.ok()) << status.message();
    }
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

TEST(GpuStream, AnErrorThatTheApplicationLeftBehindIsNotTaken) {
  run_gpu_ranks(2, {}, [](Communicator& communicator) {
    void* memory = nullptr;
    EXPECT_NE(cudaSuccess, cudaMalloc(&memory, std::size_t{1} << 60));
    const GpuBytes from(std::vector<std::byte>(200));
    const GpuBytes to(std::vector<std::byte>(200));
    const std::vector<Extent> blocks{{0, 100}, {100, 100}};
    const Status status =
        communicator.exchange({from.bytes().data(), blocks, to.bytes().data(), blocks, false});
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(cudaErrorMemoryAllocation, cudaGetLastError());
  });
}

TEST(GpuStream, MemoryThatTheGpuCannotAddressIsRefused) {
  run_gpu_ranks(1, {}, [](Communicator& communicator) {
    std::vector<std::byte> pageable(64);
    const std::vector<Extent> blocks{{0, 64}};
    const Status status =
        communicator.enqueue({pageable.data(), blocks, pageable.data(), blocks, false}, nullptr);
    EXPECT_EQ(status.kind(), ErrorKind::kBuffer);
    EXPECT_NE(status.message().find("sendbuf on rank 0"), std::string::npos) << status.message();
  });
}

}  // namespace
}  // namespace causeway::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return causeway::test::has_gpu() ? RUN_ALL_TESTS() : 0;
}
