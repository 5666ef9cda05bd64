/* causeway's C API: MPIX-style exchanges between the ranks of an MPI communicator. */
#ifndef CAUSEWAY_MPIX_H
#define CAUSEWAY_MPIX_H

#include <causeway/config.h>
#include <mpi.h>

/*
 * Conventions that hold for every call below.
 *
 * Errors. A call returns MPI_SUCCESS or an error code: MPI_Error_class gives its class, and
 * MPI_Error_string its sentence, which names the argument, the rank and the value that were wrong.
 * The call first raises the error through the error handler of the communicator that was passed in,
 * or MPI_COMM_WORLD's where no valid communicator was, as MPI's own calls do. A sentence stays
 * until the next error of the same class in the process. Errors of the library itself, for example
 * that an exchange was aborted or timed out, are of the class that MPIX_Comm_get_error names. MPICH
 * 4.0 loses the strings of codes that are added to predefined classes: there errors are of classes
 * that the library adds, each with the string of the class that it stands for. An error handler may
 * throw a C++ exception: the call passes the exception on, and comm is as after a return. A handler
 * that throws in MPI_Wait leaves the request to MPI; waiting for the request
 * again returns the error without that handler, and frees the request. What MPI does when its own
 * calls meet such a handler is MPI's: MPICH 5.0 keeps a lock under MPI_THREAD_MULTIPLE, and the
 * next error ends the process.
 *
 * Other ranks. A rank that lacks memory or threads for a call gets an error and does not leave the
 * others waiting. Calls that set something up (attach, register, plan) fail on every rank with the
 * error of the lowest rank that failed. In an exchange, the ranks that were to hear from the rank
 * get MPI_ERR_OTHER naming it; where it cannot even say so, the communicator fails. A rank waits
 * CAUSEWAY_TIMEOUT seconds for the others to make the same call. When the rank gives up, or a rank
 * of the same host ends meanwhile, the communicator fails. A communicator that was to be attached
 * then is not, and should not be used for collectives afterwards: its ranks have made different
 * numbers of them.
 *
 * Threads. Thread levels of MPI apply to these calls as to MPI's own, and MPI moves on while a call
 * waits. Calls on different communicators may run in different threads when MPI was started with
 * MPI_THREAD_MULTIPLE. Calls on one communicator take turns, also the first one, which attaches the
 * communicator. The caller makes their order the same on all ranks, as for MPI's collectives.
 *
 * Profiling. Every MPIX_ name is a weak alias of a PMPIX_ name, which causeway/pmpix.h declares.
 */
