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

/// How often a test repeats what would be repeated `times`. ThreadSanitizer sees a race in any
/// order of events, and makes each many times dearer: a third there, but in builds with
/// CAUSEWAY_TEST_ALL.
template <typename Integer>
constexpr Integer repeats(Integer times) {
#if defined(__SANITIZE_THREAD__) && !defined(CAUSEWAY_TEST_ALL)
  return (times + 2) / 3;
#else
  return times;
#endif
}

}  // namespace causeway::test
