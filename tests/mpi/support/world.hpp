// The ranks that run the tests side by side, and the random numbers that they share.
#pragma once

#include <cstdint>
#include <random>

namespace causeway::test {

int world_rank();
int world_size();

using Random = std::mt19937_64;

/// The seed of this run, equal on all ranks once choose_seed() has returned.
std::uint64_t seed();

/// Collective over MPI_COMM_WORLD: takes rank 0's CAUSEWAY_TEST_SEED, or else its clock.
void choose_seed();

/// Numbers that depend on the seed and on the test that is running, and are equal on all ranks.
/// Different streams give different numbers. Not for threads that a test starts.
Random shared_random(std::uint64_t stream = 0);

/// A whole number from least to most, both included.
std::uint64_t between(Random& random, std::uint64_t least, std::uint64_t most);

/// A number from 0 to most, each size of it as likely as another.
std::uint64_t log_uniform(Random& random, std::uint64_t most);

/// True once in `times` calls.
bool one_in(Random& random, std::uint64_t times);

}  // namespace causeway::test
