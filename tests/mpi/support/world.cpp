// The ranks that run the tests side by side, and the random numbers that they share.
#include "world.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>

namespace causeway::test {

namespace {

std::uint64_t the_seed = 0;

}  // namespace

int world_rank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int world_size() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

std::uint64_t seed() { return the_seed; }

void choose_seed() {
  const char* const wished = std::getenv("CAUSEWAY_TEST_SEED");
  the_seed =
      wished != nullptr
          ? std::strtoull(wished, nullptr, 10)
          : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  MPI_Bcast(&the_seed, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
}

Random shared_random(std::uint64_t stream) {
  const ::testing::TestInfo* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = std::string(test->test_suite_name()) + '.' + test->name();
  const std::uint64_t parts[] = {the_seed, std::hash<std::string>()(name), stream};
  std::seed_seq sequence{parts[0], parts[0] >> 32, parts[1], parts[1] >> 32, parts[2]};
  return Random(sequence);
}

std::uint64_t between(Random& random, std::uint64_t least, std::uint64_t most) {
  return std::uniform_int_distribution<std::uint64_t>(least, most)(random);
}

std::uint64_t log_uniform(Random& random, std::uint64_t most) {
  const double bits = std::log2(static_cast<double>(most) + 1);
  const double power = std::uniform_real_distribution<double>(0, bits)(random);
  return static_cast<std::uint64_t>(std::exp2(power)) - 1;
}

bool one_in(Random& random, std::uint64_t times) { return between(random, 1, times) == 1; }

}  // namespace causeway::test
