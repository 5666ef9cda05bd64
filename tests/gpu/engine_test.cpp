// Planned exchanges by copy engines, between ranks that are threads.
#include "blocks.hpp"
#include "gpu_ranks.hpp"
#include "seed.hpp"
#include "streams.hpp"

#include <chrono>
#include <memory>

namespace causeway::test {
namespace {

/// A planned exchange of random blocks, in memory of this rank's GPU. Collective; ranks that share
/// `shared` draw the same blocks.
class PlannedBlocks {
 public:
  PlannedBlocks(Communicator& communicator, Bootstrap& bootstrap, const Counts& counts, Random& own,
                GpuBytes::Kind kind)
      : rank_(communicator.rank()),
        counts_(counts),
        send_(own, counts_[static_cast<std::size_t>(rank_)]),
        receive_(own, column(counts_, rank_)),
        gpu_send_(send_.bytes),
        gpu_receive_(receive_.bytes, kind) {
    const Status status = communicator.plan(bootstrap, buffers(), {}, &plan_);
    EXPECT_TRUE(status.ok()) << status.message();
  }

  const PlannedExchange& plan() const { return *plan_; }
  Buffers buffers() const {
    return {gpu_send_.bytes().data(), send_.blocks, gpu_receive_.bytes().data(), receive_.blocks,
            false};
  }

  /// Copies of a start by copy engines; none where they have nothing to do for any rank.
  std::size_t copies() const {
    std::size_t to_peers = 0;
    std::size_t copies = 0;
    for (std::size_t from = 0; from < counts_.size(); ++from) {
      for (std::size_t to = 0; to < counts_.size(); ++to) {
        const bool any = counts_[from][to] > 0;
        to_peers += any && from != to ? 1 : 0;
        copies += any && from == static_cast<std::size_t>(rank_) ? 1 : 0;
      }
    }
    return to_peers == 0 ? 0 : copies;
  }

  void refill(std::uint64_t exchange) {
    send_.fill(exchange, rank_);
    gpu_send_.upload(send_.bytes);
    gpu_receive_.fill(Buffer::kGuard);
  }
  std::uint64_t wrong_bytes(std::uint64_t exchange) {
    gpu_receive_.download(receive_.bytes);
    return receive_.wrong_bytes(exchange, rank_, column(counts_, rank_));
  }

