// MPIX_Comm_attach, _detach, _get_error, _abort.
#include "comm_cache.hpp"
#include "entry.hpp"

#include <causeway/mpix.h>

using namespace causeway;
using namespace causeway::mpi;

int PMPIX_Comm_attach(MPI_Comm comm, MPI_Info info) {
  return enter(comm, "MPIX_Comm_attach", [&] {
    std::shared_ptr<Attached> attached;
    return attach(comm, info, {}, &attached);
  });
}
CAUSEWAY_ENTRY(Comm_attach);

int PMPIX_Comm_detach(MPI_Comm comm) {
  return enter(comm, "MPIX_Comm_detach", [&] { return detach(comm); });
}
CAUSEWAY_ENTRY(Comm_detach);

int PMPIX_Comm_get_error(MPI_Comm comm, int* code) {
  constexpr const char* kCall = "MPIX_Comm_get_error";
  return enter(comm, kCall, [&]() -> Status {
    CAUSEWAY_TRY(check_comm(comm));
    if (code == nullptr) return {ErrorKind::kArgument, "code is NULL"};
    const std::shared_ptr<Attached> attached = find_attached(comm);
    *code = attached == nullptr ? MPI_SUCCESS : error_code(kCall, attached->communicator->error());
    return {};
  });
}
CAUSEWAY_ENTRY(Comm_get_error);

int PMPIX_Comm_abort(MPI_Comm comm) {
  return enter(comm, "MPIX_Comm_abort", [&]() -> Status {
    CAUSEWAY_TRY(check_comm(comm));
    const std::shared_ptr<Attached> attached = find_attached(comm);
    if (attached == nullptr) return {ErrorKind::kComm, "comm is not attached"};
    attached->communicator->abort();
    return {};
  });
}
CAUSEWAY_ENTRY(Comm_abort);
