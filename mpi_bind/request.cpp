// Requests: exchanges that have begun, as MPI's generalised requests.
#include "request.hpp"

#include "comm_cache.hpp"
#include "errors.hpp"

#include <exception>
#include <memory>

namespace causeway::mpi {

namespace {

/// Ends with its request.
struct Begun {
  MPI_Comm comm;
  const char* call;
  const Communicator* communicator;
  MPI_Request request = MPI_REQUEST_NULL;
  Status outcome;  ///< once the request is complete
};

/// Called by MPI when somebody asks for a complete request's status.
int query(void* state, MPI_Status* status) {
  PMPI_Status_set_elements(status, MPI_BYTE, 0);
  PMPI_Status_set_cancelled(status, 0);
  status->MPI_SOURCE = MPI_UNDEFINED;
  status->MPI_TAG = MPI_UNDEFINED;
  const Begun& begun = *static_cast<const Begun*>(state);
  if (is_attached(begun.comm, begun.communicator)) {
    return raise(begun.comm, begun.call, begun.outcome);
  }
  return error_code(begun.call, begun.outcome);
}

int free_begun(void* state) {
  delete static_cast<Begun*>(state);
  return MPI_SUCCESS;
}

/// The other ranks count on the exchange: it goes on, as MPI allows.
int cancel(void*, int) { return MPI_SUCCESS; }

}  // namespace

Status begin(MPI_Comm comm, const char* call, Communicator& communicator, const Buffers& buffers,
             MPI_Request* request) {
  auto owner = std::make_unique<Begun>(Begun{comm, call, &communicator, MPI_REQUEST_NULL, {}});
  Begun* const begun = owner.get();
  if (PMPI_Grequest_start(query, free_begun, cancel, begun, &begun->request) != MPI_SUCCESS) {
    return {ErrorKind::kSystem, "MPI refused a generalised request"};
  }
  static_cast<void>(owner.release());
  // Once complete, it may be freed at any time.
  const auto complete = [begun](const Status& outcome) {
    begun->outcome = outcome;
    PMPI_Grequest_complete(begun->request);
  };
  *request = begun->request;
  try {
    communicator.begin_alltoallv(buffers, complete);
  } catch (const std::exception& problem) {
    complete({});
    PMPI_Request_free(request);
    CAUSEWAY_TRY(communicator.decline());
    return Status::error(ErrorKind::kSystem, "rank %d cannot start a thread: %s",
                         communicator.rank(), problem.what());
  }
  return {};
}

Status begin_decline(Communicator& communicator) {
  if (!check_threads(communicator.rank()).ok()) return communicator.decline();
  try {
    communicator.begin_decline();
  } catch (const std::exception&) {
    return communicator.decline();
  }
  return communicator.error();
}

Status check_threads(int rank) {
  int granted = MPI_THREAD_SINGLE;
  PMPI_Query_thread(&granted);
  if (granted == MPI_THREAD_MULTIPLE) return {};
  return Status::error(ErrorKind::kUnsupported,
                       "rank %d was started without MPI_THREAD_MULTIPLE, which exchanges in the "
                       "background need: call MPI_Init_thread",
                       rank);
}

}  // namespace causeway::mpi
