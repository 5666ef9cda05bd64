/* Calls every function of causeway/mpix.h, which has to be C99 for this to compile. */
#include "mpix_c99.h"

#include <causeway/mpix.h>

#include <stdlib.h>

#define EXPECT(condition)              \
  do {                                 \
    if (!(condition)) return __LINE__; \
  } while (0)

typedef int Alltoallv(const void*, const int[], const int[], MPI_Datatype, void*, const int[],
                      const int[], MPI_Datatype, MPI_Comm);
typedef int OnStream(const void*, const int[], const int[], MPI_Datatype, void*, const int[],
                     const int[], MPI_Datatype, MPI_Comm, void*);
typedef int AlltoallvC(const void*, const MPI_Count[], const MPI_Aint[], MPI_Datatype, void*,
                       const MPI_Count[], const MPI_Aint[], MPI_Datatype, MPI_Comm);
typedef int Ialltoallv(const void*, const int[], const int[], MPI_Datatype, void*, const int[],
                       const int[], MPI_Datatype, MPI_Comm, MPI_Request*);
typedef int IalltoallvC(const void*, const MPI_Count[], const MPI_Aint[], MPI_Datatype, void*,
                        const MPI_Count[], const MPI_Aint[], MPI_Datatype, MPI_Comm, MPI_Request*);
typedef int Alltoallw(const void*, const int[], const int[], const MPI_Datatype[], void*,
                      const int[], const int[], const MPI_Datatype[], MPI_Comm);
typedef int AlltoallwC(const void*, const MPI_Count[], const MPI_Aint[], const MPI_Datatype[],
                       void*, const MPI_Count[], const MPI_Aint[], const MPI_Datatype[], MPI_Comm);
typedef int NeighborW(const void*, const int[], const MPI_Aint[], const MPI_Datatype[], void*,
                      const int[], const MPI_Aint[], const MPI_Datatype[], MPI_Comm);
typedef int OnStreamC(const void*, const MPI_Count[], const MPI_Aint[], MPI_Datatype, void*,
                      const MPI_Count[], const MPI_Aint[], MPI_Datatype, MPI_Comm, void*);

typedef int Plan(const void*, const int[], const int[], MPI_Datatype, void*, const int[],
                 const int[], MPI_Datatype, MPI_Comm, MPI_Info, MPIX_Plan*);
typedef int PlanC(const void*, const MPI_Count[], const MPI_Aint[], MPI_Datatype, void*,
                  const MPI_Count[], const MPI_Aint[], MPI_Datatype, MPI_Comm, MPI_Info,
                  MPIX_Plan*);

/* Arguments with which each rank sends each rank one int. */
struct arguments {
  int size;
  int *sent, *received, *counts, *displacements;
  MPI_Count* wide_counts;
  MPI_Aint* wide_displacements;
};

static void fill(struct arguments* a, int rank) {
  int peer;
  for (peer = 0; peer < a->size; ++peer) {
    a->sent[peer] = 1000 * rank + peer;
    a->received[peer] = -1;
    a->counts[peer] = 1;
    a->displacements[peer] = peer;
    a->wide_counts[peer] = 1;
    a->wide_displacements[peer] = peer;
  }
}

static int arrived(const struct arguments* a, int rank) {
  int peer;
  for (peer = 0; peer < a->size; ++peer) {
    if (a->received[peer] != 1000 * peer + rank) return 0;
  }
  return 1;
}

static int exchange(struct arguments* a, int rank, Alltoallv* call, MPI_Comm comm) {
  fill(a, rank);
  return call(a->sent, a->counts, a->displacements, MPI_INT, a->received, a->counts,
              a->displacements, MPI_INT, comm) == MPI_SUCCESS &&
         arrived(a, rank);
}

static int exchange_c(struct arguments* a, int rank, AlltoallvC* call, MPI_Comm comm) {
  fill(a, rank);
  return call(a->sent, a->wide_counts, a->wide_displacements, MPI_INT, a->received, a->wide_counts,
              a->wide_displacements, MPI_INT, comm) == MPI_SUCCESS &&
         arrived(a, rank);
}

