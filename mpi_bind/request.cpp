// Requests: exchanges that have begun, as MPI's generalised requests.
#include "request.hpp"

#include "comm_cache.hpp"
#include "errors.hpp"

#include <memory>
#include <utility>

namespace causeway::mpi {

namespace {

/// Ends with its request.
struct Begun {
  MPI_Comm comm;
  const char* call;
  const Communicator* communicator;
  MPI_Request request = MPI_REQUEST_NULL;
  Status outcome;       ///< once the request is complete
  bool raised = false;  ///< that, through the error handler
};

/// Called by MPI when somebody asks for a complete request's status. An error is raised once: a
/// handler that throws has MPI keep the request, and the next who waits for that frees it.
int query(void* state, MPI_Status* status) {
  PMPI_Status_set_elements(status, MPI_BYTE, 0);
  PMPI_Status_set_cancelled(status, 0);
  status->MPI_SOURCE = MPI_UNDEFINED;
  status->MPI_TAG = MPI_UNDEFINED;
  Begun& begun = *static_cast<Begun*>(state);
  if (!std::exchange(begun.raised, true) && is_attached(begun.comm, begun.communicator)) {
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

/// Once complete, it may be freed at any time.
void complete(Begun* begun, const Status& outcome) {
  begun->outcome = outcome;
  PMPI_Grequest_complete(begun->request);
}

}  // namespace

Status begin(MPI_Comm comm, const char* call, Communicator& communicator, const Buffers& buffers,
             MPI_Request* request) {
  *request = MPI_REQUEST_NULL;
  Begun* begun = nullptr;
  const Status started = guarded([&]() -> Status {
    auto owner = std::make_unique<Begun>(Begun{comm, call, &communicator, MPI_REQUEST_NULL, {}});
    if (PMPI_Grequest_start(query, free_begun, cancel, owner.get(), &owner->request) !=
        MPI_SUCCESS) {
      return {ErrorKind::kSystem, "MPI refused a generalised request"};
    }
    begun = owner.release();
    *request = begun->request;
    communicator.begin(buffers, [begun](const Status& outcome) { complete(begun, outcome); });
    return {};
  });
  if (started.ok()) return {};
  if (begun != nullptr) {
    complete(begun, {});
    PMPI_Request_free(request);
  }
  // The other ranks are not to wait for this one.
  const Status declined = communicator.decline(buffers.pattern);
  if (declined.kind() == ErrorKind::kFailed) return declined;
  return Status::error(ErrorKind::kSystem, "rank %d cannot exchange in the background: %s",
                       communicator.rank(), started.message().c_str());
}

Status begin_decline(Communicator& communicator, const Pattern* pattern) {
  const Status begun = guarded([&]() -> Status {
    CAUSEWAY_TRY(check_threads(communicator.rank()));
    communicator.begin_decline(pattern);
    return {};
  });
  return begun.ok() ? communicator.error() : communicator.decline(pattern);
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
