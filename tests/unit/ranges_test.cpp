// Ranges that a profiler shows: how exchanges are named.
#include <range_name.hpp>
#include <ranges.hpp>
#include <schedules.hpp>

#include <gtest/gtest.h>

#include <string>

namespace causeway {
namespace {

TEST(Ranges, NameWhatTheRankSendsTheOthers) {
  const std::uint32_t reachable[] = {1, 1, 0};
  ScheduleLimits limits{1, 4, 1024, 128};
  limits.regions = reachable;
  limits.ll128_bytes = 256;
  const struct {
    std::uint64_t to[3];
    const char* name;
  } cases[] = {{{0, 0, 0}, "alltoallv nothing"},     {{9999, 0, 0}, "alltoallv nothing"},
               {{9999, 100, 0}, "alltoallv ll"},     {{0, 100, 1}, "alltoallv ll"},
               {{0, 200, 256}, "alltoallv ll128"},   {{0, 100, 200}, "alltoallv mixed"},
               {{0, 0, 9999}, "alltoallv staged"},   {{0, 9999, 0}, "alltoallv direct"},
               {{0, 9999, 9999}, "alltoallv mixed"}, {{0, 100, 9999}, "alltoallv mixed"}};
  for (const auto& [to, name] : cases) {
    const std::vector<Extent> send{{0, to[0]}, {0, to[1]}, {0, to[2]}};
    const std::vector<Extent> receive(3, Extent{0, 5000});
    Schedule plan;
    test::schedule_alltoallv(limits, 0, send, receive, &plan);
    EXPECT_EQ(range_name(plan), std::string(name));
  }
}

TEST(Ranges, AreNotMadeWhereNobodyListens) {
  if (has_profiler()) GTEST_SKIP() << "a profiler listens";
  const ProfiledRange range("of a test");
  const ProfiledRange none(nullptr);
}

}  // namespace
}  // namespace causeway
