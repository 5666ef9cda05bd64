// MPIX_Alltoallv, MPIX_Alltoallw and MPIX_Ialltoallv in their forms: as MPI has them, _c,
// _on_stream, _on_stream_c.
#include "arguments.hpp"
#include "comm_cache.hpp"
#include "entry.hpp"
#include "request.hpp"

#include <causeway/mpix.h>
#include <gpu.hpp>
#include <never_destroyed.hpp>

using namespace causeway;
using namespace causeway::mpi;

namespace {

/// How a call runs its exchange: to its end, on a stream, or in the background.
struct CallForm {
  enum Kind { kToItsEnd, kOnStream, kBegun } kind = kToItsEnd;
  void* stream = nullptr;
  MPI_Request* request = nullptr;
};

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

template <class Count, class Displacement>
int alltoallv(const char* call, const Side<Count, Displacement>& send,
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
      const Status filled = to_blocks(send, receive, rank, communicator.size(), &blocks);
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

}  // namespace

int PMPIX_Alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                    MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                    const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  return alltoallv<int, int>(
      "MPIX_Alltoallv",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {});
}
CAUSEWAY_ENTRY(Alltoallv);

int PMPIX_Alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                      MPI_Datatype sendtype, void* recvbuf, const MPI_Count recvcounts[],
                      const MPI_Aint rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  return alltoallv<MPI_Count, MPI_Aint>(
      "MPIX_Alltoallv_c",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {});
}
CAUSEWAY_ENTRY(Alltoallv_c);

int PMPIX_Alltoallv_on_stream(const void* sendbuf, const int sendcounts[], const int sdispls[],
                              MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                              const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                              void* stream) {
  return alltoallv<int, int>(
      "MPIX_Alltoallv_on_stream",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {CallForm::kOnStream, stream});
}
CAUSEWAY_ENTRY(Alltoallv_on_stream);

int PMPIX_Alltoallv_on_stream_c(const void* sendbuf, const MPI_Count sendcounts[],
                                const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                MPI_Datatype recvtype, MPI_Comm comm, void* stream) {
  return alltoallv<MPI_Count, MPI_Aint>(
      "MPIX_Alltoallv_on_stream_c",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {CallForm::kOnStream, stream});
}
CAUSEWAY_ENTRY(Alltoallv_on_stream_c);

int PMPIX_Ialltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                     MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                     const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                     MPI_Request* request) {
  return alltoallv<int, int>(
      "MPIX_Ialltoallv",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {CallForm::kBegun, nullptr, request});
}
CAUSEWAY_ENTRY(Ialltoallv);

int PMPIX_Ialltoallv_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                       MPI_Datatype sendtype, void* recvbuf, const MPI_Count recvcounts[],
                       const MPI_Aint rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                       MPI_Request* request) {
  return alltoallv<MPI_Count, MPI_Aint>(
      "MPIX_Ialltoallv_c",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {CallForm::kBegun, nullptr, request});
}
CAUSEWAY_ENTRY(Ialltoallv_c);

int PMPIX_Alltoallw(const void* sendbuf, const int sendcounts[], const int sdispls[],
                    const MPI_Datatype sendtypes[], void* recvbuf, const int recvcounts[],
                    const int rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm) {
  return alltoallv<int, int>("MPIX_Alltoallw",
                             {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls,
                              "sendtypes", MPI_DATATYPE_NULL, true, sendtypes},
                             {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls,
                              "recvtypes", MPI_DATATYPE_NULL, true, recvtypes},
                             comm, {});
}
CAUSEWAY_ENTRY(Alltoallw);

int PMPIX_Alltoallw_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                      const MPI_Datatype sendtypes[], void* recvbuf, const MPI_Count recvcounts[],
                      const MPI_Aint rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm) {
  return alltoallv<MPI_Count, MPI_Aint>("MPIX_Alltoallw_c",
                                        {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls",
                                         sdispls, "sendtypes", MPI_DATATYPE_NULL, true, sendtypes},
                                        {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls",
                                         rdispls, "recvtypes", MPI_DATATYPE_NULL, true, recvtypes},
                                        comm, {});
}
CAUSEWAY_ENTRY(Alltoallw_c);