/* One of the two calls. */
static int exchange_in_background(struct arguments* a, int rank, IalltoallvC* wide,
                                  Ialltoallv* call, MPI_Comm comm) {
  MPI_Request request = MPI_REQUEST_NULL;
  int code;
  fill(a, rank);
  code = wide != NULL ? wide(a->sent, a->wide_counts, a->wide_displacements, MPI_INT, a->received,
                             a->wide_counts, a->wide_displacements, MPI_INT, comm, &request)
                      : call(a->sent, a->counts, a->displacements, MPI_INT, a->received, a->counts,
                             a->displacements, MPI_INT, comm, &request);
  return code == MPI_SUCCESS && MPI_Wait(&request, MPI_STATUS_IGNORE) == MPI_SUCCESS &&
         arrived(a, rank);
}

static int exchange_on_stream(struct arguments* a, int rank, OnStream* call, MPI_Comm comm) {
  fill(a, rank);
  return call(a->sent, a->counts, a->displacements, MPI_INT, a->received, a->counts,
              a->displacements, MPI_INT, comm, NULL) == MPI_SUCCESS &&
         arrived(a, rank);
}

static int exchange_on_stream_c(struct arguments* a, int rank, OnStreamC* call, MPI_Comm comm) {
  fill(a, rank);
  return call(a->sent, a->wide_counts, a->wide_displacements, MPI_INT, a->received, a->wide_counts,
              a->wide_displacements, MPI_INT, comm, NULL) == MPI_SUCCESS &&
         arrived(a, rank);
}

/* One of the two calls; displacements are bytes. */
static int exchange_w(struct arguments* a, int rank, AlltoallwC* wide, Alltoallw* call,
                      MPI_Comm comm) {
  MPI_Datatype* const types = malloc((size_t)a->size * sizeof *types);
  int code;
  int peer;
  fill(a, rank);
  for (peer = 0; peer < a->size; ++peer) {
    types[peer] = MPI_INT;
    a->displacements[peer] *= (int)sizeof(int);
    a->wide_displacements[peer] *= (MPI_Aint)sizeof(int);
  }
  code = wide != NULL ? wide(a->sent, a->wide_counts, a->wide_displacements, types, a->received,
                             a->wide_counts, a->wide_displacements, types, comm)
                      : call(a->sent, a->counts, a->displacements, types, a->received, a->counts,
                             a->displacements, types, comm);
  free(types);
  return code == MPI_SUCCESS && arrived(a, rank);
}

/* One of the two plans. */
static int exchange_planned(struct arguments* a, int rank, PlanC* wide, Plan* call,
                            int (*start)(MPIX_Plan, void*), int (*end)(MPIX_Plan*), MPI_Comm comm) {
  MPIX_Plan plan = MPIX_PLAN_NULL;
  int code;
  fill(a, rank);
  code = wide != NULL
             ? wide(a->sent, a->wide_counts, a->wide_displacements, MPI_INT, a->received,
                    a->wide_counts, a->wide_displacements, MPI_INT, comm, MPI_INFO_NULL, &plan)
             : call(a->sent, a->counts, a->displacements, MPI_INT, a->received, a->counts,
                    a->displacements, MPI_INT, comm, MPI_INFO_NULL, &plan);
  return code == MPI_SUCCESS && plan != MPIX_PLAN_NULL && start(plan, NULL) == MPI_SUCCESS &&
         end(&plan) == MPI_SUCCESS && plan == MPIX_PLAN_NULL && arrived(a, rank);
}

/* The calls with one count for all ranks. */
static int exchange_equal(struct arguments* a, int rank, MPI_Comm comm) {
  fill(a, rank);
  EXPECT(MPIX_Alltoall(a->sent, 1, MPI_INT, a->received, 1, MPI_INT, comm) == MPI_SUCCESS);
  EXPECT(arrived(a, rank));
  fill(a, rank);
  EXPECT(PMPIX_Alltoall(a->sent, 1, MPI_INT, a->received, 1, MPI_INT, comm) == MPI_SUCCESS);
  EXPECT(arrived(a, rank));
  fill(a, rank);
  EXPECT(MPIX_Alltoall_c(a->sent, 1, MPI_INT, a->received, 1, MPI_INT, comm) == MPI_SUCCESS);
  EXPECT(arrived(a, rank));
  fill(a, rank);
  EXPECT(PMPIX_Alltoall_c(a->sent, 1, MPI_INT, a->received, 1, MPI_INT, comm) == MPI_SUCCESS);
  EXPECT(arrived(a, rank));
  return 0;
}