#ifdef __cplusplus
extern "C" {
#endif

/*
 * MPIX_Comm_attach: sets a communicator up for exchanges.
 *
 * Collective over comm, an intracommunicator. Collective calls attach comm on its first use, with
 * the settings of the environment; this call chooses the moment or the settings.
 * Arguments: keys of info are names of settings, "causeway_ring_bytes" for CAUSEWAY_RING_BYTES, and
 * win over the environment. info may be MPI_INFO_NULL.
 * Completion: all memory that exchanges need has been allocated. A second attach changes nothing:
 * the settings of the first one stay, and rank 0 warns on standard error of each key of info whose
 * value differs, naming both. Until comm is detached, the library keeps one communicator of
 * its own beside comm, in which ranks meet for the calls below. What was set up belongs to comm:
 * MPI_Comm_dup does not copy it; MPI_Comm_free and MPI_Finalize free it. Between ranks of one host
 * that exchange through host memory, MPI_Comm_free keeps it for the next communicator of the same
 * ranks in the same order with the same settings: of up to 16 communicators, and 128 MiB of each
 * rank.
 * Errors: when a rank cannot be set up, every rank gets the error of the lowest such rank, and comm
 * stays as it was. A key or a value in the info of a second attach that is none is an error of the
 * rank's alone.
 */
CAUSEWAY_API int MPIX_Comm_attach(MPI_Comm comm, MPI_Info info);

/*
 * MPIX_Comm_detach: frees what MPIX_Comm_attach set up, and what is kept of communicators that were
 * freed before.
 *
 * Collective over comm. No other thread may be in an exchange on comm, and replays of graphs have
 * to be over.
 * Completion: exchanges that were begun are over.
 * Errors: none for a communicator that is not attached; what is kept is freed then, too.
 */
CAUSEWAY_API int MPIX_Comm_detach(MPI_Comm comm);

/*
 * MPIX_Comm_get_error: says what has made a communicator unusable.
 *
 * Local; never waits.
 * Arguments: *code becomes MPI_SUCCESS while comm works, else the error code that exchanges on comm
 * return from now on.
 */
CAUSEWAY_API int MPIX_Comm_get_error(MPI_Comm comm, int* code);

/*
 * MPIX_Comm_abort: ends the pending calls on a communicator with an error, and all later ones.
 *
 * Local; any thread may call it while another one is in a call. It reaches this rank and those that
 * this rank can reach.
 * Completion: later exchanges, registrations and plans fail. Pending exchanges end at once. Calls
 * in which ranks agree end a second later: where other ranks have come through such a call, this
 * rank comes through it too. Afterwards comm can only be detached or freed, and its plans and
 * buffers too: these calls still wait for the other ranks, for ten seconds at most.
 * Errors: where comm is not attached.
 */
CAUSEWAY_API int MPIX_Comm_abort(MPI_Comm comm);

/*
 * MPIX_Alltoallv: MPI_Alltoallv, with its arguments and meaning.
 *
 * Collective over comm. Block j of sendbuf, sendcounts[j] elements of sendtype that begin
 * sdispls[j] extents after sendbuf, goes to rank j of comm. The block that rank i sends here
 * arrives in recvbuf at rdispls[i] extents of recvtype. With MPI_IN_PLACE as sendbuf on every rank,
 * blocks are taken from and put into recvbuf, and the send arguments are ignored. A block of zero
 * elements moves nothing and waits for nobody; its buffer may be NULL.
 *
 * Completion: recvbuf is filled, and sendbuf may be changed. The call does not order itself after
 * work on the caller's streams, as CUDA-aware MPI does not.
 *
 * Buffers: host or GPU memory, in any mix across the ranks. What runs the exchange is agreed when
 * comm is attached: each rank's current GPU where every rank has one and the GPUs of a host can
 * reach each other's memory, else the host (see the setting CAUSEWAY_DEVICE). A GPU reads and
 * writes its own memory, managed memory and pinned memory; other memory is copied through a buffer
 * on the GPU. Where the host runs the exchange, memory of GPUs is copied through a buffer on the
 * host. A buffer may be MPI_BOTTOM, which may be NULL: displacements, or those in a derived type,
 * are then addresses as MPI_Get_address gives them.
 *
 * Datatypes: all that MPI 3.1 can make, committed. A datatype is taken apart on its first use, and
 * what was found is kept with the type until the type is freed. What runs the exchange, GPU kernels
 * too, gathers a type's parts into messages and scatters them out of messages. Where buffers have
 * to be copied (above), those of derived types on GPUs are copied run by run. A communicator takes
 * 1023 derived types at a time.
 *
 * Errors: a block at an address below 65536 is MPI_ERR_BUFFER. A receiver that was sent more than
 * it asked for keeps what fits, writes nothing beyond it, and returns MPI_ERR_TRUNCATE; comm stays
 * usable. A receiver that asked for nothing does not look: the sender reports the surplus, or the
 * receiver does in its next exchange with that sender. A receiver that was sent less keeps what
 * came. When a rank's own arguments are wrong, or it lacks memory, it sends nothing, and the ranks
 * that were to hear from it get MPI_ERR_OTHER naming it.
 */
CAUSEWAY_API int MPIX_Alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                                MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                                const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm);

