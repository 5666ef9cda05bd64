// MPIX_Alltoall, MPIX_Alltoallv, MPIX_Alltoallw and MPIX_Ialltoallv in their forms: as MPI has
// them, _c, _on_stream, _on_stream_c.
#include "entry.hpp"
#include "exchange.hpp"

#include <causeway/mpix.h>

using namespace causeway::mpi;

int PMPIX_Alltoall(const void* sendbuf, int sendcount, MPI_Datatype sendtype, void* recvbuf,
                   int recvcount, MPI_Datatype recvtype, MPI_Comm comm) {
  return exchange("MPIX_Alltoall", Among::kAll, sends(sendbuf, sendcount, sendtype),
                  receives(recvbuf, recvcount, recvtype), comm);
}
CAUSEWAY_ENTRY(Alltoall);

int PMPIX_Alltoall_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, void* recvbuf,
                     MPI_Count recvcount, MPI_Datatype recvtype, MPI_Comm comm) {
  return exchange("MPIX_Alltoall_c", Among::kAll, sends(sendbuf, sendcount, sendtype),
                  receives(recvbuf, recvcount, recvtype), comm);
}
CAUSEWAY_ENTRY(Alltoall_c);

int PMPIX_Alltoall_on_stream(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                             void* recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm,
                             void* stream) {
  return exchange("MPIX_Alltoall_on_stream", Among::kAll, sends(sendbuf, sendcount, sendtype),
                  receives(recvbuf, recvcount, recvtype), comm, {CallForm::kOnStream, stream});
}
CAUSEWAY_ENTRY(Alltoall_on_stream);

int PMPIX_Alltoall_on_stream_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype,
                               void* recvbuf, MPI_Count recvcount, MPI_Datatype recvtype,
                               MPI_Comm comm, void* stream) {
  return exchange("MPIX_Alltoall_on_stream_c", Among::kAll, sends(sendbuf, sendcount, sendtype),
                  receives(recvbuf, recvcount, recvtype), comm, {CallForm::kOnStream, stream});
}
CAUSEWAY_ENTRY(Alltoall_on_stream_c);

int PMPIX_Alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                    MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                    const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  return exchange("MPIX_Alltoallv", Among::kAll, sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm);
}
CAUSEWAY_ENTRY(Alltoallv);

int PMPIX_Alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                      MPI_Datatype sendtype, void* recvbuf, const MPI_Count recvcounts[],
                      const MPI_Aint rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  return exchange("MPIX_Alltoallv_c", Among::kAll, sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm);
}
CAUSEWAY_ENTRY(Alltoallv_c);

int PMPIX_Alltoallv_on_stream(const void* sendbuf, const int sendcounts[], const int sdispls[],
                              MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                              const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                              void* stream) {
  return exchange(
      "MPIX_Alltoallv_on_stream", Among::kAll, sends(sendbuf, sendcounts, sdispls, sendtype),
      receives(recvbuf, recvcounts, rdispls, recvtype), comm, {CallForm::kOnStream, stream});
}
CAUSEWAY_ENTRY(Alltoallv_on_stream);

int PMPIX_Alltoallv_on_stream_c(const void* sendbuf, const MPI_Count sendcounts[],
                                const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                MPI_Datatype recvtype, MPI_Comm comm, void* stream) {
  return exchange(
      "MPIX_Alltoallv_on_stream_c", Among::kAll, sends(sendbuf, sendcounts, sdispls, sendtype),
      receives(recvbuf, recvcounts, rdispls, recvtype), comm, {CallForm::kOnStream, stream});
}
CAUSEWAY_ENTRY(Alltoallv_on_stream_c);

int PMPIX_Ialltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                     MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                     const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                     MPI_Request* request) {
  return exchange("MPIX_Ialltoallv", Among::kAll, sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm,
                  {CallForm::kBegun, nullptr, request});
}
CAUSEWAY_ENTRY(Ialltoallv);

int PMPIX_Ialltoallv_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                       MPI_Datatype sendtype, void* recvbuf, const MPI_Count recvcounts[],
                       const MPI_Aint rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                       MPI_Request* request) {
  return exchange("MPIX_Ialltoallv_c", Among::kAll, sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm,
                  {CallForm::kBegun, nullptr, request});
}
CAUSEWAY_ENTRY(Ialltoallv_c);

int PMPIX_Alltoallw(const void* sendbuf, const int sendcounts[], const int sdispls[],
                    const MPI_Datatype sendtypes[], void* recvbuf, const int recvcounts[],
                    const int rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm) {
  return exchange("MPIX_Alltoallw", Among::kAll, sends(sendbuf, sendcounts, sdispls, sendtypes),
                  receives(recvbuf, recvcounts, rdispls, recvtypes), comm);
}
CAUSEWAY_ENTRY(Alltoallw);

int PMPIX_Alltoallw_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                      const MPI_Datatype sendtypes[], void* recvbuf, const MPI_Count recvcounts[],
                      const MPI_Aint rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm) {
  return exchange("MPIX_Alltoallw_c", Among::kAll, sends(sendbuf, sendcounts, sdispls, sendtypes),
                  receives(recvbuf, recvcounts, rdispls, recvtypes), comm);
}
CAUSEWAY_ENTRY(Alltoallw_c);
