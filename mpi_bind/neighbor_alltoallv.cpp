// MPIX_Neighbor_alltoallv, MPIX_Neighbor_alltoallw and MPIX_Ineighbor_alltoallv in their forms: as
// MPI has them, _c, _on_stream, _on_stream_c.
#include "entry.hpp"
#include "exchange.hpp"

#include <causeway/mpix.h>

using namespace causeway::mpi;

int PMPIX_Neighbor_alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                             MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                             const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  return exchange("MPIX_Neighbor_alltoallv", Among::kNeighbors,
                  sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm);
}
CAUSEWAY_ENTRY(Neighbor_alltoallv);

int PMPIX_Neighbor_alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                               const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                               const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                               MPI_Datatype recvtype, MPI_Comm comm) {
  return exchange("MPIX_Neighbor_alltoallv_c", Among::kNeighbors,
                  sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm);
}
CAUSEWAY_ENTRY(Neighbor_alltoallv_c);

int PMPIX_Neighbor_alltoallw(const void* sendbuf, const int sendcounts[], const MPI_Aint sdispls[],
                             const MPI_Datatype sendtypes[], void* recvbuf, const int recvcounts[],
                             const MPI_Aint rdispls[], const MPI_Datatype recvtypes[],
                             MPI_Comm comm) {
  return exchange("MPIX_Neighbor_alltoallw", Among::kNeighbors,
                  sends(sendbuf, sendcounts, sdispls, sendtypes),
                  receives(recvbuf, recvcounts, rdispls, recvtypes), comm);
}
CAUSEWAY_ENTRY(Neighbor_alltoallw);

int PMPIX_Neighbor_alltoallw_c(const void* sendbuf, const MPI_Count sendcounts[],
                               const MPI_Aint sdispls[], const MPI_Datatype sendtypes[],
                               void* recvbuf, const MPI_Count recvcounts[],
                               const MPI_Aint rdispls[], const MPI_Datatype recvtypes[],
                               MPI_Comm comm) {
  return exchange("MPIX_Neighbor_alltoallw_c", Among::kNeighbors,
                  sends(sendbuf, sendcounts, sdispls, sendtypes),
                  receives(recvbuf, recvcounts, rdispls, recvtypes), comm);
}
CAUSEWAY_ENTRY(Neighbor_alltoallw_c);

int PMPIX_Neighbor_alltoallv_on_stream(const void* sendbuf, const int sendcounts[],
                                       const int sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                       const int recvcounts[], const int rdispls[],
                                       MPI_Datatype recvtype, MPI_Comm comm, void* stream) {
  return exchange("MPIX_Neighbor_alltoallv_on_stream", Among::kNeighbors,
                  sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm,
                  {CallForm::kOnStream, stream});
}
CAUSEWAY_ENTRY(Neighbor_alltoallv_on_stream);

int PMPIX_Neighbor_alltoallv_on_stream_c(const void* sendbuf, const MPI_Count sendcounts[],
                                         const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                         void* recvbuf, const MPI_Count recvcounts[],
                                         const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                         MPI_Comm comm, void* stream) {
  return exchange("MPIX_Neighbor_alltoallv_on_stream_c", Among::kNeighbors,
                  sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm,
                  {CallForm::kOnStream, stream});
}
CAUSEWAY_ENTRY(Neighbor_alltoallv_on_stream_c);

int PMPIX_Ineighbor_alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                              MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                              const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                              MPI_Request* request) {
  return exchange(
      "MPIX_Ineighbor_alltoallv", Among::kNeighbors, sends(sendbuf, sendcounts, sdispls, sendtype),
      receives(recvbuf, recvcounts, rdispls, recvtype), comm, {CallForm::kBegun, nullptr, request});
}
CAUSEWAY_ENTRY(Ineighbor_alltoallv);

int PMPIX_Ineighbor_alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                MPI_Datatype recvtype, MPI_Comm comm, MPI_Request* request) {
  return exchange("MPIX_Ineighbor_alltoallv_c", Among::kNeighbors,
                  sends(sendbuf, sendcounts, sdispls, sendtype),
                  receives(recvbuf, recvcounts, rdispls, recvtype), comm,
                  {CallForm::kBegun, nullptr, request});
}
CAUSEWAY_ENTRY(Ineighbor_alltoallv_c);
