// Messages that go one way, made by a kernel of a user's own, between collective exchanges.
#include "directions.cuh"
#include "blocks.hpp"
#include "gpu_ranks.hpp"
#include "random_exchange.hpp"
#include "seed.hpp"

namespace causeway::test {
namespace {

class GpuDirections : public testing::TestWithParam<Shape> {};

/// What the steps' messages hold, or what they are received in.
std::vector<std::byte> memory_of(const std::vector<Step>& steps, bool filled) {
  std::vector<std::byte> memory(steps.size() * kMostOfMessage, std::byte{0xee});
  for (std::size_t i = 0; filled && i < steps.size(); ++i) {
    for (std::uint64_t at = 0; at < steps[i].bytes; ++at) {
      memory[i * kMostOfMessage + at] = byte_of(i, at);
    }
  }
  return memory;
}

TEST_P(GpuDirections, AcknowledgeForThemselves) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  run_gpu_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    const int rank = communicator.rank();
    std::vector<Step> steps = random_steps(seed, shape.ranks, handle.lanes, 1);
    // What is asked for has room in the memory of its step.
    for (Step& step : steps) step.asked = std::min(step.asked, kMostOfMessage);
    const GpuBytes on_gpu(std::as_bytes(std::span(steps)));
    const GpuBytes out(memory_of(steps, true));
    const GpuBytes in(memory_of(steps, false));
    const std::vector<std::byte> zero(sizeof(std::uint32_t));
    const GpuBytes failures(zero);
    Random shared(seed);
    Random own(seed + 1 + handle.rank);
    for (std::size_t i = 0; i < steps.size();) {
      std::size_t end = i;
      while (end < steps.size() && steps[end].from != steps[end].to) ++end;
      const Messages messages{handle,
                              reinterpret_cast<const Step*>(on_gpu.bytes().data()),
                              static_cast<std::uint32_t>(i),
                              static_cast<std::uint32_t>(end),
                              out.bytes().data(),
                              in.bytes().data(),
                              reinterpret_cast<std::uint32_t*>(failures.bytes().data())};
      ASSERT_EQ(launch_messages(messages, i % 2 == 0, cudaStreamPerThread), cudaSuccess);
      CHECK_CUDA(cudaStreamSynchronize(cudaStreamPerThread));
      for (i = end; i < steps.size() && steps[i].from == steps[i].to; ++i) {
        exchange_once(communicator, own, random_counts(shared, shape.ranks, steps[i].bytes + 1), i);
        if (HasFatalFailure()) return;
      }
    }
    std::vector<std::byte> counted(zero.size());
    failures.download(counted);
    ASSERT_EQ(counted, zero) << communicator.error().message();
    std::vector<std::byte> received = memory_of(steps, false);
    std::vector<std::byte> wanted = received;
    const std::vector<std::byte> sent = memory_of(steps, true);
    in.download(received);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].from == steps[i].to || steps[i].to != rank) continue;
      const auto begin = static_cast<std::ptrdiff_t>(i * kMostOfMessage);
      std::copy_n(sent.begin() + begin, steps[i].bytes, wanted.begin() + begin);
    }
    ASSERT_TRUE(received == wanted) << "rank " << rank;
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, GpuDirections,
    testing::Values(
        Shape{"two_ranks", 2, {{"CAUSEWAY_RING_BYTES", "8192"}, {"CAUSEWAY_LANES", "4"}}, 0, 0},
        Shape{"three_ranks",
              3,
              {{"CAUSEWAY_RING_BYTES", "8192"},
               {"CAUSEWAY_LANES", "3"},
               {"CAUSEWAY_LL_BYTES", "2048"},
               {"CAUSEWAY_LL128_BYTES", "4096"}},
              0,
              0},
        Shape{
            "without_lines",
            2,
            {{"CAUSEWAY_RING_BYTES", "8192"}, {"CAUSEWAY_LANES", "3"}, {"CAUSEWAY_LL_BYTES", "0"}},
            0,
            0}),
    name_of);

}  // namespace
}  // namespace causeway::test
