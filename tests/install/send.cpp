// A message between two threads, with the device headers alone.
#include <causeway/device/host_device.hpp>
#include <causeway/device/receive.hpp>
#include <causeway/device/send.hpp>

#include <cstdio>
#include <numeric>
#include <thread>
#include <vector>

using namespace causeway::device;

namespace {

constexpr std::uint64_t kRing = 4096;

/// Both ends of a channel, in this process.
struct Channel {
  alignas(kLineBytes) std::byte ring[kRing] = {};
  SenderWords in{};
  ReceiverWords out{};
  ChannelState states[2] = {};
};

}  // namespace

int main() {
  static Channel memory;
  auto* const base = reinterpret_cast<std::byte*>(&memory);
  const auto offset = [base](const void* part) {
    return static_cast<std::uint64_t>(static_cast<const std::byte*>(part) - base);
  };
  const LinkHandle link{LinkKind::kMemory, base};
  const SendChannel to{
      .shape = {offset(memory.ring), offset(&memory.in), kRing, kRing / 4, 1, 0, 0, 0, 0},
      .link = link,
      .words = &memory.out,
      .state = &memory.states[0],
      .home = &memory.states[0],
      .first_words = &memory.out,
      .posts = &memory.out};
  const std::uint64_t words = offset(&memory.out);
  const ReceiveChannel from{.shape = {offset(memory.ring), words, kRing, kRing / 4, 0, 0, words},
                            .link = link,
                            .words = &memory.in,
                            .ring = memory.ring,
                            .state = &memory.states[1],
                            .home = &memory.states[1],
                            .first_words = &memory.in};
  const std::uint64_t abort_word = 0;
  FaultReports reports{};
  FaultClaims claims{};
  const WaitControl control{.abort_word = &abort_word,
                            .reports = &reports,
                            .claims = &claims,
                            .timeout_ns = 10'000'000'000};

  std::vector<std::uint32_t> sent(100000);
  std::iota(sent.begin(), sent.end(), 7U);
  std::vector<std::uint32_t> received(sent.size());
  const std::uint64_t bytes = sent.size() * sizeof sent[0];
  std::thread sender([&] {
    const CopyFrom<HostDevice> hook{reinterpret_cast<const std::byte*>(sent.data())};
    with_link<HostDevice>(to.link, control, [&](const auto& way) {
      send(ThreadGroup{}, way, to, {bytes, 0, bytes, kRing / 4, 1, 0}, control, hook);
    });
  });
  const CopyTo<HostDevice> hook{reinterpret_cast<std::byte*>(received.data())};
  with_link<HostDevice>(from.link, control, [&](const auto& way) {
    receive(ThreadGroup{}, way, from, {bytes}, control, hook);
  });
  sender.join();
  if (received != sent) std::fprintf(stderr, "the message came out another than it went in\n");
  return received == sent ? 0 : 1;
}
