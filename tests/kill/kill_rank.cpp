// Exchanges until one rank is killed in the middle: `mpirun -n 4 kill_rank BYTES_PER_PEER`, with
// CAUSEWAY_DEVICE=cuda between GPUs.
//
// The rank that is killed and the moment are random. Every other rank prints
// 'survivor R: dead rank D after S s, class: text', S being the seconds since it last finished an
// exchange, and ends without MPI_Finalize, which would wait for the dead.
#include <causeway/mpix.h>
#include <gpu_memory.hpp>

#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Blocks of `bytes` for every rank, one behind the other.
struct Blocks {
  std::vector<int> counts;
  std::vector<int> displacements;
  std::vector<std::byte> data;

  Blocks(int ranks, int bytes)
      : counts(static_cast<std::size_t>(ranks), bytes),
        data(static_cast<std::size_t>(ranks) * static_cast<std::size_t>(bytes)) {
    for (int rank = 0; rank < ranks; ++rank) displacements.push_back(rank * bytes);
  }
};

/// Ends this process at a moment that nobody has chosen, from a thread of its own.
void kill_within(std::uint64_t random) {
  std::thread([random] {
    std::this_thread::sleep_for(std::chrono::microseconds(random % 50000));
    std::raise(SIGKILL);
  }).detach();
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
  const int bytes = argc > 1 ? std::atoi(argv[1]) : 100000;
  std::uint64_t random = std::random_device{}();
  MPI_Bcast(&random, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  const int victim = static_cast<int>(random / 50000 % static_cast<std::uint64_t>(ranks));
  Blocks send(ranks, bytes);
  Blocks receive(ranks, bytes);
  const causeway::test::OnGpu from(send.data, causeway::test::on_gpus());
  const causeway::test::OnGpu to(receive.data, causeway::test::on_gpus());
  int code = MPIX_Comm_attach(MPI_COMM_WORLD, MPI_INFO_NULL);
  if (rank == victim) kill_within(random);
  double finished = MPI_Wtime();
  while (code == MPI_SUCCESS) {
    finished = MPI_Wtime();
    code = MPIX_Alltoallv(from.at(send.data.data()), send.counts.data(), send.displacements.data(),
                          MPI_CHAR, to.at(receive.data.data()), receive.counts.data(),
                          receive.displacements.data(), MPI_CHAR, MPI_COMM_WORLD);
  }
  const double after = MPI_Wtime() - finished;
  char text[MPI_MAX_ERROR_STRING] = "";
  char kind[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  int error_class = 0;
  MPI_Error_string(code, text, &length);
  MPI_Error_class(code, &error_class);
  MPI_Error_string(error_class, kind, &length);
  const bool named =
      std::string(text).find("rank " + std::to_string(victim) + " has ended") != std::string::npos;
  std::printf("survivor %d: dead rank %s%d after %.3f s, %s: %s\n", rank,
              named ? "" : "not named: ", victim, after, kind, text);
  std::fflush(stdout);
  _exit(0);
}
