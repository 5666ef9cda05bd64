// What the entry points of exchanges have in common.
#include "exchange.hpp"

#include "comm_cache.hpp"
#include "entry.hpp"
#include "request.hpp"

#include <gpu.hpp>
#include <never_destroyed.hpp>

namespace causeway::mpi {

namespace {

/// An error for a first use of a communicator that cannot set it up.
Status check_not_captured(const CallForm& form) {
  if (form.kind != CallForm::kOnStream || form.stream == nullptr || !is_capturing(form.stream))
    return {};
  return {ErrorKind::kUnsupported,
          "comm is not attached and stream is being captured: call MPIX_Comm_attach before"};
}

/// An error unless the exchange can be run in this form.
Status check_form(const CallForm& form, const void* sendbuf, int rank) {
  if (form.kind == CallForm::kOnStream && sendbuf == MPI_IN_PLACE) {
    return Status::error(ErrorKind::kBuffer,
                         "sendbuf is MPI_IN_PLACE on rank %d; a stream call cannot copy it", rank);
  }
  if (form.kind != CallForm::kBegun) return {};
  if (form.request == nullptr) {
    return Status::error(ErrorKind::kArgument, "request is NULL on rank %d", rank);
  }
  return check_threads(rank);
}

Status run(MPI_Comm comm, const char* call, Communicator& communicator, const Buffers& buffers,
           const CallForm& form) {
  switch (form.kind) {
    case CallForm::kOnStream:
      return communicator.enqueue_alltoallv(buffers, form.stream);
    case CallForm::kBegun:
      return begin(comm, call, communicator, buffers, form.request);
    default:
      return communicator.alltoallv(buffers);
  }
}

/// Has the other ranks not wait for a call whose arguments are wrong.
Status decline(Communicator& communicator, const CallForm& form) {
  switch (form.kind) {
    case CallForm::kOnStream:
      return communicator.enqueue_decline(form.stream);
    case CallForm::kBegun:
      return begin_decline(communicator);
    default:
      return communicator.decline();
  }
}

}  // namespace

template <class Count, class Displacement>
int exchange(const char* call, const Side<Count, Displacement>& send,
             const Side<Count, Displacement>& receive, MPI_Comm comm, const CallForm& form) {
  return enter(comm, call, [&]() -> Status {
    if (form.request != nullptr) *form.request = MPI_REQUEST_NULL;
    std::shared_ptr<Attached> attached = find_attached(comm);
    if (attached == nullptr) {
      CAUSEWAY_TRY(attach(comm, MPI_INFO_NULL, check_not_captured(form), &attached));
    }
    Communicator& communicator = *attached->communicator;
    const int rank = communicator.rank();
    Buffers buffers{};
    const Status valid = guarded([&]() -> Status {
      Blocks& blocks = of_this_thread<Blocks>();
      const auto ranks = static_cast<std::size_t>(communicator.size());
      const Status filled = to_blocks(send, receive, rank, {ranks, ranks}, &blocks);
      buffers = {blocks.sendbuf, blocks.send, blocks.recvbuf, blocks.receive,
                 send.buffer == MPI_IN_PLACE};
      CAUSEWAY_TRY(check_form(form, send.buffer, rank));
      return filled;
    });
    if (valid.ok()) return run(comm, call, communicator, buffers, form);
    const Status declined = decline(communicator, form);
    return declined.kind() == ErrorKind::kFailed ? declined : valid;
  });
}

template int exchange(const char*, const Side<int, int>&, const Side<int, int>&, MPI_Comm,
                      const CallForm&);
template int exchange(const char*, const Side<int, MPI_Aint>&, const Side<int, MPI_Aint>&, MPI_Comm,
                      const CallForm&);
template int exchange(const char*, const Side<MPI_Count, MPI_Aint>&,
                      const Side<MPI_Count, MPI_Aint>&, MPI_Comm, const CallForm&);

}  // namespace causeway::mpi