/* MPIX_Alltoallv_c: MPIX_Alltoallv with counts and displacements of MPI-4's width. */
CAUSEWAY_API int MPIX_Alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[],
                                  const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                  const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                  MPI_Datatype recvtype, MPI_Comm comm);

/*
 * MPIX_Alltoall, MPIX_Alltoall_c: MPI_Alltoall and MPI_Alltoall_c.
 *
 * As MPIX_Alltoallv; all blocks of a side have one count, and lie one behind the other.
 */
CAUSEWAY_API int MPIX_Alltoall(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                               void* recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm);
CAUSEWAY_API int MPIX_Alltoall_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype,
                                 void* recvbuf, MPI_Count recvcount, MPI_Datatype recvtype,
                                 MPI_Comm comm);

/*
 * MPIX_Alltoallw, MPIX_Alltoallw_c: MPI_Alltoallw and MPI_Alltoallw_c.
 *
 * As MPIX_Alltoallv; each block has a datatype of its own, and displacements are in bytes. The
 * datatype of a block of zero elements is ignored.
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
 * MPIX_Ialltoallv, MPIX_Ialltoallv_c: begin an exchange and return.
 *
 * Collective over comm, as MPIX_Alltoallv. MPI has to have been started with MPI_THREAD_MULTIPLE,
 * because a thread of the library runs the exchanges begun on comm one after the other, whatever
 * the program does meanwhile. On the host device, where the ranks have fewer than two processors
 * each and that thread would have to share the caller's, the call itself moves what it can move
 * without waiting for a rank that has not come: it then takes as long as the copies, and leaves the
 * rest to the thread. Exchanges take their turn with the others on comm in the order of the
 * calls, which is the same on all ranks; exchanges on different communicators do not wait for each
 * other. The first use of comm attaches it, which waits for the other ranks: MPIX_Comm_attach
 * chooses when.
 * Arguments: *request becomes a request of MPI's own, of the generalised kind, for MPI_Wait,
 * MPI_Test and all their relatives; MPI_REQUEST_NULL where arguments are wrong.
 * Completion: counts, displacements and datatypes may be changed when the call returns; the buffers
 * belong to the exchange until the request is complete. MPI_Cancel does nothing. Freeing comm waits
 * for its exchanges.
 * Errors: wrong arguments are this call's. What goes wrong in the exchange is what MPI_Wait,
 * MPI_Test or MPI_Waitany returns, after comm's error handler was called, unless comm has been
 * freed; MPI calls the handler of MPI_COMM_WORLD besides, because a generalised request has no
 * communicator. MPI_Waitall, MPI_Testall and MPI_Waitsome return MPI_ERR_IN_STATUS; with Open MPI
 * the status has the code, with MPICH and Intel MPI it has not. MPI_Request_get_status says
 * MPI_SUCCESS with Open MPI, and after a handler of the program's for MPI_COMM_WORLD has returned
 * all of them do with MPICH 4.3 and 5.0. Of a communicator that has failed MPIX_Comm_get_error has
 * the code, whatever MPI returned.
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
 * MPIX_Alltoallv_on_stream, MPIX_Alltoallv_on_stream_c, MPIX_Alltoall_on_stream,
 * MPIX_Alltoall_on_stream_c: enqueue an exchange on a stream.
 *
 * Collective over comm. Exchanges on one communicator run one after the other, also from several
 * streams. On a communicator whose device is the host, `stream` is NULL, and the exchange is done
 * on return. Arguments: as MPIX_Alltoallv's or MPIX_Alltoall's, but that buffers are memory that
 * the GPU can address, and MPI_IN_PLACE is not allowed. `stream` is a cudaStream_t of the rank's
 * GPU. Completion: the call does not wait. Counts and displacements may be changed when it returns;
 * buffers belong to the exchange until the stream has passed it. Kernels that are launched behind
 * an exchange with CUDA's programmatic stream serialization may come onto the GPU before it is
 * over, and have to call cudaGridDependencySynchronize() before they read recvbuf. Graphs: the call
 * may be captured in a CUDA graph; comm has to be attached before the capture. The graph may be
 * replayed any number of times, between other exchanges on comm too, in the same order on all
 * ranks. In graphs the order of exchanges is the caller's to keep: those that run at the same time
 * fail the communicator. What replays need of comm's memory lives as long as the graph and what was
 * made of it. After comm was detached or freed, replays write nothing and wait for nobody, but may
 * read sendbuf, which has to be there. Errors: wrong arguments, and a first use in a capture, are
 * this call's. What goes wrong on the stream is reported by the next call on comm, or by
 * MPIX_Comm_get_error.
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
CAUSEWAY_API int MPIX_Alltoall_on_stream(const void* sendbuf, int sendcount, MPI_Datatype sendtype,
                                         void* recvbuf, int recvcount, MPI_Datatype recvtype,
                                         MPI_Comm comm, void* stream);
CAUSEWAY_API int MPIX_Alltoall_on_stream_c(const void* sendbuf, MPI_Count sendcount,
                                           MPI_Datatype sendtype, void* recvbuf,
                                           MPI_Count recvcount, MPI_Datatype recvtype,
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
 * MPIX_Mem_alloc: makes memory that can always be registered, on any communicator.
 *
 * Local. comm has to be attached: the memory is of the device that runs its exchanges. On GPUs it
 * is this rank's GPU's; on the host it is shared memory, zeros at first.
 * Arguments: *(void**)baseptr becomes the address of `bytes` bytes, at least 0. MPIX_Mem_free gives
 * them back.
 */
