/* The PMPIX_ names of causeway's C API, for profilers, each documented as its MPIX_ name is. */
#ifndef CAUSEWAY_PMPIX_H
#define CAUSEWAY_PMPIX_H

#include <causeway/mpix.h>

#ifdef __cplusplus
extern "C" {
#endif

CAUSEWAY_API int PMPIX_Alltoall(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                                void* recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm);
CAUSEWAY_API int PMPIX_Alltoall_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype,
                                  void* recvbuf, MPI_Count recvcount, MPI_Datatype recvtype,
                                  MPI_Comm comm);
CAUSEWAY_API int PMPIX_Alltoall_on_stream(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                                          void* recvbuf, int recvcount, MPI_Datatype recvtype,
                                          MPI_Comm comm, void* stream);
CAUSEWAY_API int PMPIX_Alltoall_on_stream_c(const void* sendbuf, MPI_Count sendcount,
                                            MPI_Datatype sendtype, void* recvbuf,
                                            MPI_Count recvcount, MPI_Datatype recvtype,
                                            MPI_Comm comm, void* stream);
CAUSEWAY_API int PMPIX_Alltoallv_on_stream(const void* sendbuf, const int sendcounts[],
                                           const int sdispls[], MPI_Datatype sendtype,
                                           void* recvbuf, const int recvcounts[],
                                           const int rdispls[], MPI_Datatype recvtype,
                                           MPI_Comm comm, void* stream);
CAUSEWAY_API int PMPIX_Alltoallv_on_stream_c(const void* sendbuf, const MPI_Count sendcounts[],
                                             const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                             void* recvbuf, const MPI_Count recvcounts[],
                                             const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                             MPI_Comm comm, void* stream);
CAUSEWAY_API int PMPIX_Ialltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                                  MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                                  const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                                  MPI_Request* request);
CAUSEWAY_API int PMPIX_Ialltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                    const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                    const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                    MPI_Datatype recvtype, MPI_Comm comm, MPI_Request* request);
CAUSEWAY_API int PMPIX_Comm_attach(MPI_Comm comm, MPI_Info info);
CAUSEWAY_API int PMPIX_Comm_detach(MPI_Comm comm);
CAUSEWAY_API int PMPIX_Comm_get_error(MPI_Comm comm, int* code);
CAUSEWAY_API int PMPIX_Comm_abort(MPI_Comm comm);
CAUSEWAY_API int PMPIX_Alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                                 MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                                 const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm);
CAUSEWAY_API int PMPIX_Alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                   const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                   const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                   MPI_Datatype recvtype, MPI_Comm comm);
CAUSEWAY_API int PMPIX_Alltoallw(const void* sendbuf, const int sendcounts[], const int sdispls[],
                                 const MPI_Datatype sendtypes[], void* recvbuf,
                                 const int recvcounts[], const int rdispls[],
                                 const MPI_Datatype recvtypes[], MPI_Comm comm);
CAUSEWAY_API int PMPIX_Alltoallw_c(const void* sendbuf, const MPI_Count sendcounts[],
                                   const MPI_Aint sdispls[], const MPI_Datatype sendtypes[],
                                   void* recvbuf, const MPI_Count recvcounts[],
                                   const MPI_Aint rdispls[], const MPI_Datatype recvtypes[],
                                   MPI_Comm comm);
CAUSEWAY_API int PMPIX_Neighbor_alltoallv(const void* sendbuf, const int sendcounts[],
                                          const int sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                          const int recvcounts[], const int rdispls[],
                                          MPI_Datatype recvtype, MPI_Comm comm);
CAUSEWAY_API int PMPIX_Neighbor_alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                            const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                            void* recvbuf, const MPI_Count recvcounts[],
                                            const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                            MPI_Comm comm);
CAUSEWAY_API int PMPIX_Neighbor_alltoallw(const void* sendbuf, const int sendcounts[],
                                          const MPI_Aint sdispls[], const MPI_Datatype sendtypes[],
                                          void* recvbuf, const int recvcounts[],
                                          const MPI_Aint rdispls[], const MPI_Datatype recvtypes[],
                                          MPI_Comm comm);
CAUSEWAY_API int PMPIX_Neighbor_alltoallw_c(const void* sendbuf, const MPI_Count sendcounts[],
                                            const MPI_Aint sdispls[],
                                            const MPI_Datatype sendtypes[], void* recvbuf,
                                            const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                            const MPI_Datatype recvtypes[], MPI_Comm comm);
CAUSEWAY_API int PMPIX_Neighbor_alltoallv_on_stream(const void* sendbuf, const int sendcounts[],
                                                    const int sdispls[], MPI_Datatype sendtype,
                                                    void* recvbuf, const int recvcounts[],
                                                    const int rdispls[], MPI_Datatype recvtype,
                                                    MPI_Comm comm, void* stream);
