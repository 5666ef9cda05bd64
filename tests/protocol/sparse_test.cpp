// Exchanges in which ranks have some peers each, between exchanges of all with all.
#include "directions.hpp"
#include "random_exchange.hpp"
#include "schedules.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <launch.h>
#include <causeway/device/host_device.hpp>
#include <exchange.hpp>
#include <host_executor.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>

namespace causeway::test {
namespace {

using device::HostDevice;
using device::ThreadGroup;
using kernels::Visits;

/// bytes[from][to] of an exchange; none where no message goes.
using Graph = std::vector<std::vector<std::optional<std::uint64_t>>>;

Graph random_graph(Random& random, std::uint32_t ranks) {
  Graph graph(ranks, std::vector<std::optional<std::uint64_t>>(ranks));
  const std::uint64_t rarity = 1 + random() % 4;
  for (auto& row : graph) {
    for (auto& bytes : row) {
      if (random() % rarity == 0) bytes = log_uniform(random, 20000);
    }
  }
  return graph;
}

/// A rank's blocks of one role, one behind the other, and the messages that they are.
struct Side {
  std::vector<Extent> blocks;
  std::vector<std::uint32_t> peers;
  std::vector<std::byte> bytes;

  void add(std::uint32_t peer, std::uint64_t count) {
    blocks.push_back({static_cast<std::int64_t>(bytes.size()), count});
    peers.push_back(peer);
    bytes.resize(bytes.size() + count + 16, std::byte{0xee});
  }
};

/// Makes the exchange of a graph; true when all has come that was to, and nothing else changed.
bool exchange(const device::Communicator& comm, const ScheduleLimits& limits, const Graph& graph,
              std::size_t number) {
  const std::uint32_t ranks = comm.size;
  const std::uint32_t self = comm.rank;
  Side out;
  Side in;
  for (std::uint32_t hops = 1; hops < ranks; ++hops) {
    const std::uint32_t to = (self + hops) % ranks;
    const std::uint32_t from = (self + ranks - hops) % ranks;
    if (graph[self][to]) out.add(to, *graph[self][to]);
    if (graph[from][self]) in.add(from, *graph[from][self]);
  }
  const bool to_itself = graph[self][self].has_value();
  if (to_itself) {
    out.add(self, *graph[self][self]);
    in.add(self, *graph[self][self]);
  }
  for (std::size_t i = 0; i < out.blocks.size(); ++i) {
    write_expected(out.bytes.data() + out.blocks[i].offset, out.blocks[i].bytes, number, self,
                   out.peers[i]);
  }
  Messages messages;
  for (std::size_t i = 0; i + to_itself < out.blocks.size(); ++i) {
    messages.sends.push_back({out.peers[i], &out.blocks[i]});
  }
  for (std::size_t i = 0; i + to_itself < in.blocks.size(); ++i) {
    messages.receives.push_back({in.peers[i], &in.blocks[i]});
  }
  if (to_itself) {
    messages.to_self = &out.blocks.back();
    messages.from_self = &in.blocks.back();
  }
  Schedule schedule;
  make_schedule(limits, static_cast<int>(self), static_cast<int>(ranks), messages, &schedule);
  schedule.args.comm = comm;
  schedule.args.sendbuf = out.bytes.data();
  schedule.args.recvbuf = in.bytes.data();
  kernels::HostExecutor executor(2 * schedule.args.split.blocks - 1);
  kernels::launch_exchange_host(executor, schedule.args, schedule.lists());
  std::vector<std::byte> expected(in.bytes.size(), std::byte{0xee});
  for (std::size_t i = 0; i < in.blocks.size(); ++i) {
    write_expected(expected.data() + in.blocks[i].offset, in.blocks[i].bytes, number, in.peers[i],
                   self);
  }
  const device::FaultReports& reports = *comm.control.reports;
  return same_bytes(in.bytes, expected) && reports.fatal.fault == device::Fault::kNone &&
         reports.truncated.fault == device::Fault::kNone;
}

struct Shape {
  const char* name;
  int ranks;
  Settings settings;
};

void PrintTo(const Shape& shape, std::ostream* stream) { *stream << shape.name; }

class Sparse : public testing::TestWithParam<Shape> {};

TEST_P(Sparse, ExchangesMoveEveryByteBetweenThoseOfAll) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  run_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    Random shared(seed);
    Random own(seed + 1 + handle.rank);
    for (std::size_t number = 0; number < repeats(60U); ++number) {
      const Graph graph = random_graph(shared, handle.size);
      // Numbers of thread blocks and protocols are each rank's own affair; links are not.
      std::vector<device::LinkKind> links;
      for (std::uint32_t peer = 0; peer < handle.size; ++peer) {
        links.push_back(handle.send_channel(peer, 0).link.kind);
      }
      const device::ChannelShape& channel =
          handle.send_channel((handle.rank + 1) % handle.size, 0).shape;
      ScheduleLimits limits{handle.lanes, static_cast<std::uint32_t>(1 + own() % 6),
                            channel.eager_bytes};
      limits.ll_bytes = channel.ll_bytes;
      limits.links = links;
      ASSERT_TRUE(exchange(handle, limits, graph, number)) << "exchange " << number;
      if (shared() % 4 != 0) continue;
      const Counts counts(handle.size, std::vector<std::uint64_t>(handle.size, shared() % 5000));
      Buffer send(own, counts[0]);
      Buffer receive(own, counts[0]);
      send.fill(number, communicator.rank());
      const Status status = communicator.exchange(arguments_of(send, receive));
      ASSERT_TRUE(status.ok()) << status.message();
      ASSERT_EQ(receive.wrong_bytes(number, communicator.rank(), counts[0]), 0U);
    }
  });
}