CAUSEWAY_API int MPIX_Mem_alloc(MPI_Comm comm, MPI_Aint bytes, void* baseptr);

/*
 * MPIX_Mem_free: gives memory of MPIX_Mem_alloc back.
 *
 * Local.
 * Completion: registered memory stays until its last deregistration.
 * Errors: raised on MPI_COMM_WORLD, as MPI_Mem_free's.
 */
CAUSEWAY_API int MPIX_Mem_free(void* base);

/*
 * MPIX_Buffer_register: makes memory known to the ranks of a communicator, and opens theirs.
 *
 * Collective over comm, which the call attaches if need be; not while a stream is being captured. A
 * communicator takes 255 registered buffers at a time; they may overlap.
 * Arguments: each rank gives `bytes` bytes at `base`, memory of its own inside one allocation, of
 * any size; also none, and base is ignored then. *buffer becomes the handle.
 * Completion: peers on the same host can write to the memory if it is of comm's device and can be
 * shared: memory of MPIX_Mem_alloc; on GPUs, of cudaMalloc on this rank's GPU; where ranks are
 * threads of one process, any. For other memory (of cudaMallocAsync, of other hosts' ranks, of the
 * host on a communicator of GPUs) the call succeeds, and exchanges go as without. The memory stays
 * the caller's and may be used as before. It must not be freed before it is deregistered, but for
 * MPIX_Mem_free.
 */
CAUSEWAY_API int MPIX_Buffer_register(MPI_Comm comm, void* base, MPI_Aint bytes,
                                      MPIX_Buffer* buffer);

/*
 * MPIX_Buffer_deregister: ends what MPIX_Buffer_register began.
 *
 * Collective over the communicator, in the same order on all ranks. Graphs that captured exchanges
 * into the buffer must not run meanwhile.
 * Completion: exchanges that were begun on the communicator are over, and *buffer is
 * MPIX_BUFFER_NULL. Replays of graphs go as without the buffer from now on. After the communicator
 * was detached or freed, which deregisters, only the handle is freed.
 */
CAUSEWAY_API int MPIX_Buffer_deregister(MPIX_Buffer* buffer);

