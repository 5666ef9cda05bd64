// What is to be done while MPI can still be called for the last time.
#include "at_finalize.hpp"

#include <mpi.h>

namespace causeway::mpi {

/// MPI_Finalize begins by deleting the attributes of MPI_COMM_SELF.
bool at_finalize(void (*call)()) {
  int keyval = MPI_KEYVAL_INVALID;
  const auto run = [](MPI_Comm, int, void* value, void*) -> int {
    reinterpret_cast<void (*)()>(value)();
    return MPI_SUCCESS;
  };
  return PMPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, run, &keyval, nullptr) == MPI_SUCCESS &&
         PMPI_Comm_set_attr(MPI_COMM_SELF, keyval, reinterpret_cast<void*>(call)) == MPI_SUCCESS &&
         PMPI_Comm_free_keyval(&keyval) == MPI_SUCCESS;
}

}  // namespace causeway::mpi
