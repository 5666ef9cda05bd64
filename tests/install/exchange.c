/* Every rank sends its number to every other, from C. */
#include <causeway/mpix.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  int rank = 0;
  int ranks = 0;
  int wrong = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  int* const memory = malloc(4 * (size_t)ranks * sizeof *memory);
  int* const counts = memory;
  int* const displacements = memory + ranks;
  int* const sent = memory + 2 * ranks;
  int* const received = memory + 3 * ranks;
  for (int i = 0; i < ranks; ++i) {
    counts[i] = 1;
    displacements[i] = i;
    sent[i] = 100 * rank + i;
    received[i] = -1;
  }
  MPIX_Alltoallv(sent, counts, displacements, MPI_INT, received, counts, displacements, MPI_INT,
                 MPI_COMM_WORLD);
  for (int i = 0; i < ranks; ++i) wrong += received[i] != 100 * i + rank;
  if (wrong != 0) fprintf(stderr, "rank %d received %d wrong numbers\n", rank, wrong);
  free(memory);
  MPI_Finalize();
  return wrong != 0;
}