/* The same on a stream. */
static int exchange_equal_on_stream(struct arguments* a, int rank, MPI_Comm comm) {
  fill(a, rank);
  EXPECT(MPIX_Alltoall_on_stream(a->sent, 1, MPI_INT, a->received, 1, MPI_INT, comm, NULL) ==
         MPI_SUCCESS);
  EXPECT(arrived(a, rank));
  fill(a, rank);
  EXPECT(PMPIX_Alltoall_on_stream(a->sent, 1, MPI_INT, a->received, 1, MPI_INT, comm, NULL) ==
         MPI_SUCCESS);
  EXPECT(arrived(a, rank));
  fill(a, rank);
  EXPECT(MPIX_Alltoall_on_stream_c(a->sent, 1, MPI_INT, a->received, 1, MPI_INT, comm, NULL) ==
         MPI_SUCCESS);
  EXPECT(arrived(a, rank));
  fill(a, rank);
  EXPECT(PMPIX_Alltoall_on_stream_c(a->sent, 1, MPI_INT, a->received, 1, MPI_INT, comm, NULL) ==
         MPI_SUCCESS);
  EXPECT(arrived(a, rank));
  return 0;
}

/* One of the two calls; displacements are bytes, of the wide kind in both. */
static int exchange_neighbor_w(struct arguments* a, int rank, AlltoallwC* wide, NeighborW* call,
                               MPI_Comm comm) {
  MPI_Datatype* const types = malloc((size_t)a->size * sizeof *types);
  int code;
  int peer;
  fill(a, rank);
  for (peer = 0; peer < a->size; ++peer) {
    types[peer] = MPI_INT;
    a->wide_displacements[peer] *= (MPI_Aint)sizeof(int);
  }
  code = wide != NULL ? wide(a->sent, a->wide_counts, a->wide_displacements, types, a->received,
                             a->wide_counts, a->wide_displacements, types, comm)
                      : call(a->sent, a->counts, a->wide_displacements, types, a->received,
                             a->counts, a->wide_displacements, types, comm);
  free(types);
  return code == MPI_SUCCESS && arrived(a, rank);
}

/* Between neighbours: each rank has all for neighbours, in order, so that the same goes the same
 * ways. */
static int call_neighbor_forms(struct arguments* a, int rank, MPI_Comm graph) {
  EXPECT(exchange(a, rank, MPIX_Neighbor_alltoallv, graph));
  EXPECT(exchange(a, rank, PMPIX_Neighbor_alltoallv, graph));
  EXPECT(exchange_c(a, rank, MPIX_Neighbor_alltoallv_c, graph));
  EXPECT(exchange_c(a, rank, PMPIX_Neighbor_alltoallv_c, graph));
  EXPECT(exchange_neighbor_w(a, rank, NULL, MPIX_Neighbor_alltoallw, graph));
  EXPECT(exchange_neighbor_w(a, rank, NULL, PMPIX_Neighbor_alltoallw, graph));
  EXPECT(exchange_neighbor_w(a, rank, MPIX_Neighbor_alltoallw_c, NULL, graph));
  EXPECT(exchange_neighbor_w(a, rank, PMPIX_Neighbor_alltoallw_c, NULL, graph));
  EXPECT(exchange_in_background(a, rank, NULL, MPIX_Ineighbor_alltoallv, graph));
  EXPECT(exchange_in_background(a, rank, NULL, PMPIX_Ineighbor_alltoallv, graph));
  EXPECT(exchange_in_background(a, rank, MPIX_Ineighbor_alltoallv_c, NULL, graph));
  EXPECT(exchange_in_background(a, rank, PMPIX_Ineighbor_alltoallv_c, NULL, graph));
  return 0;
}

static int call_neighbor_stream_forms(struct arguments* a, int rank, MPI_Comm graph) {
  EXPECT(exchange_on_stream(a, rank, MPIX_Neighbor_alltoallv_on_stream, graph));
  EXPECT(exchange_on_stream(a, rank, PMPIX_Neighbor_alltoallv_on_stream, graph));
  EXPECT(exchange_on_stream_c(a, rank, MPIX_Neighbor_alltoallv_on_stream_c, graph));
  EXPECT(exchange_on_stream_c(a, rank, PMPIX_Neighbor_alltoallv_on_stream_c, graph));
  EXPECT(exchange_planned(a, rank, NULL, MPIX_Neighbor_alltoallv_plan, MPIX_Plan_start,
                          MPIX_Plan_free, graph));
  EXPECT(exchange_planned(a, rank, NULL, PMPIX_Neighbor_alltoallv_plan, PMPIX_Plan_start,
                          PMPIX_Plan_free, graph));
  EXPECT(exchange_planned(a, rank, MPIX_Neighbor_alltoallv_plan_c, NULL, MPIX_Plan_start,
                          MPIX_Plan_free, graph));
  EXPECT(exchange_planned(a, rank, PMPIX_Neighbor_alltoallv_plan_c, NULL, PMPIX_Plan_start,
                          PMPIX_Plan_free, graph));
  return 0;
}

