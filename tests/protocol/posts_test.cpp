// What a receiver says of how much it takes, and senders that read it late or never need it.
#include "blocks.hpp"
#include "directions.hpp"
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <causeway/device/host_device.hpp>
#include <causeway/device/receive.hpp>
#include <causeway/device/send.hpp>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace causeway::test {
namespace {

using device::HostDevice;
using device::Protocol;
using device::Share;
using device::ThreadGroup;

std::vector<std::byte> message_of(std::uint64_t number, std::uint64_t bytes) {
  std::vector<std::byte> message(bytes);
  for (std::uint64_t at = 0; at < bytes; ++at) message[at] = byte_of(number, at);
  return message;
}

/// Sends shares of `message` to rank 1, one on each lane.
template <class Device>
bool send_shares(const device::Communicator& handle, const std::vector<std::byte>& message,
                 const std::vector<Share>& shares) {
  for (std::uint32_t lane = 0; lane < shares.size(); ++lane) {
    const device::SendChannel& channel = handle.send_channel(1, lane);
    bool sent = false;
    device::with_link<Device>(channel.link, handle.control, [&](const auto& link) {
      sent = device::send(ThreadGroup{}, link, channel, shares[lane], handle.control,
                          device::CopyFrom<Device>{message.data()});
    });
    if (!sent) return false;
  }
  return true;
}

/// Asks rank 0 for `asked` bytes; true when message `number`, of `bytes` bytes, has come as far as
/// that, and nothing behind it was touched.
bool receive_shares(const device::Communicator& handle, std::uint64_t number, std::uint64_t bytes,
                    const device::Request& request) {
  constexpr std::byte kUntouched{0xee};
  std::vector<std::byte> message(std::max(bytes, request.bytes) + 64, kUntouched);
  std::uint32_t lanes = handle.lanes;
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    const device::ReceiveChannel& channel = handle.receive_channel(0, lane);
    device::Received received{};
    device::with_link<HostDevice>(channel.link, handle.control, [&](const auto& link) {
      received = device::receive(ThreadGroup{}, link, channel, request, handle.control,
                                 device::CopyTo<HostDevice>{message.data()});
    });
    if (!received) return false;
    lanes = std::min(lanes, received.lanes);
  }
  for (std::uint64_t at = 0; at < message.size(); ++at) {
    const bool arrived = at < std::min(bytes, request.bytes);
    if (message[at] != (arrived ? byte_of(number, at) : kUntouched)) return false;
  }
  return true;
}

/// Forgets what launches would report of counts that disagree.
void clear_reports(const device::Communicator& handle) {
  handle.control.reports->truncated = {};
  handle.control.claims->truncated = 0;
}

/// The host device, which is slow to read the words of a post: should the receiver make its next
/// post meanwhile, it reads of that one.
struct SlowReader : HostDevice {
  inline static thread_local const std::uint64_t* posted = nullptr;

