// The launch budget: what queues behind what, and what is granted.
#include <launch_budget.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <span>

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
    const auto admission = budget.enter(&owner, kThreads[0], blocks, 0, kNoneIsOver);
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
  EXPECT_EQ(budget.enter(&a, thread, 90, 0, kNoneIsOver).before, Owners{});
  const auto a_is_over = [&](auto owner) { return owner == &a; };
  EXPECT_EQ(budget.enter(&b, thread, 90, 0, a_is_over).before, Owners{});
  budget.leave(&b);
  EXPECT_EQ(budget.enter(&c, thread, 90, 0, kNoneIsOver).before, Owners{});
}

TEST(LaunchBudget, AnOwnerAloneIsNotAskedAbout) {
  const int a = 0, b = 0;
  LaunchBudget budget(100);
  int asked = 0;
  const auto count = [&](LaunchBudget::Owner) {
    ++asked;
    return false;
  };
  for (int i = 0; i < 3; ++i) budget.enter(&a, kThreads[0], 10, 0, count);
  EXPECT_EQ(asked, 0);
  budget.enter(&b, kThreads[0], 10, 0, count);
  EXPECT_EQ(asked, 1);
  budget.enter(&a, kThreads[0], 10, 0, count);
  EXPECT_EQ(asked, 3);
}

/// What is over takes nothing from the share of another thread, also of one owner.
TEST(LaunchBudget, AnOwnersNextThreadHasAllThatIsLeft) {
  const int a = 0;
  const auto all_are_over = [](LaunchBudget::Owner) { return true; };
  LaunchBudget budget(160);
  EXPECT_EQ(budget.enter(&a, kThreads[0], 100, 0, all_are_over).blocks, 100U);
  EXPECT_EQ(budget.enter(&a, kThreads[1], 100, 0, all_are_over).blocks, 100U);
}

TEST(LaunchBudget, AnOwnersLaunchesOfTwoThreadsTogetherHaveWhatTwoMay) {
  const int a = 0;
  for (const std::uint32_t blocks : {2, 3}) {
    LaunchBudget budget(200);
    EXPECT_TRUE(budget.enter(&a, kThreads[0], 2, 4, kNoneIsOver).with_next);
    EXPECT_EQ(budget.enter(&a, kThreads[1], blocks, 4, kNoneIsOver).with_previous, blocks == 2);
  }
}

TEST(LaunchBudget, ASmallLaunchDoesNotHideTheLargeOneBeforeIt) {
  const int a = 0, b = 0;
  LaunchBudget budget(100);
  const auto thread = kThreads[0];
  EXPECT_EQ(budget.enter(&a, thread, 90, 0, kNoneIsOver).before, Owners{});
  EXPECT_EQ(budget.enter(&a, thread, 10, 0, kNoneIsOver).before, Owners{});
  EXPECT_EQ(budget.enter(&b, thread, 20, 0, kNoneIsOver).before, Owners{&a});
}

TEST(LaunchBudget, LaunchesOfOtherThreadsShrinkInsteadOfWaiting) {
  const char owners[8] = {};
  LaunchBudget budget(132);
  std::uint32_t together = 0;
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto admission = budget.enter(&owners[i], kThreads[i], 132, 0, kNoneIsOver);
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

TEST(LaunchBudget, SmallLaunchesComeBesideTheOnesBeforeThem) {
  const int a = 0, b = 0;
  LaunchBudget budget(132);
  const auto enter = [&](const int& owner, std::uint32_t blocks, std::uint32_t most_of_two) {
    return budget.enter(&owner, kThreads[0], blocks, most_of_two, kNoneIsOver);
  };
  EXPECT_TRUE(enter(a, 30, 60).with_next);
  auto admission = enter(a, 30, 60);
  EXPECT_TRUE(admission.with_next);
  EXPECT_TRUE(admission.with_previous);
  // Too large for two of its kind, and for one beside the last.
  admission = enter(a, 31, 60);
  EXPECT_FALSE(admission.with_next);
  EXPECT_FALSE(admission.with_previous);
  // The one before it lets nothing come before it ends: any may come then.
  admission = enter(a, 60, 60);
  EXPECT_FALSE(admission.with_next);
  EXPECT_TRUE(admission.with_previous);
  // All of the owner's count as the most that were on the GPU together.
  EXPECT_EQ(enter(b, 64, 0).before, Owners{});
  EXPECT_EQ(enter(b, 65, 0).before, Owners{&a});
}

/// Launches of a few owners on a few threads, of which none has come to its end. Each follows its
/// owner's last but one, and the last too unless it comes early.
TEST(LaunchBudget, NoLaunchesThatAreOnTheGpuTogetherAreTooLarge) {
  constexpr std::uint32_t kCapacity = 132;
  constexpr std::size_t kLaunches = 9;
  std::mt19937 random(13);
  int early = 0;
  for (int round = 0; round < 2000; ++round) {
    LaunchBudget budget(kCapacity);
    const char owners[3] = {};
    std::uint32_t blocks[kLaunches] = {};
    bool after[kLaunches][kLaunches] = {};  // [i][j]: launch i begins when j is over
    std::vector<std::size_t> of_owner[3];
    bool let_next[3] = {};
    const std::uint32_t most = random() % 2 == 0 ? 123 : 40;
    for (std::size_t i = 0; i < kLaunches; ++i) {
      const std::size_t owner = random() % 3;
      // An owner's launches are of one thread.
      const auto admission = budget.enter(
          &owners[owner], kThreads[owner % 2],
          1 + static_cast<std::uint32_t>(random() % (random() % 2 ? most : 30)), most, kNoneIsOver);
      blocks[i] = admission.blocks;
      // When a launch is over, so are all of its owner's before it.
      const auto follow = [&](std::span<const std::size_t> launches) {
        for (const std::size_t j : launches) {
          after[i][j] = true;
          for (std::size_t k = 0; k < j; ++k) after[i][k] = after[i][k] || after[j][k];
        }
      };
      std::vector<std::size_t>& own = of_owner[owner];
      const bool comes_early = !own.empty() && let_next[owner] && admission.with_previous;
      early += comes_early ? 1 : 0;
      follow(std::span(own).first(own.size() - (comes_early ? 1 : 0)));
      for (std::size_t o = 0; o < 3; ++o) {
        if (std::ranges::count(admission.before, &owners[o]) > 0) follow(of_owner[o]);
      }
      own.push_back(i);
      let_next[owner] = admission.with_next;
    }
    for (unsigned set = 1; set < 1U << kLaunches; ++set) {
      std::uint32_t together = 0;
      bool may_be = true;
      for (std::size_t i = 0; i < kLaunches; ++i) {
        if ((set >> i & 1U) == 0) continue;
        together += blocks[i];
        for (std::size_t j = 0; j < i; ++j) may_be = may_be && !((set >> j & 1U) && after[i][j]);
      }
      ASSERT_FALSE(may_be && together > kCapacity) << "round " << round << ", set " << set;
    }
  }
  EXPECT_GT(early, 1000);
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
                       1 + static_cast<std::uint32_t>(random() % kCapacity), 0, kNoneIsOver);
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