static int call_all_neighbor_forms(struct arguments* a, int rank, MPI_Comm comm) {
  int* const all = malloc((size_t)a->size * sizeof *all);
  MPI_Comm graph = MPI_COMM_NULL;
  MPI_Info info;
  int line;
  int peer;
  for (peer = 0; peer < a->size; ++peer) all[peer] = peer;
  /* Their numbers also serve for weights, which compilers want to see. */
  MPI_Dist_graph_create_adjacent(comm, a->size, all, all, a->size, all, all, MPI_INFO_NULL, 0,
                                 &graph);
  free(all);
  line = call_neighbor_forms(a, rank, graph);
  if (line != 0) return line;
  EXPECT(MPIX_Comm_detach(graph) == MPI_SUCCESS);
  MPI_Info_create(&info);
  MPI_Info_set(info, "causeway_device", "host");
  EXPECT(MPIX_Comm_attach(graph, info) == MPI_SUCCESS);
  MPI_Info_free(&info);
  line = call_neighbor_stream_forms(a, rank, graph);
  MPI_Comm_free(&graph);
  return line;
}

static int call_buffer_forms(int rank, MPI_Comm comm) {
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  MPIX_Buffer_view view;
  void* base = NULL;
  void* other = NULL;
  EXPECT(MPIX_Mem_alloc(comm, 100, &base) == MPI_SUCCESS && base != NULL);
  EXPECT(PMPIX_Mem_alloc(comm, 100, &other) == MPI_SUCCESS && other != NULL);
  EXPECT(MPIX_Buffer_register(comm, base, 100, &buffer) == MPI_SUCCESS);
  EXPECT(MPIX_Buffer_device_handle(buffer, &view) == MPI_SUCCESS);
  EXPECT(view.base == base && view.bytes == 100 && view.rank == rank);
  EXPECT(MPIX_Buffer_deregister(&buffer) == MPI_SUCCESS && buffer == MPIX_BUFFER_NULL);
  EXPECT(PMPIX_Buffer_register(comm, other, 50, &buffer) == MPI_SUCCESS);
  EXPECT(PMPIX_Buffer_device_handle(buffer, &view) == MPI_SUCCESS);
  EXPECT(view.base == other && view.bytes == 50 && view.rank == rank);
  EXPECT(PMPIX_Buffer_deregister(&buffer) == MPI_SUCCESS && buffer == MPIX_BUFFER_NULL);
  EXPECT(MPIX_Mem_free(base) == MPI_SUCCESS);
  EXPECT(PMPIX_Mem_free(other) == MPI_SUCCESS);
  return 0;
}

/* Stream calls that wait for nothing are those of the host device, whose ints are also its
 * memory. */
typedef int Sendrecv(const void*, int, MPI_Datatype, int, int, void*, int, MPI_Datatype, int, int,
                     MPI_Comm, MPI_Status*);
typedef int SendrecvC(const void*, MPI_Count, MPI_Datatype, int, int, void*, MPI_Count,
                      MPI_Datatype, int, int, MPI_Comm, MPI_Status*);
typedef int SendrecvOnStream(const void*, int, MPI_Datatype, int, int, void*, int, MPI_Datatype,
                             int, int, MPI_Comm, void*);
typedef int SendrecvOnStreamC(const void*, MPI_Count, MPI_Datatype, int, int, void*, MPI_Count,
                              MPI_Datatype, int, int, MPI_Comm, void*);

