/* The part of causeway's C API that is about exchanges with some of a communicator's ranks. What
 * holds for every call stands in causeway/mpix.h, which includes this. */
#ifndef CAUSEWAY_MPIX_PEERS_H
#define CAUSEWAY_MPIX_PEERS_H

#include <causeway/mpix.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * MPIX_Sendrecv, MPIX_Sendrecv_c: MPI_Sendrecv and MPI_Sendrecv_c.
 *
 * Sends one message and receives another at the same time; dest and source need not be the same
 * rank, and either may be MPI_PROC_NULL. A rank that sends to itself receives from itself in the
 * same call. Called by the ranks that talk to each other, and by no others: comm has to be attached
 * before (MPIX_Comm_attach). What one rank sends another by these calls and by those that are
 * collective over comm is received in the order in which it was sent, by the same kind of call; the
 * two directions between a pair of ranks are independent of each other.
 *
 * Arguments: as MPI_Sendrecv has them; buffers and datatypes as MPIX_Alltoallv. recvcount may be
 * more than comes. Tags are from 0 up to the greatest int, whatever MPI_TAG_UB says. recvtag may be
 * MPI_ANY_TAG. Messages are matched by their order alone, and tags are compared then. With
 * MPI_ANY_SOURCE the message is the next one of some rank whose next one is of these calls and has
 * recvtag, or any tag with MPI_ANY_TAG; others stay where they are. Where dest is the rank itself,
 * MPI_ANY_SOURCE is too. That takes one thread block, and is slower for large messages.
 *
 * Completion: on return recvbuf is filled and sendbuf may be changed. A small message may then not
 * have been received yet, and a call with a large one waits for its receiver: as with MPI_Sendrecv,
 * programs count on neither. status has the source, the tag and, for MPI_Get_count, the bytes that
 * were received; it may be MPI_STATUS_IGNORE.
 *
 * Errors: a message with another tag than recvtag is MPI_ERR_TAG, which names both; it is
 * consumed, what recvbuf holds afterwards is undefined, and comm stays usable. A message that is
 * longer than recvbuf, which may have room for nothing, is MPI_ERR_TRUNCATE. Where a rank gets a
 * message of these calls in place of one of an exchange that is collective over comm, or the other
 * way round, comm fails, and the error names the pair and both operations: a message that
 * no call has received stays in the way of the next exchange.
 *
 * A call whose arguments are wrong takes the place of the right one: dest gets MPI_ERR_OTHER naming
 * the rank, and a status of no bytes; what source sends is lost, and source may get
 * MPI_ERR_TRUNCATE. Where the source itself is wrong, or is MPI_ANY_SOURCE, nothing is received:
 * what was sent waits for another call. One thread at a time is in a call on comm: two directions
 * that wait for each other have to be one call.
 */
CAUSEWAY_API int MPIX_Sendrecv(const void* sendbuf, int sendcount, MPI_Datatype sendtype, int dest,
                               int sendtag, void* recvbuf, int recvcount, MPI_Datatype recvtype,
                               int source, int recvtag, MPI_Comm comm, MPI_Status* status);
CAUSEWAY_API int MPIX_Sendrecv_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype,
                                 int dest, int sendtag, void* recvbuf, MPI_Count recvcount,
                                 MPI_Datatype recvtype, int source, int recvtag, MPI_Comm comm,
                                 MPI_Status* status);

/*
 * MPIX_Sendrecv_on_stream, MPIX_Sendrecv_on_stream_c: MPIX_Sendrecv on a stream.
 *
 * Called as MPIX_Sendrecv; order, buffers, captures, completion and errors on the stream are those
 * of MPIX_Alltoallv_on_stream. There is no status; source may not be MPI_ANY_SOURCE, nor recvtag
 * MPI_ANY_TAG.
 */
CAUSEWAY_API int MPIX_Sendrecv_on_stream(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                                         int dest, int sendtag, void* recvbuf, int recvcount,
                                         MPI_Datatype recvtype, int source, int recvtag,
                                         MPI_Comm comm, void* stream);
CAUSEWAY_API int MPIX_Sendrecv_on_stream_c(const void* sendbuf, MPI_Count sendcount,
                                           MPI_Datatype sendtype, int dest, int sendtag,
                                           void* recvbuf, MPI_Count recvcount,
                                           MPI_Datatype recvtype, int source, int recvtag,
                                           MPI_Comm comm, void* stream);

/*
 * MPIX_Sendrecv_plan, MPIX_Sendrecv_plan_c: agree on messages that are sent many times.
 *
 * Collective over comm, as MPIX_Alltoallv_plan is; ranks without a message pass MPI_PROC_NULL for
 * dest and source. Of the plan's starts a rank makes those whose messages it sends or receives, and
 * waits for its dest and source alone. Arguments are those of MPIX_Sendrecv_on_stream; info, the
 * buffers, copy engines, completion and errors are those of MPIX_Alltoallv_plan. Where the two ends
 * of a message have different tags, every rank gets MPI_ERR_TAG, and where one end does not know
 * the message, MPI_ERR_RANK; both name the pair, and there is no plan.
 */
CAUSEWAY_API int MPIX_Sendrecv_plan(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                                    int dest, int sendtag, void* recvbuf, int recvcount,
                                    MPI_Datatype recvtype, int source, int recvtag, MPI_Comm comm,
                                    MPI_Info info, MPIX_Plan* plan);
