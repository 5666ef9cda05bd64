// A rank that does not make a call that all ranks make: `mpirun -n 3 absent_rank_test`. The others
// come back with an error after CAUSEWAY_TIMEOUT, it does so itself when it makes the call at last,
// and other communicators go on.
#include "scoped_mpi.hpp"

#include <causeway/mpix.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace causeway::test;

int rank_here = 0;
int ranks = 0;
int mistakes = 0;

void expect(bool right, const char* name, const char* what, const std::string& detail = "") {
  if (right) return;
  ++mistakes;
  std::fprintf(stderr, "rank %d, %s: %s %s\n", rank_here, name, what, detail.c_str());
}

std::string sentence(int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return text;
}

/// One int to each rank of comm, and what is made of it.
struct Scene {
  explicit Scene(MPI_Comm on)
      : comm(on),
        sent(static_cast<std::size_t>(ranks)),
        received(sent.size(), -1),
        counts(sent.size(), 1),
        places(sent.size()) {
    for (int peer = 0; peer < ranks; ++peer) {
      places[static_cast<std::size_t>(peer)] = peer;
      sent[static_cast<std::size_t>(peer)] = rank_here * 1000 + peer;
    }
  }
  bool arrived() const {
    for (int peer = 0; peer < ranks; ++peer) {
      if (received[static_cast<std::size_t>(peer)] != peer * 1000 + rank_here) return false;
    }
    return true;
  }

  MPI_Comm comm;
  std::vector<int> sent;
  std::vector<int> received;
  std::vector<int> counts;
  std::vector<int> places;
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  MPIX_Plan plan = MPIX_PLAN_NULL;
};

int attach(Scene& scene) {
  const ScopedInfo info({{"timeout", "1"}});
  return MPIX_Comm_attach(scene.comm, info);
}
int exchange(Scene& scene) {
  return MPIX_Alltoallv(scene.sent.data(), scene.counts.data(), scene.places.data(), MPI_INT,
                        scene.received.data(), scene.counts.data(), scene.places.data(), MPI_INT,
                        scene.comm);
}
int enroll(Scene& scene) {
  return MPIX_Buffer_register(scene.comm, scene.received.data(), 4, &scene.buffer);
}
int leave(Scene& scene) { return MPIX_Buffer_deregister(&scene.buffer); }
int make_plan(Scene& scene) {
  return MPIX_Alltoallv_plan(scene.sent.data(), scene.counts.data(), scene.places.data(), MPI_INT,
                             scene.received.data(), scene.counts.data(), scene.places.data(),
                             MPI_INT, scene.comm, MPI_INFO_NULL, &scene.plan);
}
int free_plan(Scene& scene) { return MPIX_Plan_free(&scene.plan); }

struct Case {
  const char* name;
  bool attaches;  ///< comm, in the call itself
  std::function<int(Scene&)> prepare;
  std::function<int(Scene&)> call;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"attach", true, [](Scene&) { return MPI_SUCCESS; }, attach},
      {"register", false, [](Scene&) { return MPI_SUCCESS; }, enroll},
      {"deregister", false, enroll, leave},
      {"plan", false, [](Scene&) { return MPI_SUCCESS; }, make_plan},
      {"plan free", false, make_plan, free_plan},
  };
  return all;
}

void test(const Case& tried) {
  const int absent = ranks - 1;
  ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Scene scene(comm);
  if (!tried.attaches) expect(attach(scene) == MPI_SUCCESS, tried.name, "cannot attach");
  expect(tried.prepare(scene) == MPI_SUCCESS, tried.name, "cannot be prepared");
  MPI_Barrier(MPI_COMM_WORLD);
  const auto call = [&] {
    const int code = tried.call(scene);
    const std::string said = code == MPI_SUCCESS ? "no error" : sentence(code);
    const bool waited = said.find("waited too long (CAUSEWAY_TIMEOUT)") != std::string::npos;
    expect(waited, tried.name, "the sentence is:", said);
    return said.find("for rank " + std::to_string(absent)) != std::string::npos ? 1 : 0;
  };
  int naming = rank_here != absent ? call() : 0;
  MPI_Allreduce(MPI_IN_PLACE, &naming, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  expect(tried.attaches || naming > 0, tried.name, "nobody names the rank that is absent");
  if (rank_here == absent) call();
  MPI_Barrier(MPI_COMM_WORLD);
  if (!tried.attaches) {
    int failure = MPI_SUCCESS;
    MPIX_Comm_get_error(comm, &failure);
    expect(failure != MPI_SUCCESS, tried.name, "the communicator has not failed");
    expect(exchange(scene) != MPI_SUCCESS, tried.name, "exchanges go on");
  }
  comm.free();
  const ScopedComm fresh = ScopedComm::dup(MPI_COMM_WORLD);
  Scene anew(fresh);
  expect(exchange(anew) == MPI_SUCCESS && anew.arrived(), tried.name, "a fresh one does not work");
}

}  // namespace

int main(int argc, char** argv) {
  setenv("CAUSEWAY_DEVICE", "host", 0);
  int granted = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &granted);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_here);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  for (const Case& tried : cases()) test(tried);
  int all = 0;
  MPI_Allreduce(&mistakes, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (rank_here == 0) std::printf("%d mistakes\n", all);
  MPI_Finalize();
  return all == 0 ? 0 : 1;
}