CAUSEWAY_API int PMPIX_Neighbor_alltoallv_on_stream_c(
    const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
    MPI_Datatype sendtype, void* recvbuf, const MPI_Count recvcounts[], const MPI_Aint rdispls[],
    MPI_Datatype recvtype, MPI_Comm comm, void* stream);
CAUSEWAY_API int PMPIX_Ineighbor_alltoallv(const void* sendbuf, const int sendcounts[],
                                           const int sdispls[], MPI_Datatype sendtype,
                                           void* recvbuf, const int recvcounts[],
                                           const int rdispls[], MPI_Datatype recvtype,
                                           MPI_Comm comm, MPI_Request* request);
CAUSEWAY_API int PMPIX_Ineighbor_alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                             const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                             void* recvbuf, const MPI_Count recvcounts[],
                                             const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                             MPI_Comm comm, MPI_Request* request);
CAUSEWAY_API int PMPIX_Neighbor_alltoallv_plan(const void* sendbuf, const int sendcounts[],
                                               const int sdispls[], MPI_Datatype sendtype,
                                               void* recvbuf, const int recvcounts[],
                                               const int rdispls[], MPI_Datatype recvtype,
                                               MPI_Comm comm, MPI_Info info, MPIX_Plan* plan);
CAUSEWAY_API int PMPIX_Neighbor_alltoallv_plan_c(const void* sendbuf, const MPI_Count sendcounts[],
                                                 const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                                 void* recvbuf, const MPI_Count recvcounts[],
                                                 const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                                 MPI_Comm comm, MPI_Info info, MPIX_Plan* plan);
CAUSEWAY_API int PMPIX_Sendrecv(const void* sendbuf, int sendcount, MPI_Datatype sendtype, int dest,
                                int sendtag, void* recvbuf, int recvcount, MPI_Datatype recvtype,
                                int source, int recvtag, MPI_Comm comm, MPI_Status* status);
CAUSEWAY_API int PMPIX_Sendrecv_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype,
                                  int dest, int sendtag, void* recvbuf, MPI_Count recvcount,
                                  MPI_Datatype recvtype, int source, int recvtag, MPI_Comm comm,
                                  MPI_Status* status);
CAUSEWAY_API int PMPIX_Sendrecv_on_stream(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                                          int dest, int sendtag, void* recvbuf, int recvcount,
                                          MPI_Datatype recvtype, int source, int recvtag,
                                          MPI_Comm comm, void* stream);
CAUSEWAY_API int PMPIX_Sendrecv_on_stream_c(const void* sendbuf, MPI_Count sendcount,
                                            MPI_Datatype sendtype, int dest, int sendtag,
                                            void* recvbuf, MPI_Count recvcount,
                                            MPI_Datatype recvtype, int source, int recvtag,
                                            MPI_Comm comm, void* stream);
CAUSEWAY_API int PMPIX_Sendrecv_plan(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                                     int dest, int sendtag, void* recvbuf, int recvcount,
                                     MPI_Datatype recvtype, int source, int recvtag, MPI_Comm comm,
                                     MPI_Info info, MPIX_Plan* plan);
CAUSEWAY_API int PMPIX_Sendrecv_plan_c(const void* sendbuf, MPI_Count sendcount,
                                       MPI_Datatype sendtype, int dest, int sendtag, void* recvbuf,
                                       MPI_Count recvcount, MPI_Datatype recvtype, int source,
                                       int recvtag, MPI_Comm comm, MPI_Info info, MPIX_Plan* plan);
CAUSEWAY_API int PMPIX_Mem_alloc(MPI_Comm comm, MPI_Aint bytes, void* baseptr);
CAUSEWAY_API int PMPIX_Mem_free(void* base);
CAUSEWAY_API int PMPIX_Buffer_register(MPI_Comm comm, void* base, MPI_Aint bytes,
                                       MPIX_Buffer* buffer);
CAUSEWAY_API int PMPIX_Buffer_deregister(MPIX_Buffer* buffer);
CAUSEWAY_API int PMPIX_Buffer_device_handle(MPIX_Buffer buffer, MPIX_Buffer_view* view);
CAUSEWAY_API int PMPIX_Alltoallv_plan(const void* sendbuf, const int sendcounts[],
                                      const int sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                      const int recvcounts[], const int rdispls[],
                                      MPI_Datatype recvtype, MPI_Comm comm, MPI_Info info,
                                      MPIX_Plan* plan);
CAUSEWAY_API int PMPIX_Alltoallv_plan_c(const void* sendbuf, const MPI_Count sendcounts[],
                                        const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                        void* recvbuf, const MPI_Count recvcounts[],
                                        const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                        MPI_Comm comm, MPI_Info info, MPIX_Plan* plan);
CAUSEWAY_API int PMPIX_Plan_start(MPIX_Plan plan, void* stream);
CAUSEWAY_API int PMPIX_Plan_free(MPIX_Plan* plan);

#ifdef __cplusplus
}
#endif

#endif /* CAUSEWAY_PMPIX_H */
