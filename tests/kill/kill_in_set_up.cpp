// Registers, plans, or attaches to what is kept of freed communicators until one rank is killed in
// the middle, or attaches when one has been killed: `mpirun -n 4 kill_in_set_up CALL`, with CALL
// one of attach, attach_kept, register, plan.
//
// Which rank is killed and when is random. Every other rank prints 'survivor R: dead rank D after S
// s, class: text', S being the seconds since its last call began, and ends without MPI_Finalize.
// Before a communicator is attached nothing is known of the processes of other ranks: attach says
// that it has waited too long.
#include "exchanges.hpp"
#include "killed.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

int register_again() {
  static char memory[100];
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  const int code = MPIX_Buffer_register(MPI_COMM_WORLD, memory, sizeof memory, &buffer);
  return code != MPI_SUCCESS ? code : MPIX_Buffer_deregister(&buffer);
}

int plan_again() {
  int ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  static const std::vector<int> ones(static_cast<std::size_t>(ranks), 1);
  static const std::vector<int> places(ones.size(), 0);
  static int sent = 0;
  static std::vector<int> received(ones.size());
  MPIX_Plan plan = MPIX_PLAN_NULL;
  const int code =
      MPIX_Alltoallv_plan(&sent, ones.data(), places.data(), MPI_INT, received.data(), ones.data(),
                          places.data(), MPI_INT, MPI_COMM_WORLD, MPI_INFO_NULL, &plan);
  return code != MPI_SUCCESS ? code : MPIX_Plan_free(&plan);
}

/// Attaches one communicator after the other, each to what is kept of the one before.
int attach_again(std::vector<MPI_Comm>* comms) {
  if (comms->empty()) pause();
  MPI_Comm comm = comms->back();
  comms->pop_back();
  const int code = MPIX_Comm_attach(comm, MPI_INFO_NULL);
  return code != MPI_SUCCESS ? code : MPI_Comm_free(&comm);
}

}  // namespace

int main(int argc, char** argv) {
  setenv("CAUSEWAY_TIMEOUT", "2", 0);
  setenv("CAUSEWAY_DEVICE", "host", 0);
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  const std::string call = argc > 1 ? argv[1] : "register";
  std::uint64_t random = std::random_device{}();
  MPI_Bcast(&random, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  const int victim = static_cast<int>(random / 1000000 % static_cast<std::uint64_t>(ranks));
  std::vector<MPI_Comm> comms(call == "attach_kept" ? 3000 : 0);
  for (MPI_Comm& comm : comms) MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  if (call == "attach" && rank == victim) std::raise(SIGKILL);
  auto begun = std::chrono::steady_clock::now();
  int code = MPIX_Comm_attach(MPI_COMM_WORLD, MPI_INFO_NULL);
  // Until something is kept.
  for (int i = 0; i < 3 && call == "attach_kept" && code == MPI_SUCCESS; ++i) {
    code = attach_again(&comms);
  }
  if (code == MPI_SUCCESS) MPI_Barrier(MPI_COMM_WORLD);
  if (rank == victim) causeway::test::kill_within(random);
  while (code == MPI_SUCCESS) {
    begun = std::chrono::steady_clock::now();
    code = call == "plan"          ? plan_again()
           : call == "attach_kept" ? attach_again(&comms)
                                   : register_again();
  }
  const std::chrono::duration<double> after = std::chrono::steady_clock::now() - begun;
  const std::string text = causeway::test::Exchanges::describe(code);
  const bool told =
      causeway::test::names(text, victim) ||
      (call.find("attach") == 0 && text.find("CAUSEWAY_TIMEOUT") != std::string::npos);
  std::printf("survivor %d: dead rank %s%d after %.3f s, %s\n", rank,
              told ? "" : "not named: ", victim, after.count(), text.c_str());
  std::fflush(stdout);
  _exit(0);
}
