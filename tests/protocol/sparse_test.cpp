// Exchanges in which ranks have some peers each, between exchanges of all with all.
#include "directions.hpp"
#include "random_exchange.hpp"
#include "schedules.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <launch.h>
#include <host_executor.hpp>

#include <algorithm>
#include <optional>

namespace causeway::test {
namespace {

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
  const auto stamp = [&](std::uint32_t from, std::uint32_t to) {
    return (number * ranks + from) * ranks + to;
  };
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
    std::byte* const block = out.bytes.data() + out.blocks[i].offset;
    for (std::uint64_t at = 0; at < out.blocks[i].bytes; ++at) {
      block[at] = byte_of(stamp(self, out.peers[i]), at);
    }
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
    std::byte* const block = expected.data() + in.blocks[i].offset;
    for (std::uint64_t at = 0; at < in.blocks[i].bytes; ++at) {
      block[at] = byte_of(stamp(in.peers[i], self), at);
    }
  }
  const device::FaultReports& reports = *comm.control.reports;
  return in.bytes == expected && reports.fatal.fault == device::Fault::kNone &&
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
    for (std::size_t number = 0; number < 150; ++number) {
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
      const Status status = communicator.alltoallv(arguments_of(send, receive));
      ASSERT_TRUE(status.ok()) << status.message();
      ASSERT_EQ(receive.wrong_bytes(number, communicator.rank(), counts[0]), 0U);
    }
  });
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
