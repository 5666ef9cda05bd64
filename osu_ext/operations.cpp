// The operations that are measured, in the forms in which causeway and MPI have them.
#include "operations.hpp"

#include <mpi.h>

#include <cstddef>

namespace causeway::osu {
namespace {

/// Calls a function whose arguments are MPI_Alltoallv's and `more` behind them.
template <class Function, class... More>
int with_blocks(Function* function, const Call& call, More... more) {
  const Blocks& sent = *call.sent;
  const Blocks& received = *call.received;
  return function(call.send, sent.counts.data(), sent.displacements.data(), call.type, call.receive,
                  received.counts.data(), received.displacements.data(), call.type, call.comm,
                  more...);
}

/// Begins a call of a function like MPI_Ialltoallv, and waits for its end.
template <class Function>
int begin_and_wait(Function* function, const Call& call) {
  MPI_Request request = MPI_REQUEST_NULL;
  const int begun = with_blocks(function, call, &request);
  return begun == MPI_SUCCESS ? MPI_Wait(&request, MPI_STATUS_IGNORE) : begun;
}

constexpr int kTag = 0;

int rank_for_mpi(const End& end) { return end.rank == kNobody ? MPI_PROC_NULL : end.rank; }

/// Calls a function whose arguments are MPI_Sendrecv's up to the communicator, and `more` behind
/// them.
template <class Function, class... More>
int with_messages(Function* function, const Call& call, More... more) {
  const Blocks& sent = *call.sent;
  const Blocks& received = *call.received;
  const auto* const send = static_cast<const std::byte*>(call.send) + sent.offsets.front();
  auto* const receive = static_cast<std::byte*>(call.receive) + received.offsets.front();
  return function(send, sent.counts.front(), call.type, rank_for_mpi(sent.ends.front()), kTag,
                  receive, received.counts.front(), call.type, rank_for_mpi(received.ends.front()),
                  kTag, call.comm, more...);
}

}  // namespace

constexpr Operation kAlltoallv{
    [](const Call& call) { return with_blocks(MPIX_Alltoallv, call); },
    [](const Call& call, void* stream) {
      return with_blocks(MPIX_Alltoallv_on_stream, call, stream);
    },
    [](const Call& call, MPIX_Plan* plan) {
      return with_blocks(MPIX_Alltoallv_plan, call, MPI_INFO_NULL, plan);
    },
    [](const Call& call) { return with_blocks(MPI_Alltoallv, call); },
    [](const Call& call) { return begin_and_wait(MPIX_Ialltoallv, call); },
    [](const Call& call) { return begin_and_wait(MPI_Ialltoallv, call); }};

constexpr Operation kSendrecv{
    [](const Call& call) { return with_messages(MPIX_Sendrecv, call, MPI_STATUS_IGNORE); },
    [](const Call& call, void* stream) {
      return with_messages(MPIX_Sendrecv_on_stream, call, stream);
    },
    [](const Call& call, MPIX_Plan* plan) {
      return with_messages(MPIX_Sendrecv_plan, call, MPI_INFO_NULL, plan);
    },
    [](const Call& call) { return with_messages(MPI_Sendrecv, call, MPI_STATUS_IGNORE); },
    nullptr,
    nullptr};

constexpr Operation kNeighborAlltoallv{
    [](const Call& call) { return with_blocks(MPIX_Neighbor_alltoallv, call); },
    [](const Call& call, void* stream) {
      return with_blocks(MPIX_Neighbor_alltoallv_on_stream, call, stream);
    },
    [](const Call& call, MPIX_Plan* plan) {
      return with_blocks(MPIX_Neighbor_alltoallv_plan, call, MPI_INFO_NULL, plan);
    },
    [](const Call& call) { return with_blocks(MPI_Neighbor_alltoallv, call); },
    [](const Call& call) { return begin_and_wait(MPIX_Ineighbor_alltoallv, call); },
    [](const Call& call) { return begin_and_wait(MPI_Ineighbor_alltoallv, call); }};

}  // namespace causeway::osu