CAUSEWAY_API int MPIX_Sendrecv_plan_c(const void* sendbuf, MPI_Count sendcount,
                                      MPI_Datatype sendtype, int dest, int sendtag, void* recvbuf,
                                      MPI_Count recvcount, MPI_Datatype recvtype, int source,
                                      int recvtag, MPI_Comm comm, MPI_Info info, MPIX_Plan* plan);

/*
 * MPIX_Neighbor_alltoallv, MPIX_Neighbor_alltoallw, each with _c: MPI's calls without the X.
 *
 * Collective over comm, an intracommunicator with a topology: Cartesian, graph or distributed
 * graph. As MPIX_Alltoallv and MPIX_Alltoallw, but that block i of sendbuf goes to the i-th
 * neighbour that this rank has edges to, and the block of the j-th neighbour that has edges to this
 * rank arrives as block j of recvbuf. Neighbours are in the order in which MPI_Dist_graph_neighbors
 * and MPI_Graph_neighbors give them; along each dimension of a grid, the rank below comes first and
 * then the one above. The first use attaches comm, which waits for all ranks. Later, ranks without
 * an edge between them do not wait for each other, and the time that a call takes goes by this
 * rank's edges, not by the ranks of comm.
 *
 * Edges. A rank may be its own neighbour, and two ranks may have several edges: the k-th block that
 * a rank sends another one is that one's k-th block from it. On a grid, what a rank sends below
 * arrives as from above, also where both are the same rank. Of neighbours that are MPI_PROC_NULL
 * the arguments are not looked at, and their part of recvbuf stays as it was. Both ends have to
 * know an edge: a rank may wait CAUSEWAY_TIMEOUT seconds for one that does not.
 *
 * Errors: those of MPIX_Alltoallv. Arguments are named by the neighbour's index: sendcounts[i]. A
 * rank whose arguments are wrong tells its neighbours alone; one that sends that rank a large block
 * and expects none from it may get MPI_ERR_TRUNCATE. Where comm has no topology, every rank gets
 * MPI_ERR_TOPOLOGY. MPI_IN_PLACE is MPI_ERR_BUFFER.
 */
CAUSEWAY_API int MPIX_Neighbor_alltoallv(const void* sendbuf, const int sendcounts[],
                                         const int sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                         const int recvcounts[], const int rdispls[],
                                         MPI_Datatype recvtype, MPI_Comm comm);
CAUSEWAY_API int MPIX_Neighbor_alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                           const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                           void* recvbuf, const MPI_Count recvcounts[],
                                           const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                           MPI_Comm comm);
CAUSEWAY_API int MPIX_Neighbor_alltoallw(const void* sendbuf, const int sendcounts[],
                                         const MPI_Aint sdispls[], const MPI_Datatype sendtypes[],
                                         void* recvbuf, const int recvcounts[],
                                         const MPI_Aint rdispls[], const MPI_Datatype recvtypes[],
                                         MPI_Comm comm);
CAUSEWAY_API int MPIX_Neighbor_alltoallw_c(const void* sendbuf, const MPI_Count sendcounts[],
                                           const MPI_Aint sdispls[], const MPI_Datatype sendtypes[],
                                           void* recvbuf, const MPI_Count recvcounts[],
                                           const MPI_Aint rdispls[], const MPI_Datatype recvtypes[],
                                           MPI_Comm comm);

/*
 * MPIX_Ineighbor_alltoallv, MPIX_Ineighbor_alltoallv_c: MPIX_Neighbor_alltoallv as MPIX_Ialltoallv
 * is to MPIX_Alltoallv.
 */
CAUSEWAY_API int MPIX_Ineighbor_alltoallv(const void* sendbuf, const int sendcounts[],
                                          const int sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                          const int recvcounts[], const int rdispls[],
                                          MPI_Datatype recvtype, MPI_Comm comm,
                                          MPI_Request* request);
CAUSEWAY_API int MPIX_Ineighbor_alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                            const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                            void* recvbuf, const MPI_Count recvcounts[],
                                            const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                            MPI_Comm comm, MPI_Request* request);

/*
 * MPIX_Neighbor_alltoallv_on_stream, MPIX_Neighbor_alltoallv_on_stream_c: enqueue an exchange
 * between neighbours, as MPIX_Alltoallv_on_stream does one of all ranks. Edges that two ranks have
 * several of take a launch each.
 */
CAUSEWAY_API int MPIX_Neighbor_alltoallv_on_stream(const void* sendbuf, const int sendcounts[],
                                                   const int sdispls[], MPI_Datatype sendtype,
                                                   void* recvbuf, const int recvcounts[],
                                                   const int rdispls[], MPI_Datatype recvtype,
                                                   MPI_Comm comm, void* stream);
CAUSEWAY_API int MPIX_Neighbor_alltoallv_on_stream_c(
    const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
    MPI_Datatype sendtype, void* recvbuf, const MPI_Count recvcounts[], const MPI_Aint rdispls[],
    MPI_Datatype recvtype, MPI_Comm comm, void* stream);

#ifdef __cplusplus
}
#endif

#endif /* CAUSEWAY_MPIX_PEERS_H */