/* Each rank sends the next one a number, by the one of these that there is. */
static int passes_on(int rank, int size, Sendrecv* call, SendrecvC* call_c,
                     SendrecvOnStream* on_stream, SendrecvOnStreamC* on_stream_c, MPI_Comm comm) {
  const int next = (rank + 1) % size;
  const int before = (rank + size - 1) % size;
  MPI_Status status;
  int received = -1;
  int code;
  if (call != NULL || call_c != NULL) {
    code =
        call != NULL
            ? call(&rank, 1, MPI_INT, next, 1, &received, 1, MPI_INT, before, 1, comm, &status)
            : call_c(&rank, 1, MPI_INT, next, 1, &received, 1, MPI_INT, before, 1, comm, &status);
    if (status.MPI_SOURCE != before || status.MPI_TAG != 1) return 0;
  } else {
    code =
        on_stream != NULL
            ? on_stream(&rank, 1, MPI_INT, next, 1, &received, 1, MPI_INT, before, 1, comm, NULL)
            : on_stream_c(&rank, 1, MPI_INT, next, 1, &received, 1, MPI_INT, before, 1, comm, NULL);
  }
  return code == MPI_SUCCESS && received == before;
}

typedef int SendrecvPlan(const void*, int, MPI_Datatype, int, int, void*, int, MPI_Datatype, int,
                         int, MPI_Comm, MPI_Info, MPIX_Plan*);
typedef int SendrecvPlanC(const void*, MPI_Count, MPI_Datatype, int, int, void*, MPI_Count,
                          MPI_Datatype, int, int, MPI_Comm, MPI_Info, MPIX_Plan*);

/* The same as planned by the one of these that there is. */
static int passes_on_planned(int rank, int size, SendrecvPlan* call, SendrecvPlanC* call_c,
                             MPI_Comm comm) {
  const int next = (rank + 1) % size;
  const int before = (rank + size - 1) % size;
  MPIX_Plan plan = MPIX_PLAN_NULL;
  int received = -1;
  const int code = call != NULL ? call(&rank, 1, MPI_INT, next, 1, &received, 1, MPI_INT, before, 1,
                                       comm, MPI_INFO_NULL, &plan)
                                : call_c(&rank, 1, MPI_INT, next, 1, &received, 1, MPI_INT, before,
                                         1, comm, MPI_INFO_NULL, &plan);
  return code == MPI_SUCCESS && MPIX_Plan_start(plan, NULL) == MPI_SUCCESS && received == before &&
         MPIX_Plan_free(&plan) == MPI_SUCCESS;
}

static int send_and_receive(int rank, int size, MPI_Comm comm) {
  EXPECT(passes_on(rank, size, MPIX_Sendrecv, NULL, NULL, NULL, comm));
  EXPECT(passes_on(rank, size, PMPIX_Sendrecv, NULL, NULL, NULL, comm));
  EXPECT(passes_on(rank, size, NULL, MPIX_Sendrecv_c, NULL, NULL, comm));
  EXPECT(passes_on(rank, size, NULL, PMPIX_Sendrecv_c, NULL, NULL, comm));
  EXPECT(passes_on(rank, size, NULL, NULL, MPIX_Sendrecv_on_stream, NULL, comm));
  EXPECT(passes_on(rank, size, NULL, NULL, PMPIX_Sendrecv_on_stream, NULL, comm));
  EXPECT(passes_on(rank, size, NULL, NULL, NULL, MPIX_Sendrecv_on_stream_c, comm));
  EXPECT(passes_on(rank, size, NULL, NULL, NULL, PMPIX_Sendrecv_on_stream_c, comm));
  EXPECT(passes_on_planned(rank, size, MPIX_Sendrecv_plan, NULL, comm));
  EXPECT(passes_on_planned(rank, size, PMPIX_Sendrecv_plan, NULL, comm));
  EXPECT(passes_on_planned(rank, size, NULL, MPIX_Sendrecv_plan_c, comm));
  EXPECT(passes_on_planned(rank, size, NULL, PMPIX_Sendrecv_plan_c, comm));
  return 0;
}

