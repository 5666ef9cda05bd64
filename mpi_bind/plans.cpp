// MPIX_Alltoallv_plan, _c, MPIX_Plan_start, _free.
#include "arguments.hpp"
#include "comm_cache.hpp"
#include "entry.hpp"
#include "handles.hpp"
#include "info.hpp"

#include <causeway/mpix.h>

using namespace causeway;
using namespace causeway::mpi;

struct causeway_plan : Handle<PlannedExchange> {};

namespace {

HandleTable<causeway_plan>& plans() {
  static auto& table = *new HandleTable<causeway_plan>("plan", "MPIX_PLAN_NULL", "a plan");
  return table;
}

template <class Count, class Displacement>
int make_plan(const char* call, const Side<Count, Displacement>& send,
              const Side<Count, Displacement>& receive, MPI_Comm comm, MPI_Info info,
              MPIX_Plan* plan) {
  return enter(comm, call, [&]() -> Status {
    std::shared_ptr<Communicator> communicator;
    CAUSEWAY_TRY(attach(comm, MPI_INFO_NULL, {}, &communicator));
    const int rank = communicator->rank();
    // The other ranks are not to wait for one whose arguments are wrong.
    Blocks blocks{};
    Status valid = to_blocks(send, receive, rank, communicator->size(), &blocks);
    if (valid.ok() && send.buffer == MPI_IN_PLACE) {
      valid = Status::error(ErrorKind::kBuffer,
                            "sendbuf is MPI_IN_PLACE on rank %d; a plan cannot copy it", rank);
    }
    if (valid.ok() && plan == nullptr) {
      valid = Status::error(ErrorKind::kArgument, "plan is NULL on rank %d", rank);
    }
    PlanSettings settings;
    if (valid.ok()) valid = read_plan_settings(info, &settings);
    std::unique_ptr<MpiBootstrap> bootstrap;
    CAUSEWAY_TRY(MpiBootstrap::create(comm, &bootstrap));
    const PlannedExchange* planned = nullptr;
    CAUSEWAY_TRY(communicator->plan(
        *bootstrap, {blocks.sendbuf, blocks.send, blocks.recvbuf, blocks.receive, false}, valid,
        &planned, settings));
    *plan = plans().keep({{comm, communicator, planned}});
    return {};
  });
}

}  // namespace

int PMPIX_Alltoallv_plan(const void* sendbuf, const int sendcounts[], const int sdispls[],
                         MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                         const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm, MPI_Info info,
                         MPIX_Plan* plan) {
  return make_plan<int, int>(
      "MPIX_Alltoallv_plan",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, info, plan);
}
CAUSEWAY_ENTRY(Alltoallv_plan);

int PMPIX_Alltoallv_plan_c(const void* sendbuf, const MPI_Count sendcounts[],
                           const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                           const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                           MPI_Datatype recvtype, MPI_Comm comm, MPI_Info info, MPIX_Plan* plan) {
  return make_plan<MPI_Count, MPI_Aint>(
      "MPIX_Alltoallv_plan_c",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, info, plan);
}
CAUSEWAY_ENTRY(Alltoallv_plan_c);

int PMPIX_Plan_start(MPIX_Plan plan, void* stream) {
  return enter(plans().comm_of(plan), "MPIX_Plan_start", [&]() -> Status {
    std::shared_ptr<Communicator> communicator;
    CAUSEWAY_TRY(plans().find_communicator(plan, &communicator));
    return communicator->start(*plan->thing, stream);
  });
}
CAUSEWAY_ENTRY(Plan_start);

int PMPIX_Plan_free(MPIX_Plan* plan) {
  return enter(plans().comm_of(plan), "MPIX_Plan_free", [&] {
    return plans().free(
        plan, [](Communicator& communicator, Bootstrap& bootstrap, const PlannedExchange* planned) {
          return communicator.free_planned(bootstrap, planned);
        });
  });
}
CAUSEWAY_ENTRY(Plan_free);