/*
 * A registered buffer for kernels, which take it by value. Its tables are in memory of the device
 * and live as long as the buffer.
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

/* MPIX_Buffer_device_handle: stores in *view how kernels reach a registered buffer. Local. */
CAUSEWAY_API int MPIX_Buffer_device_handle(MPIX_Buffer buffer, MPIX_Buffer_view* view);

/* An exchange that was agreed on once and may be started many times. */
typedef struct causeway_plan* MPIX_Plan;
#define MPIX_PLAN_NULL ((MPIX_Plan)0)

/*
 * MPIX_Alltoallv_plan, MPIX_Alltoallv_plan_c: agree on an exchange that is started many times.
 *
 * Collective over comm, which the call attaches if need be; not while a stream is being captured.
 * A start makes the exchange that MPIX_Alltoallv makes with the same arguments. recvbuf is
 * registered for the plan's life where it can be, and counts among the registered buffers of
 * MPIX_Buffer_register. Copy engines move what goes between ranks, so that no multiprocessor does,
 * where the rules of CAUSEWAY_TUNE say so on every rank, on GPUs of one host, with every recvbuf
 * registered and no derived datatype.
 * Arguments: buffers are memory that comm's device can address; MPI_IN_PLACE is not allowed. info
 * is MPI_INFO_NULL or has settings of comm that this plan is to have otherwise: rules on top of
 * comm's (causeway_tune, causeway_tuning_file) and fewer thread blocks (causeway_max_ctas).
 * Completion: counts, displacements and datatypes may be changed. Buffers belong to the plan until
 * it is freed; between its starts the caller may read and write them.
 * Errors: where a rank asks for less than it is sent, every rank gets MPI_ERR_TRUNCATE, naming the
 * pair, and *plan is MPIX_PLAN_NULL. Any other key of info that begins with causeway_ is an error.
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
 * MPIX_Neighbor_alltoallv_plan, MPIX_Neighbor_alltoallv_plan_c: MPIX_Neighbor_alltoallv as
 * MPIX_Alltoallv_plan is to MPIX_Alltoallv. Making a plan waits for all ranks of comm; its starts
 * wait for neighbours.
 */
CAUSEWAY_API int MPIX_Neighbor_alltoallv_plan(const void* sendbuf, const int sendcounts[],
                                              const int sdispls[], MPI_Datatype sendtype,
                                              void* recvbuf, const int recvcounts[],
                                              const int rdispls[], MPI_Datatype recvtype,
                                              MPI_Comm comm, MPI_Info info, MPIX_Plan* plan);
CAUSEWAY_API int MPIX_Neighbor_alltoallv_plan_c(const void* sendbuf, const MPI_Count sendcounts[],
                                                const MPI_Aint sdispls[], MPI_Datatype sendtype,
                                                void* recvbuf, const MPI_Count recvcounts[],
                                                const MPI_Aint rdispls[], MPI_Datatype recvtype,
                                                MPI_Comm comm, MPI_Info info, MPIX_Plan* plan);

/*
 * MPIX_Plan_start: starts a planned exchange on a stream.
 *
 * Collective over the plan's communicator. Order, captures, completion and errors are those of
 * MPIX_Alltoallv_on_stream.
 */
CAUSEWAY_API int MPIX_Plan_start(MPIX_Plan plan, void* stream);

/*
 * MPIX_Plan_free: frees a plan.
 *
 * Collective over the plan's communicator. Graphs that captured starts must not run meanwhile.
 * Completion: exchanges that were begun on the communicator are over, and *plan is MPIX_PLAN_NULL.
 * Replays of graphs go on as those of MPIX_Alltoallv_on_stream, but for graphs with copy engines:
 * these write to where the peers' recvbuf was, and must not be replayed any more, nor after the
 * communicator was detached or freed. After that, only the handle is freed.
 */
CAUSEWAY_API int MPIX_Plan_free(MPIX_Plan* plan);

#ifdef __cplusplus
}
#endif

#include <causeway/mpix_peers.h>
#include <causeway/pmpix.h>

#endif /* CAUSEWAY_MPIX_H */
