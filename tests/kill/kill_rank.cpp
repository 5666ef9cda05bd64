// Exchanges until one rank is killed in the middle: `mpirun -n 4 kill_rank BYTES_PER_PEER`, with
// CAUSEWAY_DEVICE=cuda between GPUs.
//
// The rank that is killed and the moment are random. Every other rank prints
// 'survivor R: dead rank D after S s, class: text', S being the seconds since its last exchange
// began, and ends without MPI_Finalize, which would wait for the dead.
#include "exchanges.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

namespace {

/// Ends this process at a moment that nobody has chosen, from a thread of its own: within 50 ms,
/// and as often within the first few, in which connections are made.
void kill_within(std::uint64_t random) {
  std::thread([random] {
    const std::uint64_t latest = 50000 >> random % 5;
    std::this_thread::sleep_for(std::chrono::microseconds(random / 5 % latest));
    std::raise(SIGKILL);
  }).detach();
}

/// Whether an error names the dead: as having ended, or, from another host, at the end of a link.
bool names(const std::string& text, int dead) {
  const std::string rank = "rank " + std::to_string(dead);
  const std::size_t link = text.find("the network link between ");
  return text.find(rank + " has ended") != std::string::npos ||
         (link != std::string::npos && text.find(rank + " ", link) != std::string::npos);
}

}  // namespace

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
  if (rank == victim) kill_within(random);
  while (code == MPI_SUCCESS) code = exchanges.run();
  const double after = exchanges.seconds();
  const std::string text = causeway::test::Exchanges::describe(code);
  std::printf("survivor %d: dead rank %s%d after %.3f s, %s\n", rank,
              names(text, victim) ? "" : "not named: ", victim, after, text.c_str());
  std::fflush(stdout);
  _exit(0);
}
