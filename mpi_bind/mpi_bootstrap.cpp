// A bootstrap over MPI: the ranks of a communicator.
#include "mpi_bootstrap.hpp"

namespace causeway::mpi {

namespace {

Status mpi_status(const char* call, int code) {
  if (code == MPI_SUCCESS) return {};
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  PMPI_Error_string(code, text, &length);
  return Status::error(ErrorKind::kSystem, "%s failed: %s", call, text);
}

}  // namespace

Status MpiBootstrap::create(MPI_Comm comm, std::unique_ptr<MpiBootstrap>* bootstrap) {
  // Not MPI_Comm_dup, which would copy the user's attributes and call their functions.
  MPI_Group group = MPI_GROUP_NULL;
  MPI_Comm own = MPI_COMM_NULL;
  CAUSEWAY_TRY(mpi_status("MPI_Comm_group", PMPI_Comm_group(comm, &group)));
  const int made = PMPI_Comm_create(comm, group, &own);
  PMPI_Group_free(&group);
  CAUSEWAY_TRY(mpi_status("MPI_Comm_create", made));
  bootstrap->reset(new MpiBootstrap(own));
  return {};
}

MpiBootstrap::MpiBootstrap(MPI_Comm own) : own_(own) {
  PMPI_Comm_set_errhandler(own_, MPI_ERRORS_RETURN);
  PMPI_Comm_rank(own_, &rank_);
  PMPI_Comm_size(own_, &size_);
}

MpiBootstrap::~MpiBootstrap() { PMPI_Comm_free(&own_); }

Status MpiBootstrap::allgather(const void* mine, std::size_t bytes, void* all) {
  const int count = static_cast<int>(bytes);
  return mpi_status("MPI_Allgather",
                    PMPI_Allgather(mine, count, MPI_BYTE, all, count, MPI_BYTE, own_));
}

}  // namespace causeway::mpi
