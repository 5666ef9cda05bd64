// Exchanges written with the device building blocks: hooks of a user's own, between thread ranks.
#include "seed.hpp"
#include "thread_ranks.hpp"

#include <causeway/device/host_device.hpp>
#include <causeway/device/receive.hpp>
#include <causeway/device/self.hpp>
#include <causeway/device/send.hpp>

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <thread>

namespace causeway::test {
namespace {

using device::Context;
using device::HostDevice;
using device::ThreadGroup;

constexpr std::uint32_t kElement = 24;

/// Gathers every third element of an array, and counts calls that are not whole elements.
struct GatherEveryThird {
  const std::byte* array;
  int* split;

  std::uint32_t granularity() const { return kElement; }
  void produce(const Context<ThreadGroup>& ctx, std::byte* dst) const {
    *split += ctx.offset % kElement != 0 || ctx.bytes % kElement != 0;
    for (std::uint64_t i = 0; i < ctx.bytes / kElement; ++i) {
      std::memcpy(dst + i * kElement, array + (ctx.offset / kElement + i) * 3 * kElement, kElement);
    }
  }
};

/// Adds incoming bytes to those that lie there, and counts calls that are not whole elements.
struct Accumulate {
  std::byte* sum;
  int* split;

  void consume(const Context<ThreadGroup>& ctx, const std::byte* src) const {
    *split += ctx.offset % kElement != 0 || ctx.bytes % kElement != 0;
    for (std::uint64_t i = 0; i < ctx.bytes; ++i) {
      std::byte& place = sum[ctx.offset + i];
      place = static_cast<std::byte>(std::to_integer<int>(place) + std::to_integer<int>(src[i]));
    }
  }
};

/// What Accumulate makes of `base` and every third element of `array`.
std::vector<std::byte> expected_sum(const std::vector<std::byte>& base,
                                    const std::vector<std::byte>& array, std::uint64_t elements) {
  std::vector<std::byte> sum = base;
  for (std::uint64_t e = 0; e < elements; ++e) {
    for (std::uint64_t i = 0; i < kElement; ++i) {
      std::byte& place = sum[e * kElement + i];
      place = static_cast<std::byte>(std::to_integer<int>(place) +
                                     std::to_integer<int>(array[e * 3 * kElement + i]));
    }
  }
  return sum;
}

std::vector<std::byte> random_array(std::uint64_t seed, std::uint64_t bytes) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> array(bytes);
  for (std::byte& b : array) b = static_cast<std::byte>(random());
  return array;
}

TEST(Hooks, GatherOnOneSideAndAccumulateOnTheOther) {
  const std::uint64_t seed = test_seed();
  const Settings settings{{"CAUSEWAY_RING_BYTES", "4096"},
                          {"CAUSEWAY_LL_BYTES", "8K"},
                          {"CAUSEWAY_LL128_BYTES", "12K"}};
  run_ranks(2, settings, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    std::mt19937_64 sizes(seed);
    for (std::uint64_t e = 0; e < 200; ++e) {
      const std::uint64_t elements = 1 + sizes() % 900;
      const std::uint64_t bytes = elements * kElement;
      const auto array = random_array(seed + e, 3 * bytes);
      int split = 0;
      bool done = false;
      if (handle.rank == 0) {
        const device::SendChannel& channel = handle.send_channel(1, 0);
        device::with_link<HostDevice>(channel.link, handle.control, [&](const auto& link) {
          device::Share share{bytes, 0, bytes, 100 + e * 50, 1, 9};
          if (bytes <= channel.shape.ll_bytes && e % 3 == 1) {
            share.protocol = device::Protocol::kLl;
          } else if (bytes <= channel.shape.ll128_bytes && e % 3 == 2) {
            share.protocol = device::Protocol::kLl128;
          }
          done = device::send(ThreadGroup{}, link, channel, share, handle.control,
                              GatherEveryThird{array.data(), &split});
        });
      } else {
        const auto base = random_array(seed + 5000 + e, bytes);
        auto sum = base;
        const device::ReceiveChannel& channel = handle.receive_channel(0, 0);
        device::with_link<HostDevice>(channel.link, handle.control, [&](const auto& link) {
          done = device::receive(ThreadGroup{}, link, channel, {bytes}, handle.control,
                                 Accumulate{sum.data(), &split})
                     .ok;
        });
        ASSERT_TRUE(sum == expected_sum(base, array, elements)) << "exchange " << e;
      }
      ASSERT_TRUE(done);
      ASSERT_EQ(split, 0);
    }
  });
}

