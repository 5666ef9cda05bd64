// The ring of posts: many threads fill it, one empties it.
#include "seed.hpp"

#include <causeway/device/host_device.hpp>
#include <causeway/device/post_ring.hpp>

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <thread>
#include <vector>

namespace causeway::test {

namespace {

using namespace device;

/// A ring of host memory, and what its waits need.
struct Ring {
  static constexpr std::uint64_t kCapacity = 8;

  std::array<PostSlot, kCapacity> slots{};
  std::uint64_t taken = 0;
  std::uint64_t tickets = 0;
  std::uint64_t seen = 0;
  std::uint64_t abort_word = 0;
  FaultReports reports{};
  FaultClaims claims{};
  const PostRing ring{slots.data(), kCapacity, &taken, &tickets, &seen};
  WaitControl control{.abort_word = &abort_word, .reports = &reports, .claims = &claims};
};

}  // namespace

TEST(PostRing, EveryPostOfEveryThreadComesOnceWholeAndInOrder) {
  constexpr std::uint32_t kThreads = 4;
  constexpr std::uint64_t kPosts = 5000;
  Ring ring;
  // Bytes that each thread publishes with its posts.
  std::array<std::vector<std::uint64_t>, kThreads> published;
  for (auto& bytes : published) bytes.resize(kPosts);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kPosts; ++i) {
        published[t][i] = i * kThreads + t;
        push_post<HostDevice>(ring.ring, {t, 0, 1, 1, {{i, i + t}}, i, ~i}, ring.control);
      }
    });
  }
  std::minstd_rand random(static_cast<unsigned>(test_seed()));
  std::array<std::uint64_t, kThreads> next{};
  for (std::uint64_t got = 0; got < kThreads * kPosts;) {
    NetworkPost post{};
    if (!take_post<HostDevice>(ring.slots.data(), Ring::kCapacity, &ring.taken, &post)) {
      std::this_thread::yield();
      continue;
    }
    ++got;
    ASSERT_LT(post.peer, kThreads);
    const std::uint64_t i = next[post.peer]++;
    ASSERT_EQ(post.word_offset, i);
    ASSERT_EQ(post.value, ~i);
    ASSERT_EQ(post.range[0].offset, i);
    ASSERT_EQ(post.range[0].bytes, i + post.peer);
    ASSERT_EQ(published[post.peer][i], i * kThreads + post.peer);
    if (random() % 256 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ring.reports.fatal.fault, Fault::kNone);
}

TEST(PostRing, AFullRingThatNobodyEmptiesIsReported) {
  Ring ring;
  ring.control.timeout_ns = 20'000'000;
  std::uint64_t* const words[] = {&ring.abort_word};
  ring.control.abort_words = words;
  ring.control.abort_word_count = 1;
  for (std::uint64_t i = 0; i <= Ring::kCapacity; ++i) {
    EXPECT_EQ(ring.reports.fatal.fault, Fault::kNone);
    push_post<HostDevice>(ring.ring, {3, 2, 1, 0, {}, 0, i}, ring.control);
  }
  const FaultReport& report = ring.reports.fatal;
  EXPECT_EQ(report.fault, Fault::kTimedOut);
  EXPECT_EQ(report.wait_for, WaitFor::kPostRing);
  EXPECT_EQ(report.peer, 3U);
  EXPECT_EQ(report.lane, 2U);
  EXPECT_NE(ring.abort_word, 0U);
}

}  // namespace causeway::test
