// The C API called from C99.
#include "mpix_c99.h"
#include "scoped_mpi.hpp"

#include <gtest/gtest.h>

namespace causeway::test {
namespace {

TEST(CApi, EveryFunctionCanBeCalledFromC99) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_EQ(call_every_function_from_c(comm), 0) << "is the line of the call that went wrong";
}

}  // namespace
}  // namespace causeway::test
