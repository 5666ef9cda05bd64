// What is to be done while MPI can still be called for the last time.
#include "at_finalize.hpp"

#include <mpi.h>

#include <memory>

namespace causeway::mpi {

namespace {

struct Hook {
  void (*call)();
};

}  // namespace

/// MPI_Finalize begins by deleting the attributes of MPI_COMM_SELF.
bool at_finalize(void (*call)()) {
  int keyval = MPI_KEYVAL_INVALID;
  const auto run = [](MPI_Comm, int, void* value, void*) {
    const std::unique_ptr<Hook> hook(static_cast<Hook*>(value));
    hook->call();
    return MPI_SUCCESS;
  };
  auto hook = std::make_unique<Hook>(Hook{call});
  const bool made =
      PMPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, run, &keyval, nullptr) == MPI_SUCCESS &&
      PMPI_Comm_set_attr(MPI_COMM_SELF, keyval, hook.get()) == MPI_SUCCESS &&
      PMPI_Comm_free_keyval(&keyval) == MPI_SUCCESS;
  if (made) static_cast<void>(hook.release());
  return made;
}

}  // namespace causeway::mpi
