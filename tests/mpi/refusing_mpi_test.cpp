// An MPI that refuses something on one rank: `mpirun -n 2 refusing_mpi_test`. Its error is the
// call's, on that rank with MPI's own sentence, and no rank waits for another without end.
#include "scoped_mpi.hpp"

#include <causeway/mpix.h>

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace causeway::test;

bool refuses_attributes = false;
bool refuses_to_gather = false;
int rank_here = 0;
int mistakes = 0;

void expect(bool right, const char* what, const std::string& detail = "") {
  if (right) return;
  ++mistakes;
  std::fprintf(stderr, "rank %d: %s %s\n", rank_here, what, detail.c_str());
}

std::string sentence(int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return text;
}

bool says(int code, const char* fragment) {
  return code != MPI_SUCCESS && sentence(code).find(fragment) != std::string::npos;
}

/// MPI's own function, behind the one below of the same name.
template <class Function>
Function* own(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool exchanges(MPI_Comm comm) {
  int size = 0;
  MPI_Comm_size(comm, &size);
  const std::vector<int> ones(static_cast<std::size_t>(size), 1);
  std::vector<int> places(ones.size());
  for (int peer = 0; peer < size; ++peer) places[static_cast<std::size_t>(peer)] = peer;
  const std::vector<int> sent(ones.size(), rank_here);
  std::vector<int> received(ones.size(), -1);
  return MPIX_Alltoallv(sent.data(), ones.data(), places.data(), MPI_INT, received.data(),
                        ones.data(), places.data(), MPI_INT, comm) == MPI_SUCCESS &&
         received == places;
}

/// Whether comm is attached: memory is made only on one that is.
bool is_attached(MPI_Comm comm) {
  void* memory = nullptr;
  if (MPIX_Mem_alloc(comm, 1, &memory) != MPI_SUCCESS) return false;
  MPIX_Mem_free(memory);
  return true;
}

}  // namespace

// What libcauseway.so calls.
#pragma GCC visibility push(default)
extern "C" int PMPI_Comm_set_attr(MPI_Comm comm, int keyval, void* value) {
  if (refuses_attributes && comm != MPI_COMM_SELF) return MPI_ERR_OTHER;
  return own<decltype(PMPI_Comm_set_attr)>("PMPI_Comm_set_attr")(comm, keyval, value);
}

extern "C" int PMPI_Iallgather(const void* sent, int sent_count, MPI_Datatype sent_type,
                               void* received, int count, MPI_Datatype type, MPI_Comm comm,
                               MPI_Request* request) {
  if (refuses_to_gather) return MPI_ERR_OTHER;
  return own<decltype(PMPI_Iallgather)>("PMPI_Iallgather")(sent, sent_count, sent_type, received,
                                                           count, type, comm, request);
}
#pragma GCC visibility pop

int main(int argc, char** argv) {
  setenv("CAUSEWAY_TIMEOUT", "20", 0);
  setenv("CAUSEWAY_DEVICE", "host", 0);
  int granted = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &granted);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_here);
  {
    const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
    refuses_attributes = rank_here == 1;
    const int code = MPIX_Comm_attach(comm, MPI_INFO_NULL);
    refuses_attributes = false;
    expect(says(code, "rank 1: MPI refused"), "attach says", sentence(code));
    expect(!is_attached(comm), "attached all the same");
    expect(exchanges(comm), "comm does not exchange afterwards");
  }
  {
    const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
    expect(MPIX_Comm_attach(comm, MPI_INFO_NULL) == MPI_SUCCESS, "cannot attach");
    refuses_to_gather = rank_here == 1;
    int memory = 0;
    MPIX_Buffer buffer = MPIX_BUFFER_NULL;
    const int code = MPIX_Buffer_register(comm, &memory, sizeof memory, &buffer);
    refuses_to_gather = false;
    expect(says(code, rank_here == 1 ? "MPI_Iallgather failed" : "the communicator has failed"),
           "register says", sentence(code));
    expect(!says(code, "CAUSEWAY_TIMEOUT"), "a rank waited");
    expect(!exchanges(comm), "a communicator whose ranks are apart exchanges");
  }
  expect(exchanges(MPI_COMM_WORLD), "another communicator does not exchange");
  int all = 0;
  MPI_Allreduce(&mistakes, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (rank_here == 0) std::printf("%d mistakes\n", all);
  MPI_Finalize();
  return all == 0 ? 0 : 1;
}
