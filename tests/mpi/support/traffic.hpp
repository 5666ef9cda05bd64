// Random exchanges, each done by MPIX_Alltoallv and by MPI and compared.
#pragma once

#include "world.hpp"

#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdint>
#include <vector>

namespace causeway::test {

/// What ranks send each other: units[sender][receiver].
using Matrix = std::vector<std::vector<int>>;

/// A matrix of one of several kinds: sizes of all magnitudes, few blocks, one block, equal blocks,
/// nothing. `symmetric` makes each pair of ranks send each other the same.
Matrix random_matrix(Random& random, int ranks, int most_units, bool symmetric);

enum class Entry {
  kInt,    ///< MPIX_Alltoallv
  kCount,  ///< MPIX_Alltoallv_c
};

struct Traffic {
  std::uint64_t most_bytes = 32 * 1024;  ///< of a block
  Entry entry = Entry::kInt;
  bool in_place = false;
};

/// Collective over comm: one exchange with random blocks, types and displacements, and the same one
/// by MPI_Alltoallv. Fails unless MPIX_Alltoallv succeeds and leaves the same bytes in all of the
/// receiving memory, the gaps between blocks included. `random` is equal on all ranks of comm
/// before the call, and after it.
::testing::AssertionResult exchange_like_mpi(MPI_Comm comm, Random& random, const Traffic& traffic);

/// Collective over comm: `times` such exchanges, with either entry point and sometimes in place.
/// Stops at none of them, and describes the first that failed.
::testing::AssertionResult exchanges_like_mpi(MPI_Comm comm, Random& random, int times,
                                              std::uint64_t most_bytes);

}  // namespace causeway::test
