// MPIX_Alltoallv_plan, _c, MPIX_Plan_start, _free.
#include "arguments.hpp"
#include "comm_cache.hpp"
#include "entry.hpp"
#include "handles.hpp"
#include "info.hpp"
#include "mpi_bootstrap.hpp"

#include <causeway/mpix.h>

using namespace causeway;
using namespace causeway::mpi;

struct causeway_plan : Handle<PlannedExchange> {};

namespace {

HandleTable<causeway_plan>& plans() {
  static auto& table = *new HandleTable<causeway_plan>;
  return table;
}

Status check_plan(MPIX_Plan plan) {
  if (plan == MPIX_PLAN_NULL) return {ErrorKind::kArgument, "plan is MPIX_PLAN_NULL"};
  if (plans().has(plan)) return {};
  return Status::error(ErrorKind::kArgument, "plan = %p is not a plan", static_cast<void*>(plan));
}

/// Where a plan's errors are raised.
MPI_Comm comm_of(MPIX_Plan plan) {
  return check_plan(plan).ok() && !plan->communicator.expired() ? plan->comm : MPI_COMM_WORLD;
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
    Blocks blocks;
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
        *bootstrap,
        {send.buffer, blocks.send, const_cast<void*>(receive.buffer), blocks.receive, false}, valid,
        &planned, settings));
    *plan =
        plans().keep(std::make_unique<causeway_plan>(causeway_plan{{comm, communicator, planned}}));
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
  return enter(comm_of(plan), "MPIX_Plan_start", [&]() -> Status {
    CAUSEWAY_TRY(check_plan(plan));
    const std::shared_ptr<Communicator> communicator = plan->communicator.lock();
    if (communicator == nullptr) {
      return {ErrorKind::kComm, "the plan's communicator has been detached"};
    }
    return communicator->start(*plan->thing, stream);
  });
}
CAUSEWAY_ENTRY(Plan_start);

int PMPIX_Plan_free(MPIX_Plan* plan) {
  const MPI_Comm comm = plan == nullptr ? MPI_COMM_WORLD : comm_of(*plan);
  return enter(comm, "MPIX_Plan_free", [&]() -> Status {
    if (plan == nullptr) return {ErrorKind::kArgument, "plan is NULL"};
    CAUSEWAY_TRY(check_plan(*plan));
    const causeway_plan handle = **plan;
    plans().drop(*plan);
    *plan = MPIX_PLAN_NULL;
    const std::shared_ptr<Communicator> communicator = handle.communicator.lock();
    if (communicator == nullptr) return {};
    std::unique_ptr<MpiBootstrap> bootstrap;
    CAUSEWAY_TRY(MpiBootstrap::create(comm, &bootstrap));
    return communicator->free_planned(*bootstrap, handle.thing);
  });
}
CAUSEWAY_ENTRY(Plan_free);