  static std::uint64_t load_far(const std::uint64_t* word) {
    const std::uint64_t before = load_acquire(posted);
    for (int i = 0; i < 30 && load_acquire(posted) == before; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return HostDevice::load_far(word);
  }
};

class Posts : public testing::TestWithParam<const char*> {
 protected:
  /// Two lanes, and rings with an eager limit of 1024 bytes.
  Settings settings() const {
    return {{"CAUSEWAY_RING_BYTES", "4096"},
            {"CAUSEWAY_LANES", "2"},
            {"CAUSEWAY_LL_BYTES", GetParam()},
            {"CAUSEWAY_TIMEOUT", "20"}};
  }
};

TEST_P(Posts, StayUntilTheSenderHasReadThem) {
  constexpr std::uint64_t kBytes = 10000;
  const std::vector<Share> shares = {{kBytes, 0, kBytes / 2, 500, 2, 9},
                                     {kBytes, kBytes / 2, kBytes / 2, 500, 2, 9}};
  for (const std::uint64_t asked : {100U, 2000U, 5500U, 7000U}) {
    SCOPED_TRACE("asked for " + std::to_string(asked));
    run_ranks(2, settings(), [&](Communicator& communicator) {
      const device::Communicator handle = communicator.device_handle();
      // What the first exchange leaves to be sent of either share is less than the second's.
      for (const std::uint64_t e : {0U, 1U}) {
        if (handle.rank == 0) {
          SlowReader::posted = &handle.send_channel(1, 1).posts->posted;
          EXPECT_TRUE(send_shares<SlowReader>(handle, message_of(e, kBytes), shares));
        } else {
          EXPECT_TRUE(receive_shares(handle, e, kBytes, {e == 0 ? asked : kBytes}));
        }
      }
      clear_reports(handle);
    });
  }
}

/// Nobody takes these out of the ring, so that one of them finds room for its first pieces alone.
TEST_P(Posts, AreNotNeededForRecordsInPieces) {
  const std::uint64_t seed = test_seed();
  for (const std::uint64_t piece : {16U, 100U, 1000U}) {
    SCOPED_TRACE("pieces of " + std::to_string(piece));
    std::barrier sender_is_through(2);
    run_ranks(2, settings(), [&](Communicator& communicator) {
      const device::Communicator handle = communicator.device_handle();
      Random random(seed);
      const auto exchange = [&](std::uint64_t number, bool asks) {
        const std::uint64_t bytes = 1 + random() % 1024;
        if (handle.rank == 1) return receive_shares(handle, number, bytes, {asks ? bytes : 0});
        return send_shares<HostDevice>(handle, message_of(number, bytes),
                                       {{bytes, 0, bytes, piece, 1, 9}});
      };
      bool all = true;
      for (std::uint64_t e = 0; e < 50; ++e) all = exchange(e, false) && all;
      sender_is_through.arrive_and_wait();
      EXPECT_TRUE(all && exchange(50, true));
      clear_reports(handle);
    });
  }
}

class GivenUp : public testing::TestWithParam<Protocol> {};

/// Nobody receives, so that the third message finds no slot.
TEST_P(GivenUp, SendsSaySoAndLeaveTheChannelAsItWas) {
  if (std::getenv("CAUSEWAY_NODE_SIZE") != nullptr) GTEST_SKIP() << "network links have no slots";
  std::barrier sender_is_through(2);
  const Settings settings{
      {"CAUSEWAY_LL_BYTES", "1024"}, {"CAUSEWAY_LL128_BYTES", "1024"}, {"CAUSEWAY_TIMEOUT", "1"}};
  run_ranks(2, settings, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    if (handle.rank == 0) {
      const std::vector<Share> shares = {{64, 0, 64, 100, 1, 9, GetParam()}};
      const device::ChannelState& state = *handle.send_channel(1, 0).home;
      EXPECT_TRUE(send_shares<HostDevice>(handle, message_of(0, 64), shares));
      EXPECT_TRUE(send_shares<HostDevice>(handle, message_of(1, 64), shares));
      const device::ChannelState before = state;
      EXPECT_FALSE(send_shares<HostDevice>(handle, message_of(2, 64), shares));
      EXPECT_EQ(state.sequence, before.sequence);
      EXPECT_EQ(state.position, before.position);
      EXPECT_EQ(handle.control.reports->fatal.fault, device::Fault::kTimedOut);
    }
    sender_is_through.arrive_and_wait();
  });
}

INSTANTIATE_TEST_SUITE_P(Protocols, GivenUp,
                         testing::Values(Protocol::kLl, Protocol::kLl128, Protocol::kStaged));

INSTANTIATE_TEST_SUITE_P(Lines, Posts, testing::Values("0", "512"),
                         [](const auto& row) { return "ll_bytes_" + std::string(row.param); });

}  // namespace
}  // namespace causeway::test
