// What the entry points of exchanges have in common.
#include "exchange.hpp"

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
Status check_form(const CallForm& form, Among among, bool in_place, int rank) {
  if (in_place && among == Among::kNeighbors) {
    return Status::error(ErrorKind::kBuffer,
                         "sendbuf is MPI_IN_PLACE on rank %d; neighbours take nothing in place",
                         rank);
  }
  if (in_place && form.kind == CallForm::kOnStream) {
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
      return communicator.enqueue(buffers, form.stream);
    case CallForm::kBegun:
      return begin(comm, call, communicator, buffers, form.request);
    default:
      return communicator.exchange(buffers);
  }
}

/// Has the other ranks not wait for a call whose arguments are wrong.
Status decline(Communicator& communicator, const Pattern* pattern, const CallForm& form) {
  switch (form.kind) {
    case CallForm::kOnStream:
      return communicator.enqueue_decline(form.stream, pattern);
    case CallForm::kBegun:
      return begin_decline(communicator, pattern);
    default:
      return communicator.decline(pattern);
  }
}

}  // namespace

Status attach_for(Among among, MPI_Comm comm, const Status& ready,
                  std::shared_ptr<Attached>* attached) {
  CAUSEWAY_TRY(check_comm(comm));
  if (among == Among::kNeighbors) CAUSEWAY_TRY(check_topology(comm));
  return attach(comm, MPI_INFO_NULL, ready, attached);
}

template <class Count, class Displacement>
Status to_buffers(const Attached& attached, Among among, const Side<Count, Displacement>& send,
                  const Side<Count, Displacement>& receive, Blocks* blocks, Buffers* buffers) {
  const Communicator& communicator = *attached.communicator;
  Ends targets{static_cast<std::size_t>(communicator.size())};
  Ends sources = targets;
  const Pattern* pattern = nullptr;
  if (among == Among::kNeighbors) {
    const Neighbors& neighbors = *attached.neighbors;
    targets = {neighbors.targets.size(), neighbors.targets};
    sources = {neighbors.sources.size(), neighbors.sources};
    pattern = &neighbors.pattern;
  }
  buffers->pattern = pattern;
  CAUSEWAY_TRY(to_blocks(send, receive, communicator.rank(), targets, sources, blocks));
  *buffers = {
      blocks->sendbuf, blocks->send, blocks->recvbuf, blocks->receive, send.buffer == MPI_IN_PLACE,
      pattern};
  return {};
}

template <class Count, class Displacement>
int exchange(const char* call, Among among, const Side<Count, Displacement>& send,
             const Side<Count, Displacement>& receive, MPI_Comm comm, const CallForm& form) {
  return enter(comm, call, [&]() -> Status {
    if (form.request != nullptr) *form.request = MPI_REQUEST_NULL;
    std::shared_ptr<Attached> made;
    const Attached* attached = find_known(comm).attached;
    if (attached == nullptr || (among == Among::kNeighbors && attached->neighbors == nullptr)) {
      CAUSEWAY_TRY(attach_for(among, comm, check_not_captured(form), &made));
      attached = made.get();
    }
    Communicator& communicator = *attached->communicator;
    Buffers buffers{};
    const Status valid = guarded([&]() -> Status {
      Blocks& blocks = of_this_thread<Blocks>();
      const Status filled = to_buffers(*attached, among, send, receive, &blocks, &buffers);
      CAUSEWAY_TRY(check_form(form, among, send.buffer == MPI_IN_PLACE, communicator.rank()));
      return filled;
    });
    if (valid.ok()) return run(comm, call, communicator, buffers, form);
    const Status declined = decline(communicator, buffers.pattern, form);
    return declined.kind() == ErrorKind::kFailed ? declined : valid;
  });
}

template Status to_buffers(const Attached&, Among, const Side<int, int>&, const Side<int, int>&,
                           Blocks*, Buffers*);
template int exchange(const char*, Among, const Side<int, int>&, const Side<int, int>&, MPI_Comm,
                      const CallForm&);
template Status to_buffers(const Attached&, Among, const Side<int, MPI_Aint>&,
                           const Side<int, MPI_Aint>&, Blocks*, Buffers*);
template int exchange(const char*, Among, const Side<int, MPI_Aint>&, const Side<int, MPI_Aint>&,
                      MPI_Comm, const CallForm&);
template Status to_buffers(const Attached&, Among, const Side<MPI_Count, MPI_Aint>&,
                           const Side<MPI_Count, MPI_Aint>&, Blocks*, Buffers*);
template int exchange(const char*, Among, const Side<MPI_Count, MPI_Aint>&,
                      const Side<MPI_Count, MPI_Aint>&, MPI_Comm, const CallForm&);

}  // namespace causeway::mpi
