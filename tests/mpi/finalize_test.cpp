// A program that leaves communicators attached, with buffers and plans: MPI_Finalize frees what it
// still finds.
#include "process_state.hpp"
#include "scoped_mpi.hpp"

#include <causeway/mpix.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace causeway::test;

/// Sends one int to each rank of comm; true when all that was sent has arrived.
bool exchange(MPI_Comm comm) {
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  const auto ranks = static_cast<std::size_t>(size);
  const std::vector<int> counts(ranks, 1);
  std::vector<int> displacements(ranks);
  for (std::size_t peer = 0; peer < ranks; ++peer) displacements[peer] = static_cast<int>(peer);
  const std::vector<int> sent(ranks, rank);
  std::vector<int> received(ranks, -1);
  return MPIX_Alltoallv(sent.data(), counts.data(), displacements.data(), MPI_INT, received.data(),
                        counts.data(), displacements.data(), MPI_INT, comm) == MPI_SUCCESS &&
         received == displacements;
}

/// Registers memory of comm's device and plans an exchange in it, for nobody to end; the memory is
/// freed with the registrations. True when all went well.
bool leave_buffer_and_plan(MPI_Comm comm) {
  int size = 0;
  MPI_Comm_size(comm, &size);
  const std::vector<int> counts(static_cast<std::size_t>(size), 10'000);
  std::vector<int> displacements(counts.size());
  for (int peer = 0; peer < size; ++peer) {
    displacements[static_cast<std::size_t>(peer)] = peer * counts.front();
  }
  const MPI_Aint half = MPI_Aint{10'000} * size;
  std::byte* base = nullptr;
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  MPIX_Plan plan = MPIX_PLAN_NULL;
  return MPIX_Mem_alloc(comm, 2 * half, &base) == MPI_SUCCESS &&
         MPIX_Buffer_register(comm, base, 2 * half, &buffer) == MPI_SUCCESS &&
         MPIX_Alltoallv_plan(base, counts.data(), displacements.data(), MPI_BYTE, base + half,
                             counts.data(), displacements.data(), MPI_BYTE, comm, MPI_INFO_NULL,
                             &plan) == MPI_SUCCESS &&
         MPIX_Plan_start(plan, nullptr) == MPI_SUCCESS && MPIX_Mem_free(base) == MPI_SUCCESS;
}

/// Exchanges on several communicators, of which some stay attached. True when all went well.
bool leave_some_attached() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm kept = MPI_COMM_NULL;
  MPI_Comm kept_part = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &kept);
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &kept_part);
  const ScopedComm freed = ScopedComm::dup(MPI_COMM_WORLD);
  const ScopedComm freed_part = ScopedComm::split(MPI_COMM_WORLD, rank % 3, rank);
  MPI_Comm detached = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &detached);
  bool well = true;
  for (const MPI_Comm comm : {MPI_Comm{MPI_COMM_WORLD}, kept, MPI_Comm{freed}, kept_part,
                              MPI_Comm{MPI_COMM_SELF}, MPI_Comm{freed_part}, detached}) {
    well = MPIX_Comm_attach(comm, MPI_INFO_NULL) == MPI_SUCCESS && well;
    well = exchange(comm) && well;
    well = leave_buffer_and_plan(comm) && well;
  }
  return MPIX_Comm_detach(detached) == MPI_SUCCESS && well;
}

/// True when exchanges in the background are refused where MPI has no threads for them, and others
/// go on.
bool refuses_background() {
  int granted = MPI_THREAD_SINGLE;
  MPI_Query_thread(&granted);
  if (granted == MPI_THREAD_MULTIPLE) return true;  // by the environment's wish
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const std::vector<int> none(static_cast<std::size_t>(comm.size()), 0);
  MPI_Request request = MPI_REQUEST_NULL;
  const int code = MPIX_Ialltoallv(nullptr, none.data(), none.data(), MPI_INT, nullptr, none.data(),
                                   none.data(), MPI_INT, comm, &request);
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return code != MPI_SUCCESS && request == MPI_REQUEST_NULL &&
         std::string(text).find("MPI_THREAD_MULTIPLE") != std::string::npos && exchange(comm);
}

}  // namespace

int main(int argc, char** argv) {
  const bool early = MPIX_Comm_detach(MPI_COMM_WORLD) == MPI_SUCCESS;
  MPI_Init(&argc, &argv);
  const bool refused = refuses_background();
  const bool well = leave_some_attached();
  const int attached = shared_mappings();
  MPI_Finalize();
  const int left = shared_mappings();
  const bool late = MPIX_Comm_attach(MPI_COMM_WORLD, MPI_INFO_NULL) == MPI_SUCCESS;
  if (early || late || !refused || !well || attached == 0 || left != 0) {
    std::fprintf(stderr,
                 "called before MPI_Init: %d, after MPI_Finalize: %d, refused without threads: %d, "
                 "exchanged: %d, "
                 "mappings while attached: %d, left: %d\n",
                 early, late, refused, well, attached, left);
    return 1;
  }
  std::printf("finalized\n");
  return 0;
}
