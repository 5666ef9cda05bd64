// A rank that is killed, and what the others say of it.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>

namespace causeway::test {

/// Ends this process at a moment that nobody has chosen, from a thread of its own: within 50 ms,
/// and as often within the first few, in which connections are made.
inline void kill_within(std::uint64_t random) {
  std::thread([random] {
    const std::uint64_t latest = 50000 >> random % 5;
    std::this_thread::sleep_for(std::chrono::microseconds(random / 5 % latest));
    std::raise(SIGKILL);
  }).detach();
}

/// Whether an error names the dead: as having ended, or, from another host, at the end of a link.
inline bool names(const std::string& text, int dead) {
  const std::string rank = "rank " + std::to_string(dead);
  const std::size_t link = text.find("the network link between ");
  return text.find(rank + " has ended") != std::string::npos ||
         (link != std::string::npos && text.find(rank + " ", link) != std::string::npos);
}

}  // namespace causeway::test