/// The host device, which counts what it stores for the thread.
struct CountingDevice : HostDevice {
  inline static thread_local std::uint64_t stores = 0;

  static void store_release(std::uint64_t* word, std::uint64_t value) {
    ++stores;
    HostDevice::store_release(word, value);
  }
  static void store_near(std::uint64_t* word, std::uint64_t value) { store_release(word, value); }
  static void store_far(std::uint64_t* word, std::uint64_t value) {
    ++stores;
    HostDevice::store_far(word, value);
  }
  static void store_line(device::LlLine* line, std::uint64_t data, std::uint64_t flag) {
    ++stores;
    HostDevice::store_line(line, data, flag);
  }
};

/// Each rank exchanges with the three before and the three behind it.
TEST(Sparse, ExchangesCostWhatRanksHaveOfPeers) {
  if (std::getenv("CAUSEWAY_NODE_SIZE") != nullptr)
    GTEST_SKIP() << "counts stores in shared memory";
  constexpr int kExchanges = 20;
  constexpr std::uint64_t kBytes = 100;
  std::vector<std::uint64_t> stores;
  for (const int ranks : {8, 64, repeats(256)}) {
    std::atomic<std::uint64_t> all = 0;
    const Settings settings{
        {"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "1"}, {"CAUSEWAY_LL_BYTES", "128"}};
    run_ranks(ranks, settings, [&](Communicator& communicator) {
      const device::Communicator handle = communicator.device_handle();
      std::vector<std::byte> sent(6 * kBytes, std::byte{1});
      std::vector<std::byte> received(6 * kBytes);
      std::vector<Extent> blocks;
      Messages messages;
      for (std::int64_t i = 0; i < 6; ++i) blocks.push_back({i * 100, kBytes});
      const auto size = static_cast<std::uint32_t>(ranks);
      for (std::uint32_t i = 0; i < 6; ++i) {
        const std::uint32_t hops = i < 3 ? i + 1 : size + i - 6;
        messages.sends.push_back({(handle.rank + hops) % size, &blocks[i]});
        messages.receives.push_back({(handle.rank + size - hops) % size, &blocks[i]});
      }
      ScheduleLimits limits{1, 1, 256};
      limits.ll_bytes = 128;
      Schedule schedule;
      make_schedule(limits, static_cast<int>(handle.rank), ranks, messages, &schedule);
      schedule.args.comm = handle;
      schedule.args.sendbuf = sent.data();
      schedule.args.recvbuf = received.data();
      const kernels::Exchange<CountingDevice, kernels::WorkLists> operation{schedule.args,
                                                                            schedule.lists()};
      for (int e = 0; e < kExchanges; ++e) {
        // The roles in turns: whether lines are free is known before they are sent.
        Visits visits[2];
        const auto one_block = operation.as_one_block(visits);
        one_block.send(ThreadGroup{}, 0, kernels::OpenGate{});
        one_block.receive(ThreadGroup{}, 0, kernels::OpenGate{});
        EXPECT_EQ(received, sent);
        std::ranges::fill(received, std::byte{0});
      }
      all += CountingDevice::stores;
      CountingDevice::stores = 0;
    });
    stores.push_back(all / static_cast<std::uint64_t>(ranks) / kExchanges);
    EXPECT_EQ(all % (static_cast<std::uint64_t>(ranks) * kExchanges), 0U);
  }
  EXPECT_EQ(stores[0], stores[1]);
  EXPECT_EQ(stores[0], stores[2]);
  // Of each message a header of five words and thirteen of data, and that it was received.
  EXPECT_EQ(stores[0], 6U * (5 + 13 + 1));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Sparse,
    testing::Values(Shape{"two", 2, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "3"}}},
                    Shape{"five", 5, {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LANES", "2"}}},
                    Shape{"five_without_lines",
                          5,
                          {{"CAUSEWAY_RING_BYTES", "4096"},
                           {"CAUSEWAY_LL_BYTES", "0"},
                           {"CAUSEWAY_LANES", "2"}}},
                    Shape{"nine", 9, {{"CAUSEWAY_RING_BYTES", "4096"}}}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace causeway::test
