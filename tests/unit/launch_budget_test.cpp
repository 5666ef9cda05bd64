// The launch budget: what queues behind what.
#include <launch_budget.hpp>

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace causeway {
namespace {

using Owners = std::vector<LaunchBudget::Owner>;

const auto kNoneIsOver = [](LaunchBudget::Owner) { return false; };

TEST(LaunchBudget, WhatFitsBesideTheOthersWaitsForNone) {
  const int a = 0, b = 0, c = 0;
  LaunchBudget budget(100);
  EXPECT_EQ(budget.enter(&a, 50, kNoneIsOver), Owners{});
  EXPECT_EQ(budget.enter(&b, 50, kNoneIsOver), Owners{});
  EXPECT_EQ(budget.enter(&c, 50, kNoneIsOver), Owners{&a});
  EXPECT_EQ(budget.enter(&a, 100, kNoneIsOver), (Owners{&b, &c}));
}

TEST(LaunchBudget, WhatIsOverOrLeftCountsNoLonger) {
  const int a = 0, b = 0, c = 0;
  LaunchBudget budget(100);
  EXPECT_EQ(budget.enter(&a, 100, kNoneIsOver), Owners{});
  EXPECT_EQ(budget.enter(&b, 100, [&](auto owner) { return owner == &a; }), Owners{});
  budget.leave(&b);
  EXPECT_EQ(budget.enter(&c, 100, kNoneIsOver), Owners{});
}

TEST(LaunchBudget, ASmallLaunchDoesNotHideTheLargeOneBeforeIt) {
  const int a = 0, b = 0;
  LaunchBudget budget(100);
  EXPECT_EQ(budget.enter(&a, 90, kNoneIsOver), Owners{});
  EXPECT_EQ(budget.enter(&a, 10, kNoneIsOver), Owners{});
  EXPECT_EQ(budget.enter(&b, 20, kNoneIsOver), Owners{&a});
}

TEST(LaunchBudget, NoSetOfLaunchesThatMayRunTogetherIsTooLarge) {
  constexpr std::uint32_t kCapacity = 132;
  constexpr int kOwners = 8;
  std::mt19937 random(12);
  for (int round = 0; round < 200; ++round) {
    LaunchBudget budget(kCapacity);
    const char owners[kOwners] = {};
    std::uint32_t blocks[kOwners] = {};
    std::set<LaunchBudget::Owner> behind[kOwners];
    for (int i = 0; i < kOwners; ++i) {
      blocks[i] = 1 + static_cast<std::uint32_t>(random() % kCapacity);
      for (const auto owner : budget.enter(&owners[i], blocks[i], kNoneIsOver)) {
        behind[i].insert(owner);
      }
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