/// Three threads that meet at a barrier, and read a channel's tables where they are.
struct FarGroup {
  static constexpr bool kInWarps = false;
  static constexpr std::uint32_t kThreads = 3;

  struct Shared {
    Shared() { pthread_barrier_init(&barrier, nullptr, kThreads); }
    ~Shared() { pthread_barrier_destroy(&barrier); }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

    pthread_barrier_t barrier;
    device::Words slot{};
    std::array<bool, kThreads> votes{};
  };

  Shared* shared;
  std::uint32_t number;

  std::uint32_t rank() const { return number; }
  std::uint32_t size() const { return kThreads; }
  void sync() const { pthread_barrier_wait(&shared->barrier); }
  device::Words broadcast(const device::Words& words) const {
    if (number == 0) shared->slot = words;
    sync();
    const device::Words result = shared->slot;
    sync();
    return result;
  }
  std::uint64_t broadcast(std::uint64_t value) const {
    return broadcast(device::Words{{value, 0}}).word[0];
  }
  bool all(bool mine) const {
    shared->votes[number] = mine;
    sync();
    const bool result = std::ranges::all_of(shared->votes, [](bool vote) { return vote; });
    sync();
    return result;
  }
};

/// The host device, whose copies the leader makes.
struct FarDevice : HostDevice {
  template <class Group>
  static void copy(const Group& group, void* to, const void* from, std::uint64_t bytes) {
    if (group.rank() == 0) std::memcpy(to, from, bytes);
  }
};

/// One that others overtake between its stores to a peer.
struct HesitantDevice : HostDevice {
  static void hesitate() {
    static thread_local std::uint32_t stores = 0;
    if (++stores % 2 == 0) std::this_thread::yield();
  }
  static void store_line(device::LlLine* line, std::uint64_t data, std::uint64_t flag) {
    hesitate();
    HostDevice::store_line(line, data, flag);
  }
  static void store_release(std::uint64_t* word, std::uint64_t value) {
    hesitate();
    HostDevice::store_release(word, value);
  }
};

TEST(Hooks, AGroupWithoutNearMemoryGoesOnToItsNextExchangeAtOnce) {
  const std::uint64_t seed = test_seed();
  constexpr std::uint64_t kExchanges = 300;
  // Of some the receiver expects as few lines as come, or the same, and of others others.
  const auto chosen = [&](std::uint64_t e, std::uint64_t what, std::uint64_t most) {
    return std::mt19937_64(seed + 3 * e + what)() % most;
  };
  const auto bytes_of = [&](std::uint64_t e) { return 1 + chosen(e, 0, e % 2 == 0 ? 80 : 600); };
  const auto protocol_of = [&](std::uint64_t e, std::uint64_t what) {
    return chosen(e, what, 4) % 3 == 0 ? device::Protocol::kLl128 : device::Protocol::kLl;
  };
  const Settings settings{{"CAUSEWAY_LL_BYTES", "16K"}, {"CAUSEWAY_LL128_BYTES", "16K"}};
  run_ranks(2, settings, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    if (handle.rank == 0) {
      const device::SendChannel& channel = handle.send_channel(1, 0);
      for (std::uint64_t e = 0; e < kExchanges; ++e) {
        const auto array = random_array(seed + e, bytes_of(e));
        device::Share share{array.size(), 0, array.size(), 100, 1, 9};
        share.protocol = protocol_of(e, 1);
        device::with_link<HesitantDevice>(channel.link, handle.control, [&](const auto& link) {
          ASSERT_TRUE(device::send(ThreadGroup{}, link, channel, share, handle.control,
                                   device::CopyFrom<HostDevice>{array.data()}));
        });
      }
      return;
    }
    std::vector<std::vector<std::byte>> received(kExchanges);
    for (std::uint64_t e = 0; e < kExchanges; ++e) received[e].resize(bytes_of(e));
    FarGroup::Shared shared;
    std::array<bool, FarGroup::kThreads> all_well{};
    const auto receive_all = [&](std::uint32_t number) {
      const FarGroup group{&shared, number};
      const device::ReceiveChannel& channel = handle.receive_channel(0, 0);
      bool well = true;
      for (std::uint64_t e = 0; e < kExchanges; ++e) {
        std::vector<std::byte>& message = received[e];
        device::Request request{message.size()};
        request.expects = protocol_of(e, chosen(e, 2, 3) == 0 ? 2 : 1);
        if (e % 3 == 0) request.lane_bytes = 1 + static_cast<std::uint32_t>(chosen(e, 1, 600));
        device::with_link<FarDevice>(channel.link, handle.control, [&](const auto& link) {
          well = device::receive(group, link, channel, request, handle.control,
                                 device::CopyTo<FarDevice>{message.data()})
                     .ok &&
                 well;
        });
        if (!well) break;
      }
      all_well[number] = well;
    };
    std::vector<std::thread> others;
    for (std::uint32_t i = 1; i < FarGroup::kThreads; ++i) others.emplace_back(receive_all, i);
    receive_all(0);
    for (std::thread& other : others) other.join();
    for (const bool well : all_well) ASSERT_TRUE(well);
    for (std::uint64_t e = 0; e < kExchanges; ++e) {
      ASSERT_TRUE(received[e] == random_array(seed + e, bytes_of(e))) << "exchange " << e;
    }
  });
}

