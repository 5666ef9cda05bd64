// The operations that are measured, in the forms in which causeway and MPI have them.
#include "operations.hpp"

#include <mpi.h>

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

}  // namespace

constexpr Operation kAlltoallv{[](const Call& call) { return with_blocks(MPIX_Alltoallv, call); },
                               [](const Call& call, void* stream) {
                                 return with_blocks(MPIX_Alltoallv_on_stream, call, stream);
                               },
                               [](const Call& call, MPIX_Plan* plan) {
                                 return with_blocks(MPIX_Alltoallv_plan, call, MPI_INFO_NULL, plan);
                               },
                               [](const Call& call) { return with_blocks(MPI_Alltoallv, call); }};

}  // namespace causeway::osu
