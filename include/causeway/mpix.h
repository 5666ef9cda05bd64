/* causeway's C API: MPIX-style exchanges between the ranks of an MPI communicator. */
#ifndef CAUSEWAY_MPIX_H
#define CAUSEWAY_MPIX_H

#include <causeway/config.h>
#include <mpi.h>

/*
 * Conventions that hold for every call below.
 *
 * Errors. A call returns MPI_SUCCESS or an error code whose class MPI_Error_class gives and whose
 * sentence MPI_Error_string gives: the argument, the rank and the value that were wrong. Before it
 * returns, the error is raised through the error handler of the communicator that was passed in
 * (MPI_COMM_WORLD's where no valid communicator was), as MPI's own calls do. A sentence stays until
 * the next error of the same class in the process. Errors of the library itself, such as an
 * exchange that was aborted or timed out, are of the class that MPIX_Comm_get_error names.
 * An error handler may throw a C++ exception: the call passes it on, and comm is as after a return.
 * A handler that throws in MPI_Wait leaves the request to MPI; waiting for it again returns the
 * error without that handler, and frees it. What MPI does when its own calls meet such a handler is
 * MPI's: MPICH 5.0 keeps a lock under MPI_THREAD_MULTIPLE, and the next error ends the process.
 *
 * Other ranks. A rank that lacks memory or threads for a call gets an error, and does not leave the
 * others waiting: calls that set something up (attach, register, plan) fail on every rank with the
 * error of the lowest one, and in an exchange the ranks that were to hear from it get MPI_ERR_OTHER
 * naming it, or where it cannot even say so, the communicator fails. A rank waits CAUSEWAY_TIMEOUT
 * seconds for others to make the same call. When it gives up, or a rank of the same host ends
 * meanwhile, the communicator fails; one that was to be attached is not, and should not be used for
 * collectives afterwards, of which ranks have made different numbers.
 *
 * Threads. These calls are MPI calls where thread levels are concerned, and let MPI move on while
 * they wait. Calls on different communicators may run in different threads when MPI was started
 * with MPI_THREAD_MULTIPLE. Calls on one communicator take turns, the first one too, which attaches
 * it; as for MPI's collectives, it is the caller who makes their order the same on all ranks.
 *
 * Profiling. Every MPIX_ name is a weak alias of the PMPIX_ name beside it.
 */

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Sets a communicator up for exchanges. Collective over comm, an intracommunicator. Everything the
 * exchanges need is allocated here. Collectives attach on first use, with the settings of the
 * environment, so a program needs this call only to choose when the work is done, or with which
 * settings: info's keys are the settings' names, as in "causeway_ring_bytes" for
 * CAUSEWAY_RING_BYTES, and win over the environment. info may be MPI_INFO_NULL. Attaching twice is
 * harmless; the settings of the first call stay. When a rank cannot be set up, every rank gets
 * the error of the lowest such rank, and comm stays as it was. Until comm is detached, the library
 * keeps one communicator of its own beside it, in which ranks meet for the calls below.
 * The state is comm's own: MPI_Comm_dup does not copy it, and MPI_Comm_free and MPI_Finalize free
 * it.
 */
CAUSEWAY_API int MPIX_Comm_attach(MPI_Comm comm, MPI_Info info);

/*
 * Frees what MPIX_Comm_attach set up. Collective over comm; waits for exchanges that were begun,
 * and no other thread may be in one; replays of graphs have to be over. Harmless on a communicator
 * that is not attached.
 */
CAUSEWAY_API int MPIX_Comm_detach(MPI_Comm comm);

/*
 * Stores in *code what has made comm unusable: MPI_SUCCESS while it works, else the error code that
 * exchanges on it return from now on. Local; never waits.
 */
CAUSEWAY_API int MPIX_Comm_get_error(MPI_Comm comm, int* code);

/*
 * Gives up: ends the pending calls on comm with an error, on this rank and on those that it can
 * reach, and makes every later exchange, registration and plan fail likewise. Calls in which ranks
 * agree end a second later: ranks that others have come through such a call with come through it
 * too. Local; may be called from any thread while another one is in a call. Afterwards comm can
 * only be detached or freed. An error where comm is not attached.
 */
CAUSEWAY_API int MPIX_Comm_abort(MPI_Comm comm);

