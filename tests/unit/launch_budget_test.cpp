// The launch budget: what queues behind what, and what is granted.
#include <launch_budget.hpp>

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace causeway {
namespace {

using Owners = std::vector<LaunchBudget::Owner>;

const auto kNoneIsOver = [](LaunchBudget::Owner) { return false; };

/// Ids of threads that do nothing.
std::vector<LaunchBudget::Thread> thread_ids(int count) {
  std::vector<std::thread> threads;
  std::vector<LaunchBudget::Thread> ids;
  for (int i = 0; i < count; ++i) threads.emplace_back([] {});
  for (std::thread& thread : threads) ids.push_back(thread.get_id());
  for (std::thread& thread : threads) thread.join();
  return ids;
}

const auto kThreads = thread_ids(8);

TEST(LaunchBudget, LaunchesOfAThreadThatDoNotFitTogetherQueue) {
  const int a = 0, b = 0, c = 0;
  LaunchBudget budget(160);
  const auto enter = [&](const int& owner, std::uint32_t blocks) {
    const auto admission = budget.enter(&owner, kThreads[0], blocks, kNoneIsOver);
    EXPECT_EQ(admission.blocks, std::min(blocks, 150U));
    return admission.before;
  };
  EXPECT_EQ(enter(a, 75), Owners{});
  EXPECT_EQ(enter(b, 75), Owners{});
  EXPECT_EQ(enter(c, 75), Owners{&a});
  EXPECT_EQ(enter(a, 160), (Owners{&c, &b}));
}

TEST(LaunchBudget, WhatIsOverOrLeftCountsNoLonger) {
  const int a = 0, b = 0, c = 0;
  LaunchBudget budget(100);
  const auto thread = kThreads[0];
  EXPECT_EQ(budget.enter(&a, thread, 90, kNoneIsOver).before, Owners{});
  const auto a_is_over = [&](auto owner) { return owner == &a; };
  EXPECT_EQ(budget.enter(&b, thread, 90, a_is_over).before, Owners{});
  budget.leave(&b);
  EXPECT_EQ(budget.enter(&c, thread, 90, kNoneIsOver).before, Owners{});
}

TEST(LaunchBudget, ASmallLaunchDoesNotHideTheLargeOneBeforeIt) {
  const int a = 0, b = 0;
  LaunchBudget budget(100);
  const auto thread = kThreads[0];
  EXPECT_EQ(budget.enter(&a, thread, 90, kNoneIsOver).before, Owners{});
  EXPECT_EQ(budget.enter(&a, thread, 10, kNoneIsOver).before, Owners{});
  EXPECT_EQ(budget.enter(&b, thread, 20, kNoneIsOver).before, Owners{&a});
}

TEST(LaunchBudget, LaunchesOfOtherThreadsShrinkInsteadOfWaiting) {
  const char owners[8] = {};
  LaunchBudget budget(132);
  std::uint32_t together = 0;
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto admission = budget.enter(&owners[i], kThreads[i], 132, kNoneIsOver);
    EXPECT_GE(admission.blocks, 1U);
    if (admission.before.empty()) {
      EXPECT_EQ(waiting, 0U);
      together += admission.blocks;
    } else {
      EXPECT_GE(i, 4U);
      EXPECT_EQ(admission.before.size(), i) << "waits for all that came before";
      ++waiting;
    }
  }
  EXPECT_LE(together, 132U);
  EXPECT_LT(waiting, 5U);
}

TEST(LaunchBudget, NoSetOfLaunchesThatMayRunTogetherIsTooLarge) {
  constexpr std::uint32_t kCapacity = 132;
  constexpr int kOwners = 8;
  std::mt19937 random(12);
  for (int round = 0; round < 500; ++round) {
    LaunchBudget budget(kCapacity);
    const char owners[kOwners] = {};
    std::uint32_t blocks[kOwners] = {};
    std::set<LaunchBudget::Owner> behind[kOwners];
    const std::size_t threads = 1 + random() % 4;
    for (int i = 0; i < kOwners; ++i) {
      const auto admission =
          budget.enter(&owners[i], kThreads[random() % threads],
                       1 + static_cast<std::uint32_t>(random() % kCapacity), kNoneIsOver);
      blocks[i] = admission.blocks;
      behind[i].insert(admission.before.begin(), admission.before.end());
    }
    for (unsigned set = 1; set < 1U << kOwners; ++set) {
      std::uint32_t together = 0;
      bool may_be = true;
      for (int i = 0; i < kOwners; ++i) {
        if ((set >> i & 1U) == 0) continue;
        together += blocks[i];
        for (int j = 0; j < i; ++j) {
          if ((set >> j & 1U) != 0 && behind[i].contains(&owners[j])) may_be = false;
        }
      }
      ASSERT_FALSE(may_be && together > kCapacity) << "round " << round << ", set " << set;
    }
  }
}

}  // namespace
}  // namespace causeway
