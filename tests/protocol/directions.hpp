// Messages between pairs of ranks, each one way, and exchanges of all ranks between them: at
// random.
#pragma once

#include <causeway/device/channel.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace causeway::test {

/// Bytes of a message.
inline constexpr std::uint64_t kMostOfMessage = 9000;

/// One message, or where `from` is `to` an exchange of all ranks.
struct Step {
  int from;
  int to;
  std::uint64_t bytes;
  std::uint64_t asked;
  std::uint32_t lanes;
  std::uint32_t senders;    ///< groups that share the lanes
  std::uint32_t receivers;  ///< likewise
  device::Protocol protocol;
};

/// The same on all ranks. Groups of lanes are up to `groups` for a message.
inline std::vector<Step> random_steps(std::uint64_t seed, int ranks, std::uint32_t lanes,
                                      std::uint32_t groups) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  std::vector<Step> steps;
  while (steps.size() < 160) {
    const int from = static_cast<int>(below(static_cast<std::uint64_t>(ranks)));
    const int to = static_cast<int>(below(static_cast<std::uint64_t>(ranks)));
    // Several in a row one way: more than a channel has slots for.
    const std::uint64_t messages = from == to ? 1 + below(3) : 1 + below(6);
    for (std::uint64_t i = 0; i < messages; ++i) {
      const std::uint64_t most = below(3) == 0 ? kMostOfMessage : 600;
      const std::uint64_t bytes = below(6) == 0 ? 0 : below(most);
      constexpr device::Protocol kProtocols[] = {device::Protocol::kStaged, device::Protocol::kLl,
                                                 device::Protocol::kLl128};
      // Each lane has some bytes to carry.
      const std::uint64_t carriers = 1 + below(std::clamp<std::uint64_t>(bytes / 64, 1, lanes));
      steps.push_back({from, to, bytes, bytes + (below(2) == 0 ? 0 : below(100)),
                       static_cast<std::uint32_t>(carriers),
                       static_cast<std::uint32_t>(1 + below(groups)),
                       static_cast<std::uint32_t>(1 + below(groups)), kProtocols[below(3)]});
    }
  }
  return steps;
}

/// Byte `at` of the message that is step `step`.
CAUSEWAY_FN inline std::byte byte_of(std::size_t step, std::uint64_t at) {
  return static_cast<std::byte>((step * 131 + at * 7 + (at >> 8)) & 0xffU);
}

}  // namespace causeway::test