/*
 * MPI_Alltoallv, with its arguments and meaning: block j of sendbuf, sendcounts[j] elements of
 * sendtype that begin sdispls[j] extents after sendbuf, goes to rank j of comm; the block that rank
 * i sends here arrives in recvbuf at rdispls[i] extents of recvtype. Collective over comm; returns
 * when recvbuf is filled and sendbuf may be changed. With MPI_IN_PLACE as sendbuf on every rank,
 * blocks are taken from and put into recvbuf, and the send arguments are ignored. A block of zero
 * elements moves nothing and waits for nobody; its buffer may be NULL.
 *
 * Buffers are host or GPU memory, in any mix across the ranks. What runs the exchange is agreed
 * when comm is attached: each rank's current GPU where every rank has one and those of a host can
 * reach each other's, else the host (see the setting CAUSEWAY_DEVICE). A GPU reads and writes its
 * own memory, managed and pinned memory; other memory is copied through a buffer on the GPU, and
 * memory of GPUs through one on the host where the host runs the exchange. The call does not order
 * itself after work on the caller's streams, as CUDA-aware MPI does not.
 *
 * Datatypes are all that MPI 3.1 can make, committed. One is taken apart on its first use, and what
 * was found is kept with the type until it is freed; its parts are gathered into messages and
 * scattered out of them by what runs the exchange, GPU kernels too. Where buffers have to be copied
 * (above), those of derived types on GPUs are copied run by run. A communicator takes 1023 derived
 * types at a time. A buffer may be MPI_BOTTOM, which may be NULL: displacements, or those in a
 * derived type, are addresses then, as MPI_Get_address gives them. A block at an address below
 * 65536 is MPI_ERR_BUFFER.
 *
 * Counts that disagree: a receiver that was sent more than it asked for keeps what fits, writes
 * nothing beyond it, and returns MPI_ERR_TRUNCATE; comm stays usable. One that asked for nothing
 * does not look: the sender reports the surplus, or the receiver does in its next exchange with
 * that sender. A receiver that was sent less keeps what came. When a rank's own arguments are
 * wrong, or it lacks memory, it sends nothing, and the ranks that were to hear from it get
 * MPI_ERR_OTHER naming it.
 */
CAUSEWAY_API int MPIX_Alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                                MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                                const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm);

/* MPIX_Alltoallv with counts and displacements of MPI-4's width, as MPI_Alltoallv_c. */
CAUSEWAY_API int MPIX_Alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                  const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                  const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                  MPI_Datatype recvtype, MPI_Comm comm);

/*
 * MPI_Alltoallw and MPI_Alltoallw_c: as MPIX_Alltoallv, but that each block has a datatype of its
 * own and displacements are in bytes. The datatype of a block of zero elements is ignored.
 */
CAUSEWAY_API int MPIX_Alltoallw(const void* sendbuf, const int sendcounts[], const int sdispls[],
                                const MPI_Datatype sendtypes[], void* recvbuf,
                                const int recvcounts[], const int rdispls[],
                                const MPI_Datatype recvtypes[], MPI_Comm comm);
CAUSEWAY_API int MPIX_Alltoallw_c(const void* sendbuf, const MPI_Count sendcounts[],
                                  const MPI_Aint sdispls[], const MPI_Datatype sendtypes[],
                                  void* recvbuf, const MPI_Count recvcounts[],
                                  const MPI_Aint rdispls[], const MPI_Datatype recvtypes[],
                                  MPI_Comm comm);

/*
 * MPI_Ialltoallv and MPI_Ialltoallv_c: begin an exchange and return; *request is MPI's own, of the
 * generalised kind, for MPI_Wait, MPI_Test and all their relatives. Until the request is complete,
 * the buffers belong to the exchange; counts, displacements and datatypes are the caller's again at
 * once. A thread of the library runs the exchanges begun on comm one after the other, whatever the
 * program does meanwhile, so MPI has to have been started with MPI_THREAD_MULTIPLE, else the call
 * is an error. They take their turn with the other exchanges on comm in the order of the calls,
 * which is the same on all ranks; exchanges on different communicators do not wait for each other.
 * The first use of comm attaches it, which is collective: MPIX_Comm_attach chooses when.
 * Wrong arguments are this call's errors, and *request is MPI_REQUEST_NULL then. What goes wrong in
 * the exchange is what MPI_Wait or MPI_Test returns, after comm's error handler was called, unless
 * comm has been freed; MPI calls the handler of MPI_COMM_WORLD besides, because a generalised
 * request has no communicator. MPI_Cancel does nothing. Freeing comm waits for its exchanges.
 */
