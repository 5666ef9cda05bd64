// Exchanges until one rank is killed in the middle: `mpirun -n 4 kill_rank BYTES_PER_PEER`, with
// CAUSEWAY_DEVICE=cuda between GPUs.
//
// The rank that is killed and the moment are random. Every other rank prints
// 'survivor R: dead rank D after S s, class: text', S being the seconds since its last exchange
// began, and ends without MPI_Finalize, which would wait for the dead.
#include "exchanges.hpp"
#include "killed.hpp"

#include <unistd.h>

#include <cstdlib>
#include <random>

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (causeway::test::on_gpus() && !causeway::test::use_gpu_of_rank(4)) {
    MPI_Finalize();
    return 0;
  }
  std::uint64_t random = std::random_device{}();
  MPI_Bcast(&random, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  const int victim = static_cast<int>(random / 1000000 % static_cast<std::uint64_t>(ranks));
  causeway::test::Exchanges exchanges(argc > 1 ? std::atoi(argv[1]) : 100000);
  int code = MPIX_Comm_attach(MPI_COMM_WORLD, MPI_INFO_NULL);
  if (rank == victim) causeway::test::kill_within(random);
  while (code == MPI_SUCCESS) code = exchanges.run();
  const double after = exchanges.seconds();
  const std::string text = causeway::test::Exchanges::describe(code);
  std::printf("survivor %d: dead rank %s%d after %.3f s, %s\n", rank,
              causeway::test::names(text, victim) ? "" : "not named: ", victim, after,
              text.c_str());
  std::fflush(stdout);
  _exit(0);
}
