// Messages that go one way, in any order and over any lanes, between collective exchanges.
#include "directions.hpp"
#include "blocks.hpp"
#include "random_exchange.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <causeway/device/host_device.hpp>
#include <causeway/device/receive.hpp>
#include <causeway/device/send.hpp>

#include <algorithm>
#include <thread>

namespace causeway::test {
namespace {

using device::HostDevice;
using device::ThreadGroup;

constexpr std::size_t kGuard = 64;

/// Runs group(0) .. group(groups - 1), side by side; they have met when it returns.
template <class Group>
void in_groups(std::uint32_t groups, const Group& group) {
  std::vector<std::thread> others;
  for (std::uint32_t i = 1; i < groups; ++i) others.emplace_back(group, i);
  group(0);
  for (std::thread& other : others) other.join();
}

bool send_message(const device::Communicator& handle, const Step& step, std::size_t number) {
  std::vector<std::byte> message(step.bytes);
  for (std::uint64_t at = 0; at < step.bytes; ++at) message[at] = byte_of(number, at);
  const std::uint64_t lane_bytes = (step.bytes + step.lanes - 1) / step.lanes;
  std::vector<char> sent(step.senders, 1);
  in_groups(step.senders, [&](std::uint32_t first) {
    // A group has its own first lane to see to, whether that carries anything or not.
    for (std::uint32_t lane = first; lane == first || lane < step.lanes; lane += step.senders) {
      const std::uint64_t begin = std::min(lane * lane_bytes, step.bytes);
      const std::uint64_t bytes = std::min(lane_bytes, step.bytes - begin);
      const device::SendChannel& channel =
          handle.send_channel(static_cast<std::uint32_t>(step.to), lane);
      device::Share share{step.bytes, begin, bytes, 700, step.lanes, 9, step.protocol};
      share.lane_step = step.senders;
      device::with_link<HostDevice>(channel.link, handle.control, [&](const auto& link) {
        if (!device::send(ThreadGroup{}, link, channel, share, handle.control,
                          device::CopyFrom<HostDevice>{message.data()})) {
          sent[first] = 0;
        }
      });
    }
  });
  return std::ranges::count(sent, 0) == 0;
}

bool receive_message(const device::Communicator& handle, const Step& step, std::size_t number) {
  std::vector<std::byte> message(step.asked + kGuard, std::byte{0xee});
  std::vector<char> received(step.receivers, 1);
  in_groups(step.receivers, [&](std::uint32_t first) {
    std::uint32_t lanes = handle.lanes;
    for (std::uint32_t lane = first; lane < lanes; lane += step.receivers) {
      const device::ReceiveChannel& channel =
          handle.receive_channel(static_cast<std::uint32_t>(step.from), lane);
      device::Request request{step.asked};
      request.lane_step = step.receivers;
      device::with_link<HostDevice>(channel.link, handle.control, [&](const auto& link) {
        const device::Received found =
            device::receive(ThreadGroup{}, link, channel, request, handle.control,
                            device::CopyTo<HostDevice>{message.data()});
        if (!found) received[first] = 0;
        lanes = found ? std::min(lanes, found.lanes) : 0;
      });
    }
  });
  bool right = std::ranges::count(received, 0) == 0;
  for (std::uint64_t at = 0; at < message.size(); ++at) {
    const std::byte wanted = at < step.bytes ? byte_of(number, at) : std::byte{0xee};
    right = right && message[at] == wanted;
  }
  return right;
}

/// A rank's part of steps [begin, end), none of them an exchange: what it sends, or receives.
bool make_messages(const device::Communicator& handle, const std::vector<Step>& steps,
                   std::size_t begin, std::size_t end, bool sends, bool receives) {
  const int rank = static_cast<int>(handle.rank);
  for (std::size_t i = begin; i < end; ++i) {
    if (sends && steps[i].from == rank && !send_message(handle, steps[i], i)) return false;
    if (receives && steps[i].to == rank && !receive_message(handle, steps[i], i)) return false;
  }
  return true;
}

class Directions : public testing::TestWithParam<Shape> {};

/// Each rank's steps in their order; or its sends and receives side by side, in their order each.
TEST_P(Directions, AcknowledgeForThemselves) {
  const Shape& shape = GetParam();
  const std::uint64_t seed = test_seed();
  for (const bool side_by_side : {false, true}) {
    run_ranks(shape.ranks, shape.settings, [&](Communicator& communicator) {
      const device::Communicator handle = communicator.device_handle();
      const auto steps =
          random_steps(seed + (side_by_side ? 1 : 0), shape.ranks, handle.lanes, handle.lanes);
      Random shared(seed);
      Random own(seed + 1 + handle.rank);
      for (std::size_t i = 0; i < steps.size();) {
        std::size_t end = i;
        while (end < steps.size() && steps[end].from != steps[end].to) ++end;
        bool sent = true;
        bool right = true;
        if (side_by_side) {
          std::thread sender([&] { sent = make_messages(handle, steps, i, end, true, false); });
          right = make_messages(handle, steps, i, end, false, true);
          sender.join();
        } else {
          right = make_messages(handle, steps, i, end, true, true);
        }
        ASSERT_TRUE(sent && right) << "rank " << handle.rank << ", steps " << i << " to " << end
                                   << ": " << communicator.error().message();
        for (i = end; i < steps.size() && steps[i].from == steps[i].to; ++i) {
          exchange_once(communicator, own, random_counts(shared, shape.ranks, steps[i].bytes + 1),
                        i);
          if (HasFatalFailure()) return;
        }
      }
    });
    if (HasFatalFailure()) return;
  }
}

/// The least that the two directions of a channel have to keep apart.
TEST(Directions, AFewOneWayAndThenMoreTheOtherWayThanThereAreSlots) {
  const Settings settings{{"CAUSEWAY_LL_BYTES", "1024"}};
  run_ranks(2, settings, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    const auto step = [](int from) {
      return Step{from, 1 - from, 64, 64, 1, 1, 1, device::Protocol::kLl};
    };
    std::vector<Step> steps(5, step(1));
    steps.insert(steps.end(), 4, step(0));
    ASSERT_TRUE(make_messages(handle, steps, 0, steps.size(), true, true))
        << communicator.error().message();
  });
}

/// All ranks send before they receive, so that nobody may wait for a receive to begin: that the
/// exchanges before are over has to be known, though in these nothing was heard the other way,
/// because nothing went there or because it was not asked for.
TEST(Directions, ARingSendsAloneAfterExchangesThatWereNotHeard) {
  static constexpr int kRanks = 3;
  for (const std::uint64_t unasked : {0U, 100U}) {
    SCOPED_TRACE(std::to_string(unasked) + " bytes unasked");
    run_ranks(kRanks, {{"CAUSEWAY_LL_BYTES", "1024"}}, [&](Communicator& communicator) {
      const device::Communicator handle = communicator.device_handle();
      const int rank = communicator.rank();
      const int next = (rank + 1) % kRanks;
      const int previous = (rank + kRanks - 1) % kRanks;
      const std::vector<std::byte> data(200);
      std::vector<std::byte> received(100);
      for (int e = 0; e < 3; ++e) {
        std::vector<Extent> send(kRanks, Extent{0, 0});
        std::vector<Extent> receive(kRanks, Extent{0, 0});
        send[static_cast<std::size_t>(next)].bytes = 100;
        send[static_cast<std::size_t>(previous)].bytes = unasked;
        receive[static_cast<std::size_t>(previous)].bytes = 100;
        const Status status =
            communicator.exchange({data.data(), send, received.data(), receive, false});
        ASSERT_TRUE(status.ok() || (unasked > 0 && status.kind() == ErrorKind::kTruncated))
            << status.message();
      }
      const auto step = [](int from) {
        return Step{from, (from + 1) % kRanks, 64, 64, 1, 1, 1, device::Protocol::kLl};
      };
      ASSERT_TRUE(send_message(handle, step(rank), 0)) << communicator.error().message();
      ASSERT_TRUE(receive_message(handle, step(previous), 0)) << communicator.error().message();
    });
  }
}

const Settings kLined{{"CAUSEWAY_RING_BYTES", "8192"},
                      {"CAUSEWAY_LL_BYTES", "2048"},
                      {"CAUSEWAY_LL128_BYTES", "4096"}};

Settings with(Settings settings, const char* name, const char* value) {
  settings.emplace_back(name, value);
  return settings;
}

INSTANTIATE_TEST_SUITE_P(
    Lanes, Directions,
    testing::Values(Shape{"one", 2, kLined, kMostOfMessage, 0},
                    Shape{"four", 2, with(kLined, "CAUSEWAY_LANES", "4"), kMostOfMessage, 0},
                    Shape{"three_ranks", 3, with(kLined, "CAUSEWAY_LANES", "3"), kMostOfMessage, 0},
                    Shape{"wrapping", 2,
                          with(with(kLined, "CAUSEWAY_LANES", "2"), "CAUSEWAY_START_COUNT",
                               "18446744073709551552"),
                          kMostOfMessage, 0},
                    Shape{"without_lines",
                          3,
                          {{"CAUSEWAY_RING_BYTES", "8192"},
                           {"CAUSEWAY_LL_BYTES", "0"},
                           {"CAUSEWAY_LANES", "3"}},
                          kMostOfMessage,
                          0}),
    name_of);

}  // namespace
}  // namespace causeway::test