CAUSEWAY_API int MPIX_Ialltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                                 MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                                 const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                                 MPI_Request* request);
CAUSEWAY_API int MPIX_Ialltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                   const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                   const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                   MPI_Datatype recvtype, MPI_Comm comm, MPI_Request* request);

/*
 * MPIX_Alltoallv and MPIX_Alltoallv_c on a stream: collective over comm; enqueues the exchange on
 * `stream`, a cudaStream_t of the rank's GPU, and returns without waiting for it. Buffers are
 * memory that the GPU can address; MPI_IN_PLACE is not allowed. Counts and displacements are read
 * before the call returns; buffers belong to the exchange until the stream has passed it. The call
 * may be captured in a CUDA graph, which may be replayed any number of times, between other
 * exchanges on comm too, in the same order on all ranks; comm has to be attached before the
 * capture; a first use in a capture is an error. What replays need of comm's memory lives as long
 * as the graph and what was made of it: after comm was detached or freed, replays write nothing and
 * wait for nobody, but may read sendbuf, which has to be there. Exchanges on one communicator run
 * one after the other, also from several streams; in graphs the order is the caller's to keep, and
 * exchanges that run at the same time fail the communicator. Kernels that are launched behind one
 * with CUDA's programmatic stream serialization may come onto the GPU before it is over, and have
 * to call cudaGridDependencySynchronize() before they read recvbuf. What goes wrong on the stream
 * is reported by the next call on comm, or by MPIX_Comm_get_error. On a communicator whose device
 * is the host, `stream` is NULL and the exchange is done on return.
 */
CAUSEWAY_API int MPIX_Alltoallv_on_stream(const void* sendbuf, const int sendcounts[],
                                          const int sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                          const int recvcounts[], const int rdispls[],
                                          MPI_Datatype recvtype, MPI_Comm comm, void* stream);
CAUSEWAY_API int MPIX_Alltoallv_on_stream_c(const void* sendbuf, const MPI_Count sendcounts[],
                                            const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                            void* recvbuf, const MPI_Count recvcounts[],
                                            const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                            MPI_Comm comm, void* stream);

/*
 * Memory that peers can write to.
 *
 * An exchange on comm whose recvbuf lies in a registered buffer takes large blocks straight from
 * the senders' memory into it, without a copy on the receiving side: "direct" below. Nothing else
 * changes: all calls take registered and other memory in any mix, and registering is never needed.
 * Blocks of derived datatypes that are not contiguous in recvbuf go as they always do.
 */

/* A registered buffer. Handles are the process's own. */
typedef struct causeway_buffer* MPIX_Buffer;
#define MPIX_BUFFER_NULL ((MPIX_Buffer)0)

/*
 * Stores in *(void**)baseptr the address of `bytes` bytes of memory, at least 0, of the device that
 * runs comm's exchanges, which can always be registered on any communicator: on GPUs, memory of
 * this rank's; on the host, shared memory, zeros at first. comm has to be attached. Local.
 * MPIX_Mem_free gives it back.
 */
CAUSEWAY_API int MPIX_Mem_alloc(MPI_Comm comm, MPI_Aint bytes, void* baseptr);

/*
 * Gives memory of MPIX_Mem_alloc back, once nothing uses it: where it is registered, with the last
 * deregistration. Local. Errors are raised on MPI_COMM_WORLD, as MPI_Mem_free's.
 */
CAUSEWAY_API int MPIX_Mem_free(void* base);

/*
 * Makes `bytes` bytes of memory at `base` known to the ranks of comm and opens theirs. Collective
 * over comm, which it attaches if need be; not while a stream is being captured. Each rank gives
 * memory of its own, of any size, also none (base is ignored then), inside one allocation. It stays
 * the caller's, may be used as before, and must not be freed before it is deregistered (but for
 * MPIX_Mem_free). A communicator takes 255 registered buffers at a time; they may overlap.
 * Peers on the same host can write to it if it is memory of comm's device that can be shared: of
 * MPIX_Mem_alloc; on GPUs, of cudaMalloc on this rank's GPU; where ranks are threads of one
 * process, any. For other memory, such as that of cudaMallocAsync, of other hosts' ranks, and host
 * memory on a communicator of GPUs, the call succeeds and exchanges go as without.
 */