TEST(Hooks, AReceiverWatchesForNoMoreLinesThanAChannelHas) {
  struct ManyThreads : ThreadGroup {
    std::uint32_t size() const { return 64; }
  };
  device::ReceiveChannel channel{};
  channel.shape.ll_bytes = 128;
  for (const std::uint64_t bytes :
       {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{1} << 40}) {
    for (const std::uint32_t lane_bytes : {1U, 500U, UINT32_MAX}) {
      for (const std::uint64_t ll128_bytes : {0, 240}) {
        channel.shape.ll128_bytes = ll128_bytes;
        device::Request request{bytes};
        request.lane_bytes = lane_bytes;
        request.expects = device::Protocol::kLl;
        const std::uint64_t share = std::min<std::uint64_t>(bytes, lane_bytes);
        const auto narrow = device::prepare_receive(ManyThreads{}, channel, request);
        EXPECT_EQ(narrow.rows, 1U);
        EXPECT_EQ(narrow.words, (std::min<std::uint64_t>(share, 128) + 7) / 8);
        request.expects = device::Protocol::kLl128;
        const auto wide = device::prepare_receive(ManyThreads{}, channel, request);
        EXPECT_EQ(wide.rows, ll128_bytes == 0 ? 0U : device::impl::kInLl128);
        EXPECT_EQ(wide.words, (std::min<std::uint64_t>(share, ll128_bytes) + 119) / 120);
      }
    }
  }
}

/// The first thread of a warp.
struct Warp : ThreadGroup {
  static constexpr bool kInWarps = true;
  std::uint32_t size() const { return 32; }
};

/// The device of one whose others never come: it would have given up by itself at once, its warp
/// does later.
struct ApartDevice : HostDevice {
  static inline int tries = 0;
  static inline int stores = 0;
  static inline int rounds = 0;

  struct Pacer {
    explicit Pacer(const device::WaitControl&) {}
    static device::Fault pause() { return device::Fault::kTimedOut; }
  };
  static bool converge() {
    ++tries;
    return false;
  }
  static void store_together(std::uint64_t*, std::uint64_t, std::uint64_t, bool takes_part) {
    if (takes_part) ++stores;
  }
  static bool all_of_warp(bool mine) { return mine; }
  static device::Fault fault_of_warp(device::Fault mine) {
    return ++rounds < 3 ? device::Fault::kNone : mine;
  }
};

