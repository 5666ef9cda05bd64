// Exchanges between hosts: `exchange BYTES_PER_PEER COUNT [SECONDS]`.
//
// After COUNT exchanges each rank prints 'rank R: COUNT exchanges'. With SECONDS, rank 0 stays away
// for so long after the first. With a COUNT of 0 it goes on until something breaks; then each rank
// prints 'rank R failed after S s, class: text', S being the seconds since its last exchange began,
// and ends without MPI_Finalize.
#include <exchanges.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  const int bytes = argc > 1 ? std::atoi(argv[1]) : 100000;
  const int count = argc > 2 ? std::atoi(argv[2]) : 1;
  const int away = argc > 3 ? std::atoi(argv[3]) : 0;
  causeway::test::Exchanges exchanges(bytes);
  int code = MPIX_Comm_attach(MPI_COMM_WORLD, MPI_INFO_NULL);
  for (int done = 0; code == MPI_SUCCESS && (count == 0 || done < count); ++done) {
    code = exchanges.run();
    if (done == 0 && rank == 0) {
      std::printf("exchanging\n");
      std::fflush(stdout);
      std::this_thread::sleep_for(std::chrono::seconds(away));
    }
  }
  if (code != MPI_SUCCESS) {
    const double after = exchanges.seconds();
    std::printf("rank %d failed after %.3f s, %s\n", rank, after,
                causeway::test::Exchanges::describe(code).c_str());
    std::fflush(stdout);
    // Where that was to be, mpirun is not to end the others for it.
    _exit(count == 0 ? 0 : 1);
  }
  std::printf("rank %d: %d exchanges\n", rank, count);
  MPI_Finalize();
  return 0;
}