CAUSEWAY_API int MPIX_Buffer_register(MPI_Comm comm, void* base, MPI_Aint bytes,
                                      MPIX_Buffer* buffer);

/*
 * Ends what MPIX_Buffer_register began. Collective over the communicator, in the same order on all
 * ranks; waits for exchanges that were begun on it. Sets *buffer to MPIX_BUFFER_NULL. Graphs that
 * captured exchanges into the buffer must not run meanwhile; replays afterwards go as without.
 * After its communicator was detached or freed, which deregisters, only the handle is freed.
 */
CAUSEWAY_API int MPIX_Buffer_deregister(MPIX_Buffer* buffer);

/* What kernels take, by value. Tables are in memory of the device and live as long as the buffer.
 */
typedef struct MPIX_Buffer_view {
  void* base;                 /* of this rank's memory, NULL where it has none */
  MPI_Aint bytes;             /* of this rank's memory */
  int rank;                   /* of this process in the communicator */
  int size;                   /* of the communicator */
  void* const* peer_base;     /* [size] of each rank's memory as this rank's device writes to it;
                                 NULL where it cannot */
  const MPI_Aint* peer_bytes; /* [size] of each rank's memory */
} MPIX_Buffer_view;

/* Stores in *view how kernels reach a registered buffer. Local. */
CAUSEWAY_API int MPIX_Buffer_device_handle(MPIX_Buffer buffer, MPIX_Buffer_view* view);

/* An exchange that was agreed on once and may be started many times. */
typedef struct causeway_plan* MPIX_Plan;
#define MPIX_PLAN_NULL ((MPIX_Plan)0)

/*
 * Plans an exchange as MPIX_Alltoallv would make it with the same arguments. Collective over comm,
 * which it attaches if need be; not while a stream is being captured. Counts, displacements and
 * datatypes are the caller's again on return; buffers belong to the plan until it is freed, but
 * between its starts may be read and written by the caller. They are memory that comm's device can
 * address; MPI_IN_PLACE is not allowed. recvbuf is registered for the plan's life where it can be
 * (MPIX_Buffer_register, of whose number it is one). All ranks' counts are checked against each
 * other here: where a rank asks for less than it is sent, every rank gets MPI_ERR_TRUNCATE, naming
 * the pair, and there is no plan. Where the rules of CAUSEWAY_TUNE say so on every rank, on GPUs of
 * one host, with every recvbuf registered and no derived datatype, copy engines move what goes
 * between ranks, so that no multiprocessor does. info is MPI_INFO_NULL or
 * has settings of comm that this plan is to have otherwise: rules on top of comm's (causeway_tune,
 * causeway_tuning_file) and fewer thread blocks (causeway_max_ctas); any other key that begins with
 * causeway_ is an error.
 */
CAUSEWAY_API int MPIX_Alltoallv_plan(const void* sendbuf, const int sendcounts[],
                                     const int sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                     const int recvcounts[], const int rdispls[],
                                     MPI_Datatype recvtype, MPI_Comm comm, MPI_Info info,
                                     MPIX_Plan* plan);
CAUSEWAY_API int MPIX_Alltoallv_plan_c(const void* sendbuf, const MPI_Count sendcounts[],
                                       const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                       void* recvbuf, const MPI_Count recvcounts[],
                                       const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                       MPI_Comm comm, MPI_Info info, MPIX_Plan* plan);

/*
 * Starts a planned exchange on `stream`, as MPIX_Alltoallv_on_stream would enqueue it: the same
 * holds of captures, order and errors. Collective over the plan's communicator.
 */
CAUSEWAY_API int MPIX_Plan_start(MPIX_Plan plan, void* stream);

/*
 * Frees a plan. Collective over its communicator; waits for exchanges that were begun on it. Sets
 * *plan to MPIX_PLAN_NULL. Graphs that captured starts must not run meanwhile; replays afterwards
 * go as those of MPIX_Alltoallv_on_stream. But those of copy engines, which write to where the
 * peers' recvbuf was, must not be replayed then, nor after the communicator was detached or freed.
 * After that, only the handle is freed.
 */
CAUSEWAY_API int MPIX_Plan_free(MPIX_Plan* plan);

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

#endif /* CAUSEWAY_MPIX_H */
