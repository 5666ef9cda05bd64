// A program that replaces MPIX_Alltoallv, as a profiler does, and forwards to PMPIX_Alltoallv.
#include <causeway/mpix.h>

#include <cstdio>
#include <numeric>
#include <vector>

namespace {

int calls = 0;

}  // namespace

extern "C" int MPIX_Alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                              MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                              const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  ++calls;
  return PMPIX_Alltoallv(sendbuf, sendcounts, sdispls, sendtype, recvbuf, recvcounts, rdispls,
                         recvtype, comm);
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const auto ranks = static_cast<std::size_t>(size);
  const std::vector<int> counts(ranks, 1);
  std::vector<int> displacements(ranks);
  std::iota(displacements.begin(), displacements.end(), 0);
  const std::vector<int> sent(ranks, rank);
  std::vector<int> received(ranks, -1);

  const int code =
      MPIX_Alltoallv(sent.data(), counts.data(), displacements.data(), MPI_INT, received.data(),
                     counts.data(), displacements.data(), MPI_INT, MPI_COMM_WORLD);
  const bool arrived = received == displacements;  // each rank sent its number
  // What was not replaced is the library's, and does not come back through what was.
  const std::vector<MPI_Count> none(ranks, 0);
  const int code_c = MPIX_Alltoallv_c(nullptr, none.data(), nullptr, MPI_INT, nullptr, none.data(),
                                      nullptr, MPI_INT, MPI_COMM_WORLD);
  int wrong = code != MPI_SUCCESS || code_c != MPI_SUCCESS || !arrived || calls != 1 ? 1 : 0;
  if (wrong != 0) {
    std::fprintf(stderr, "rank %d: codes %d and %d, %d calls, data %s\n", rank, code, code_c, calls,
                 arrived ? "arrived" : "missing");
  }
  MPI_Allreduce(MPI_IN_PLACE, &wrong, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return wrong;
}