 private:
  const int rank_;
  const Counts counts_;
  Buffer send_;
  Buffer receive_;
  GpuBytes gpu_send_;
  GpuBytes gpu_receive_;
  const PlannedExchange* plan_ = nullptr;
};

/// A graph holds two starts of each plan.
TEST(GpuEngine, PlansMoveEveryByteInEveryStart) {
  const std::uint64_t seed = test_seed();
  const Settings settings{{"CAUSEWAY_TUNE", "*:memory:*:protocol=engine"}};
  for (const int ranks : {2, 3, 4}) {
    run_gpu_ranks_with_bootstrap(
        ranks, settings, [&](Communicator& communicator, Bootstrap& bootstrap) {
          Random shared(seed);
          Random own(seed + 1 + static_cast<std::uint64_t>(communicator.rank()));
          const Stream stream;
          const Stream other;
          std::vector<std::unique_ptr<PlannedBlocks>> plans;
          std::vector<std::unique_ptr<Graph>> graphs;
          for (const std::uint64_t most : {100, 100000, 3000000, 30000000}) {
            plans.push_back(std::make_unique<PlannedBlocks>(communicator, bootstrap,
                                                            random_counts(shared, ranks, most), own,
                                                            GpuBytes::Kind::kShareable));
            Status captured;
            graphs.push_back(std::make_unique<Graph>(stream, [&] {
              captured = communicator.start(plans.back()->plan(), stream);
              if (captured.ok()) captured = communicator.start(plans.back()->plan(), stream);
            }));
            ASSERT_TRUE(captured.ok()) << captured.message();
            EXPECT_EQ(graphs.back()->copies(), 2 * plans.back()->copies());
          }
          // Ranks on one GPU would queue behind each other on its legacy stream.
          cudaStream_t const legacy = gpus() >= ranks ? nullptr : cudaStream_t(stream);
          for (std::uint64_t e = 0; e < 200; ++e) {
            const std::size_t i = shared() % plans.size();
            PlannedBlocks& planned = *plans[i];
            planned.refill(e);
            if (own() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(own() % 500));
            const std::uint64_t way = shared() % 6;
            Status status;
            if (way < 2) {
              graphs[i]->launch(stream);
            } else if (way == 2) {
              status = communicator.enqueue(planned.buffers(), stream);
            } else {
              cudaStream_t const streams[] = {stream, other, legacy};
              status = communicator.start(planned.plan(), streams[way - 3]);
              CHECK_CUDA(cudaStreamSynchronize(streams[way - 3]));
            }
            ASSERT_TRUE(status.ok()) << status.message();
            stream.synchronize();
            ASSERT_EQ(planned.wrong_bytes(e), 0U) << "rank " << communicator.rank() << " of "
                                                  << ranks << ", start " << e << ", way " << way;
          }
          graphs.clear();
          for (const auto& planned : plans) {
            const Status status = communicator.free_planned(bootstrap, &planned->plan());
            EXPECT_TRUE(status.ok()) << status.message();
          }
        });
  }
}

/// Of starts that follow each other on the stream each takes what was there before it.
TEST(GpuEngine, StartsFollowEachOtherWithoutWaitingForTheHost) {
  const std::uint64_t seed = test_seed();
  if (gpus() < 2) GTEST_SKIP() << "needs two GPUs: ranks on one GPU queue behind each other";
  const Settings settings{{"CAUSEWAY_TUNE", "*:memory:*:protocol=engine"}};
  run_gpu_ranks_with_bootstrap(2, settings, [&](Communicator& communicator, Bootstrap& bootstrap) {
    constexpr std::size_t kBytes = 5000000;
    constexpr int kStarts = 50;
    const int rank = communicator.rank();
    Random own(seed + static_cast<std::uint64_t>(rank));
    const GpuBytes from(std::vector<std::byte>(2 * kBytes));
    const GpuBytes to(std::vector<std::byte>(2 * kBytes), GpuBytes::Kind::kShareable);
    const GpuBytes kept{std::vector<std::byte>(kStarts)};
    const std::vector<Extent> blocks{{0, kBytes}, {kBytes, kBytes}};
    const Buffers buffers{from.bytes().data(), blocks, to.bytes().data(), blocks, false};
    const PlannedExchange* plan = nullptr;
    ASSERT_TRUE(communicator.plan(bootstrap, buffers, {}, &plan).ok());
    const Stream stream;
    for (int s = 0; s < kStarts; ++s) {
      if (own() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(own() % 1000));
      CHECK_CUDA(cudaMemsetAsync(from.bytes().data(), s, 2 * kBytes, stream));
      const Status started = communicator.start(*plan, stream);
      ASSERT_TRUE(started.ok()) << started.message();
      // The last byte of what the peer sent, until the next start overwrites it.
      const std::size_t last = (rank == 0 ? 2 : 1) * kBytes - 1;
      CHECK_CUDA(cudaMemcpyAsync(kept.bytes().data() + s, to.bytes().data() + last, 1,
                                 cudaMemcpyDefault, stream));
    }
    stream.synchronize();
    std::vector<std::byte> seen(kStarts);
    kept.download(seen);
    for (int s = 0; s < kStarts; ++s) {
      EXPECT_EQ(std::to_integer<int>(seen[static_cast<std::size_t>(s)]), s) << "rank " << rank;
    }
    const Status freed = communicator.free_planned(bootstrap, plan);
    EXPECT_TRUE(freed.ok()) << freed.message();
  });
}

/// Where one rank does not want copy engines, or cannot be reached by them, nobody uses them.
TEST(GpuEngine, IsEveryRanksOrNobodys) {
  const std::uint64_t seed = test_seed();
  for (const bool reached : {true, false}) {
    if (!reached && gpus() < 2) continue;  // on one GPU all memory is
    const ThreadWorld world(2);
    run_threads(2, [&](int rank) {
      use_gpu(rank);
      Settings settings{{"CAUSEWAY_DEVICE", "cuda"}};
      if (rank == 0 || !reached) {
        settings.push_back({"CAUSEWAY_TUNE", "*:memory:*:protocol=engine"});
      }
      Config config;
      ASSERT_TRUE(read_settings(settings, &config).ok());
      std::unique_ptr<Communicator> communicator;
      const auto bootstrap = world.bootstrap(rank);
      const Status made = Communicator::create(*bootstrap, config, {}, &communicator);
      ASSERT_TRUE(made.ok()) << made.message();
      Random own(seed + 1 + static_cast<std::uint64_t>(rank));
      PlannedBlocks planned(
          *communicator, *bootstrap, {{1000, 2000000}, {300, 0}}, own,
          reached || rank == 0 ? GpuBytes::Kind::kShareable : GpuBytes::Kind::kOwn);
      const Stream stream;
      Status captured;
      const Graph graph(stream, [&] { captured = communicator->start(planned.plan(), stream); });
      ASSERT_TRUE(captured.ok()) << captured.message();
      EXPECT_EQ(graph.copies(), 0U);
      planned.refill(1);
      graph.launch(stream);
      stream.synchronize();
      EXPECT_EQ(planned.wrong_bytes(1), 0U);
      const Status freed = communicator->free_planned(*bootstrap, &planned.plan());
      EXPECT_TRUE(freed.ok()) << freed.message();
    });
  }
}

}  // namespace
}  // namespace causeway::test
