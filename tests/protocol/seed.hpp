// The seed of a test's random choices: printed, and settable to repeat a failure.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace causeway::test {

/// CAUSEWAY_TEST_SEED, or one made from the time; printed on first use.
inline std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("CAUSEWAY_TEST_SEED");
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    const std::uint64_t value = given != nullptr ? std::strtoull(given, nullptr, 10)
                                                 : static_cast<std::uint64_t>(now) % 1000000007U;
    std::printf("CAUSEWAY_TEST_SEED=%llu\n", static_cast<unsigned long long>(value));
    return value;
  }();
  return seed;
}

}  // namespace causeway::test
