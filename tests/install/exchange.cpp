// Every rank sends its number to every other, from C++, with large counts.
#include <causeway/mpix.h>

#include <cstdio>
#include <vector>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const auto size = static_cast<std::size_t>(ranks);
  const std::vector<MPI_Count> counts(size, 1);
  std::vector<MPI_Aint> displacements;
  std::vector<int> sent;
  std::vector<int> received(size, -1);
  for (int i = 0; i < ranks; ++i) {
    displacements.push_back(i);
    sent.push_back(100 * rank + i);
  }
  MPIX_Alltoallv_c(sent.data(), counts.data(), displacements.data(), MPI_INT, received.data(),
                   counts.data(), displacements.data(), MPI_INT, MPI_COMM_WORLD);
  int wrong = 0;
  for (int i = 0; i < ranks; ++i) {
    if (received[static_cast<std::size_t>(i)] != 100 * i + rank) ++wrong;
  }
  if (wrong != 0) std::fprintf(stderr, "rank %d received %d wrong numbers\n", rank, wrong);
  MPI_Finalize();
  return wrong == 0 ? 0 : 1;
}
