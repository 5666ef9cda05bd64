// MPIX_Alltoallv_plan, MPIX_Neighbor_alltoallv_plan, each with _c, MPIX_Plan_start, _free.
#include "plans.hpp"
#include "entry.hpp"
#include "exchange.hpp"
#include "handles.hpp"
#include "info.hpp"

#include <causeway/mpix.h>
#include <never_destroyed.hpp>

using namespace causeway;
using namespace causeway::mpi;

struct causeway_plan : Handle<PlannedExchange> {};

namespace {

HandleTable<causeway_plan>& plans() {
  static NeverDestroyed<HandleTable<causeway_plan>> table("plan", "MPIX_PLAN_NULL", "a plan");
  return table.get();
}

/// A plan of blocks for all ranks or for neighbours.
template <class Count, class Displacement>
int make_plan(const char* call, Among among, const Side<Count, Displacement>& send,
              const Side<Count, Displacement>& receive, MPI_Comm comm, MPI_Info info,
              MPIX_Plan* plan) {
  const auto attach = [&](std::shared_ptr<Attached>* attached) {
    return attach_for(among, comm, {}, attached);
  };
  const auto fill = [&](const Attached& attached, Blocks* blocks, Pattern*, Buffers* buffers) {
    return to_buffers(attached, among, send, receive, blocks, buffers);
  };
  // By reference: a copy may lack memory here, where nobody would be told.
  return make_plan(call, comm, std::ref(attach), send.buffer, std::ref(fill), info, plan);
}

}  // namespace

int causeway::mpi::make_plan(const char* call, MPI_Comm comm,
                             const std::function<Status(std::shared_ptr<Attached>*)>& attach,
                             const void* sendbuf, const FillPlan& fill, MPI_Info info,
                             MPIX_Plan* plan) {
  return enter(comm, call, [&]() -> Status {
    std::shared_ptr<Attached> attached;
    CAUSEWAY_TRY(attach(&attached));
    Communicator& communicator = *attached->communicator;
    Blocks blocks;
    Pattern pattern;
    Buffers buffers{};
    PlanSettings settings;
    const auto check = [&]() -> Status {
      const int rank = communicator.rank();
      CAUSEWAY_TRY(fill(*attached, &blocks, &pattern, &buffers));
      if (sendbuf == MPI_IN_PLACE) {
        return Status::error(ErrorKind::kBuffer,
                             "sendbuf is MPI_IN_PLACE on rank %d; a plan cannot copy it", rank);
      }
      if (plan == nullptr) {
        return Status::error(ErrorKind::kArgument, "plan is NULL on rank %d", rank);
      }
      return read_plan_settings(info, &settings);
    };
    return plans().make(comm, attached, check, plan, [&](const Status& valid, auto* planned) {
      return communicator.plan(*attached->bootstrap, buffers, valid, planned, settings);
    });
  });
}

int PMPIX_Alltoallv_plan(const void* sendbuf, const int sendcounts[], const int sdispls[],
                         MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                         const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm, MPI_Info info,
                         MPIX_Plan* plan) {
  return make_plan("MPIX_Alltoallv_plan", Among::kAll,
                   sends(sendbuf, sendcounts, sdispls, sendtype),
                   receives(recvbuf, recvcounts, rdispls, recvtype), comm, info, plan);
}
CAUSEWAY_ENTRY(Alltoallv_plan);

int PMPIX_Alltoallv_plan_c(const void* sendbuf, const MPI_Count sendcounts[],
                           const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                           const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                           MPI_Datatype recvtype, MPI_Comm comm, MPI_Info info, MPIX_Plan* plan) {
  return make_plan("MPIX_Alltoallv_plan_c", Among::kAll,
                   sends(sendbuf, sendcounts, sdispls, sendtype),
                   receives(recvbuf, recvcounts, rdispls, recvtype), comm, info, plan);
}
CAUSEWAY_ENTRY(Alltoallv_plan_c);

int PMPIX_Neighbor_alltoallv_plan(const void* sendbuf, const int sendcounts[], const int sdispls[],
                                  MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                                  const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                                  MPI_Info info, MPIX_Plan* plan) {
  return make_plan("MPIX_Neighbor_alltoallv_plan", Among::kNeighbors,
                   sends(sendbuf, sendcounts, sdispls, sendtype),
                   receives(recvbuf, recvcounts, rdispls, recvtype), comm, info, plan);
}
CAUSEWAY_ENTRY(Neighbor_alltoallv_plan);

int PMPIX_Neighbor_alltoallv_plan_c(const void* sendbuf, const MPI_Count sendcounts[],
                                    const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                    const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                    MPI_Datatype recvtype, MPI_Comm comm, MPI_Info info,
                                    MPIX_Plan* plan) {
  return make_plan("MPIX_Neighbor_alltoallv_plan_c", Among::kNeighbors,
                   sends(sendbuf, sendcounts, sdispls, sendtype),
                   receives(recvbuf, recvcounts, rdispls, recvtype), comm, info, plan);
}
CAUSEWAY_ENTRY(Neighbor_alltoallv_plan_c);

int PMPIX_Plan_start(MPIX_Plan plan, void* stream) {
  return enter(plans().comm_of(plan), "MPIX_Plan_start", [&]() -> Status {
    std::shared_ptr<Attached> attached;
    CAUSEWAY_TRY(plans().find_attached(plan, &attached));
    return attached->communicator->start(*plan->thing, stream);
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
