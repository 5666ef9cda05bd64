// A program that finalizes MPI from a static's destructor, and exchanges there before: all that the
// library keeps for itself is still there then. Under AddressSanitizer, which sees what is not.
#include <causeway/mpix.h>

#include <unistd.h>

#include <cstdio>
#include <vector>

namespace {

/// Sends one int to each rank; true when all that was sent has arrived. Every second int of the
/// buffers where `strided`.
bool exchange(MPI_Datatype type, int step) {
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const auto ranks = static_cast<std::size_t>(size);
  const std::vector<int> counts(ranks, 1);
  std::vector<int> displacements(ranks);
  for (int peer = 0; peer < size; ++peer) displacements[static_cast<std::size_t>(peer)] = peer;
  const std::vector<int> sent(ranks * static_cast<std::size_t>(step), rank);
  std::vector<int> received(sent.size(), -1);
  const int code =
      MPIX_Alltoallv(sent.data(), counts.data(), displacements.data(), type, received.data(),
                     counts.data(), displacements.data(), type, MPI_COMM_WORLD);
  bool right = code == MPI_SUCCESS;
  for (int peer = 0; peer < size; ++peer) {
    const int at = peer * step;
    right = right && received[static_cast<std::size_t>(at)] == peer;
  }
  return right;
}

/// True when the exchanges that a program makes go well, and an error has its sentence.
bool all_goes_well() {
  MPI_Datatype pair = MPI_DATATYPE_NULL;
  MPI_Type_create_resized(MPI_INT, 0, 2 * sizeof(int), &pair);
  MPI_Type_commit(&pair);
  const bool right = exchange(MPI_INT, 1) && exchange(pair, 2);
  MPI_Type_free(&pair);
  const int code = MPIX_Mem_free(nullptr);
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return right && code != MPI_SUCCESS && length > 0;
}

struct Environment {
  Environment() = default;
  ~Environment() {
    const bool right = all_goes_well();
    MPI_Finalize();
    if (!right) std::fprintf(stderr, "wrong in a static's destructor\n");
    std::fflush(nullptr);
    if (!right) _exit(1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
};
const Environment environment;

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  return all_goes_well() ? 0 : 1;
}