static int call_stream_forms(struct arguments* a, int rank, MPI_Comm comm) {
  MPI_Info info;
  int line;
  MPI_Info_create(&info);
  MPI_Info_set(info, "causeway_device", "host");
  EXPECT(MPIX_Comm_attach(comm, info) == MPI_SUCCESS);
  MPI_Info_free(&info);
  line = exchange_equal_on_stream(a, rank, comm);
  if (line != 0) return line;
  line = send_and_receive(rank, a->size, comm);
  if (line != 0) return line;
  EXPECT(exchange_on_stream(a, rank, MPIX_Alltoallv_on_stream, comm));
  EXPECT(exchange_on_stream(a, rank, PMPIX_Alltoallv_on_stream, comm));
  EXPECT(exchange_on_stream_c(a, rank, MPIX_Alltoallv_on_stream_c, comm));
  EXPECT(exchange_on_stream_c(a, rank, PMPIX_Alltoallv_on_stream_c, comm));
  EXPECT(
      exchange_planned(a, rank, NULL, MPIX_Alltoallv_plan, MPIX_Plan_start, MPIX_Plan_free, comm));
  EXPECT(exchange_planned(a, rank, NULL, PMPIX_Alltoallv_plan, PMPIX_Plan_start, PMPIX_Plan_free,
                          comm));
  EXPECT(exchange_planned(a, rank, MPIX_Alltoallv_plan_c, NULL, MPIX_Plan_start, MPIX_Plan_free,
                          comm));
  EXPECT(exchange_planned(a, rank, PMPIX_Alltoallv_plan_c, NULL, PMPIX_Plan_start, PMPIX_Plan_free,
                          comm));
  EXPECT(MPIX_Comm_detach(comm) == MPI_SUCCESS);
  return 0;
}

static int call_all(struct arguments* a, int rank, MPI_Comm comm) {
  int code = -1;
  int line;
  EXPECT(MPIX_Comm_attach(comm, MPI_INFO_NULL) == MPI_SUCCESS);
  EXPECT(PMPIX_Comm_attach(comm, MPI_INFO_NULL) == MPI_SUCCESS);
  EXPECT(exchange(a, rank, MPIX_Alltoallv, comm));
  EXPECT(exchange(a, rank, PMPIX_Alltoallv, comm));
  EXPECT(exchange_c(a, rank, MPIX_Alltoallv_c, comm));
  EXPECT(exchange_c(a, rank, PMPIX_Alltoallv_c, comm));
  EXPECT(exchange_w(a, rank, NULL, MPIX_Alltoallw, comm));
  EXPECT(exchange_w(a, rank, NULL, PMPIX_Alltoallw, comm));
  EXPECT(exchange_w(a, rank, MPIX_Alltoallw_c, NULL, comm));
  EXPECT(exchange_w(a, rank, PMPIX_Alltoallw_c, NULL, comm));
  EXPECT(exchange_in_background(a, rank, NULL, MPIX_Ialltoallv, comm));
  EXPECT(exchange_in_background(a, rank, NULL, PMPIX_Ialltoallv, comm));
  EXPECT(exchange_in_background(a, rank, MPIX_Ialltoallv_c, NULL, comm));
  EXPECT(exchange_in_background(a, rank, PMPIX_Ialltoallv_c, NULL, comm));
  line = exchange_equal(a, rank, comm);
  if (line != 0) return line;
  line = call_buffer_forms(rank, comm);
  if (line != 0) return line;
  EXPECT(MPIX_Comm_get_error(comm, &code) == MPI_SUCCESS && code == MPI_SUCCESS);
  EXPECT(MPIX_Comm_detach(comm) == MPI_SUCCESS);
  EXPECT(PMPIX_Comm_attach(comm, MPI_INFO_NULL) == MPI_SUCCESS);
  EXPECT(MPIX_Comm_abort(comm) == MPI_SUCCESS);
  EXPECT(PMPIX_Comm_abort(comm) == MPI_SUCCESS);
  EXPECT(PMPIX_Comm_get_error(comm, &code) == MPI_SUCCESS && code != MPI_SUCCESS);
  EXPECT(PMPIX_Comm_detach(comm) == MPI_SUCCESS);
  return 0;
}

int call_every_function_from_c(MPI_Comm comm) {
  struct arguments a;
  size_t ranks;
  int rank;
  int line;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &a.size);
  ranks = (size_t)a.size;
  a.sent = malloc(ranks * sizeof *a.sent);
  a.received = malloc(ranks * sizeof *a.received);
  a.counts = malloc(ranks * sizeof *a.counts);
  a.displacements = malloc(ranks * sizeof *a.displacements);
  a.wide_counts = malloc(ranks * sizeof *a.wide_counts);
  a.wide_displacements = malloc(ranks * sizeof *a.wide_displacements);
  line = call_all(&a, rank, comm);
  if (line == 0) line = call_stream_forms(&a, rank, comm);
  if (line == 0) line = call_all_neighbor_forms(&a, rank, comm);
  free(a.sent);
  free(a.received);
  free(a.counts);
  free(a.displacements);
  free(a.wide_counts);
  free(a.wide_displacements);
  return line;
}
