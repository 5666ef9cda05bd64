// A call of MPIX_Alltoallv, or a plan of one, whose arguments a test may spoil one by one.
#pragma once

#include "scoped_mpi.hpp"
#include "traffic.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>
#include <mpi.h>

#include <optional>
#include <string>
#include <vector>

namespace causeway::test {

/// Each rank sends each rank one int. An array that is empty stands for NULL.
struct Call {
  /// `round` makes the ints differ from those of other calls.
  Call(MPI_Comm on, int round);

  int run(Entry entry = Entry::kInt) const;
  int plan(MPIX_Plan* plan, Entry entry = Entry::kInt, MPI_Info info = MPI_INFO_NULL) const;

  /// Passes when each rank's int is where it belongs.
  ::testing::AssertionResult arrived() const;

  MPI_Comm comm;
  int rank = 0;
  int size = 0;
  int round;
  std::vector<int> sent;
  std::vector<int> received;
  const void* sendbuf;
  void* recvbuf;
  std::optional<std::vector<int>> sendcounts;
  std::optional<std::vector<int>> sdispls;
  std::optional<std::vector<int>> recvcounts;
  std::optional<std::vector<int>> rdispls;
  MPI_Datatype sendtype = MPI_INT;
  MPI_Datatype recvtype = MPI_INT;
  std::vector<ScopedType> types;  ///< owned by this call
};

/// Collective over MPI_COMM_WORLD: a duplicate of it, attached with settings.
ScopedComm attached(Settings settings = {});

/// Collective over comm: passes when two calls with nothing spoilt go well.
::testing::AssertionResult works(MPI_Comm comm);

/// The sentence of an error code.
std::string sentence(int code);

/// The class of a code; the predefined one where it is a class of the library's that has its
/// string.
int class_of(int code);

/// Passes when a code is of class `wanted` and its sentence holds all of `fragments`.
::testing::AssertionResult is_error(int code, int wanted,
                                    const std::vector<std::string>& fragments);

}  // namespace causeway::test