TEST(Hooks, AWarpThatDoesNotConvergeStoresNothingAndGivesUpAsAWhole) {
  device::Ll128Line lines[32]{};
  const std::byte from[8]{};
  const device::Fault fault = device::impl::store_ll128<ApartDevice>(
      Warp{}, lines, 1, from, sizeof from, device::impl::HeldParts<Warp>{}, device::WaitControl{});
  EXPECT_EQ(fault, device::Fault::kTimedOut);
  EXPECT_EQ(ApartDevice::stores, 0);
  // Once by the usual way, and once in each round and after the last.
  EXPECT_EQ(ApartDevice::tries, 5);
}

TEST(Hooks, AReceiverThatTakesLessTakesWholeElements) {
  const Settings settings{{"CAUSEWAY_RING_BYTES", "4096"},
                          {"CAUSEWAY_LL_BYTES", "16K"},
                          {"CAUSEWAY_LL128_BYTES", "16K"}};
  run_ranks(2, settings, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    constexpr std::uint64_t kSent = 400 * kElement;
    std::uint64_t number = 0;
    const auto array = random_array(3, 3 * kSent);
    for (const std::uint64_t asked :
         {1, 1, 1, 23, 23, 23, 24, 24, 24, 1000, 1024, 1025, 5000, 5000, 5000, 9599, 9599, 9599}) {
      int split = 0;
      device::Share share{kSent, 0, kSent, 500, 1, 9};
      constexpr device::Protocol kProtocols[] = {device::Protocol::kStaged, device::Protocol::kLl,
                                                 device::Protocol::kLl128};
      share.protocol = kProtocols[++number % 3];
      if (handle.rank == 0) {
        const device::SendChannel& channel = handle.send_channel(1, 0);
        device::with_link<HostDevice>(channel.link, handle.control, [&](const auto& link) {
          EXPECT_TRUE(device::send(ThreadGroup{}, link, channel, share, handle.control,
                                   GatherEveryThird{array.data(), &split}));
        });
      } else {
        std::vector<std::byte> sum(kSent);
        const device::ReceiveChannel& channel = handle.receive_channel(0, 0);
        device::with_link<HostDevice>(channel.link, handle.control, [&](const auto& link) {
          EXPECT_TRUE(device::receive(ThreadGroup{}, link, channel, {asked}, handle.control,
                                      Accumulate{sum.data(), &split}));
        });
        EXPECT_TRUE(sum == expected_sum(std::vector<std::byte>(kSent), array, asked / kElement));
        device::FaultReport& report = handle.control.reports->truncated;
        EXPECT_EQ(report.fault, device::Fault::kTruncated);
        EXPECT_EQ(report.needed, kSent);
        EXPECT_EQ(report.reached, asked);
        report = {};
        handle.control.claims->truncated = 0;
      }
      EXPECT_EQ(split, 0);
    }
  });
}

TEST(MoveSelf, WithAnyPairOfHooks) {
  run_ranks(1, {{"CAUSEWAY_RING_BYTES", "4096"}}, [&](Communicator& communicator) {
    const device::Communicator handle = communicator.device_handle();
    const device::SendChannel& channel = handle.send_channel(0, 0);
    const device::SelfLink<HostDevice> link{channel.link.segment};
    constexpr std::uint64_t kElements = 300;
    constexpr std::uint64_t kBytes = kElements * kElement;
    const auto array = random_array(17, 3 * kBytes);
    const std::vector<std::byte> zeros(kBytes);
    const auto gathered = expected_sum(zeros, array, kElements);
    int split = 0;
    const GatherEveryThird gather{array.data(), &split};

    std::vector<std::byte> copied(kBytes);
    device::move_self(ThreadGroup{}, link, channel, 0, kBytes, gather,
                      device::CopyTo<HostDevice>{copied.data()});
    EXPECT_TRUE(copied == gathered);

    std::vector<std::byte> sum(kBytes);
    device::move_self(ThreadGroup{}, link, channel, 0, kBytes,
                      device::CopyFrom<HostDevice>{gathered.data()},
                      Accumulate{sum.data(), &split});
    EXPECT_TRUE(sum == gathered);

    std::vector<std::byte> through_ring(kBytes);
    device::move_self(ThreadGroup{}, link, channel, 0, kBytes, gather,
                      Accumulate{through_ring.data(), &split});
    EXPECT_TRUE(through_ring == gathered);
    EXPECT_EQ(split, 0);
  });
}

}  // namespace
}  // namespace causeway::test
