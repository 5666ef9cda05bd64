// Memory that is refused at any moment of any call: `mpirun -n 2 no_memory_test`. On one rank the
// N-th request for memory that the library makes during a call fails, or the N-th and all after it,
// N counting up until a call makes fewer. Every rank has to come back, set-up calls with an error
// on all ranks or on none, and exchanges have to be right afterwards.
#include "refused_memory.hpp"
#include "scoped_mpi.hpp"

#include <causeway/mpix.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace {

using namespace causeway::test;

int rank_here = 0;
int ranks = 0;
int mistakes = 0;

/// Where a test is, for what it prints.
struct Moment {
  const char* name;
  Refusal refusal;
  int nth;
};

void expect(bool right, const Moment& moment, const char* what, const std::string& detail = "") {
  if (right) return;
  ++mistakes;
  std::fprintf(stderr, "rank %d, %s, request %d%s: %s %s\n", rank_here, moment.name, moment.nth,
               moment.refusal == Refusal::kOnce ? "" : " and all later", what, detail.c_str());
}

std::string sentence(int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return text;
}

/// What a rank gets from another: ints that tell both and their place.
int value(int from, int to, int place) { return (from * 31 + to) * 100'003 + place; }

/// Blocks of ints from every rank to every rank, every second int of a buffer where `strided`.
class Blocks {
 public:
  Blocks(int ints, bool strided)
      : ints_(ints),
        step_(strided ? 2 : 1),
        counts_(static_cast<std::size_t>(ranks), strided ? 1 : ints),
        bytes_(counts_.size()),
        places_(counts_.size()),
        types_(counts_.size(), MPI_INT) {
    MPI_Type_vector(ints, 1, step_, MPI_INT, &vector_);
    MPI_Type_create_resized(vector_, 0, MPI_Aint{4} * ints * step_, &type_);
    MPI_Type_commit(&type_);
    if (strided) types_.assign(counts_.size(), type_);
    for (int peer = 0; peer < ranks; ++peer) {
      places_[static_cast<std::size_t>(peer)] = strided ? peer : peer * ints;
      bytes_[static_cast<std::size_t>(peer)] = 4 * peer * ints * step_;
    }
    clear();
  }
  ~Blocks() {
    MPI_Type_free(&type_);
    MPI_Type_free(&vector_);
  }
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  void clear() {
    sent_.assign(counts_.size() * static_cast<std::size_t>(ints_) * static_cast<std::size_t>(step_),
                 -1);
    received_.assign(sent_.size(), -1);
    for_each(
        [&](std::size_t at, int peer, int place) { sent_[at] = value(rank_here, peer, place); });
  }
  void put_in_place() { received_ = sent_; }

  bool arrived() {
    bool right = true;
    for_each([&](std::size_t at, int peer, int place) {
      right = right && received_[at] == value(peer, rank_here, place);
    });
    return right;
  }

  int alltoallv(MPI_Comm comm, bool in_place = false) {
    return MPIX_Alltoallv(in_place ? MPI_IN_PLACE : sent_.data(), counts_.data(), places_.data(),
                          types_[0], received_.data(), counts_.data(), places_.data(), types_[0],
                          comm);
  }
  int alltoallw(MPI_Comm comm) {
    return MPIX_Alltoallw(sent_.data(), counts_.data(), bytes_.data(), types_.data(),
                          received_.data(), counts_.data(), bytes_.data(), types_.data(), comm);
  }
  int ialltoallv(MPI_Comm comm) {
    MPI_Request request = MPI_REQUEST_NULL;
    const int begun =
        MPIX_Ialltoallv(sent_.data(), counts_.data(), places_.data(), types_[0], received_.data(),
                        counts_.data(), places_.data(), types_[0], comm, &request);
    return begun != MPI_SUCCESS ? begun : MPI_Wait(&request, MPI_STATUS_IGNORE);
  }
  int neighbor_alltoallv(MPI_Comm comm) {
    return MPIX_Neighbor_alltoallv(sent_.data(), counts_.data(), places_.data(), types_[0],
                                   received_.data(), counts_.data(), places_.data(), types_[0],
                                   comm);
  }
  int neighbor_plan(MPI_Comm comm, MPIX_Plan* plan) {
    return MPIX_Neighbor_alltoallv_plan(sent_.data(), counts_.data(), places_.data(), types_[0],
                                        received_.data(), counts_.data(), places_.data(), types_[0],
                                        comm, MPI_INFO_NULL, plan);
  }
  /// Of one int round the ring.
  int sendrecv_plan(MPI_Comm comm, MPIX_Plan* plan) {
    int rank = 0;
    MPI_Comm_rank(comm, &rank);
    return MPIX_Sendrecv_plan(sent_.data(), 1, MPI_INT, (rank + 1) % ranks, 3, received_.data(), 1,
                              MPI_INT, (rank + ranks - 1) % ranks, 3, comm, MPI_INFO_NULL, plan);
  }
  int plan(MPI_Comm comm, MPIX_Plan* plan) {
    return MPIX_Alltoallv_plan(sent_.data(), counts_.data(), places_.data(), types_[0],
                               received_.data(), counts_.data(), places_.data(), types_[0], comm,
                               MPI_INFO_NULL, plan);
  }
  void* memory() { return received_.data(); }
  MPI_Aint bytes() const { return static_cast<MPI_Aint>(received_.size() * sizeof(int)); }

 private:
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (int peer = 0; peer < ranks; ++peer) {
      for (int place = 0; place < ints_; ++place) {
        const int at = (peer * ints_ + place) * step_;
        visit(static_cast<std::size_t>(at), peer, place);
      }
    }
  }

  int ints_;
  int step_;
  std::vector<int> counts_;
  std::vector<int> bytes_;
  std::vector<int> places_;
  std::vector<MPI_Datatype> types_;
  std::vector<int> sent_;
  std::vector<int> received_;
  MPI_Datatype vector_ = MPI_DATATYPE_NULL;
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

/// What a call works on.
struct Scene {
  MPI_Comm comm = MPI_COMM_NULL;
  Blocks* blocks = nullptr;
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  MPIX_Plan plan = MPIX_PLAN_NULL;
  void* memory = nullptr;
};

/// How the ranks' codes of a call may go together when one of them was refused memory.
enum class Kind {
  kSetUp,     ///< an error on all or on none
  kExchange,  ///< an error on some; those without have their data
  kLocal,     ///< an error on the one alone
};

struct Case {
  const char* name;
  Kind kind;
  int ints;
  bool strided;
  std::function<int(Scene&)> prepare;
  std::function<int(Scene&)> call;
};

int attach(Scene& scene) { return MPIX_Comm_attach(scene.comm, MPI_INFO_NULL); }
int nothing(Scene&) { return MPI_SUCCESS; }
/// Of communicators before.
int drop_kept(Scene&) { return MPIX_Comm_detach(MPI_COMM_WORLD); }
int exchange(Scene& scene) { return scene.blocks->alltoallv(scene.comm); }
int make_plan(Scene& scene) { return scene.blocks->plan(scene.comm, &scene.plan); }
int exchange_with_neighbors(Scene& scene) { return scene.blocks->neighbor_alltoallv(scene.comm); }
int plan_with_neighbors(Scene& scene) {
  return scene.blocks->neighbor_plan(scene.comm, &scene.plan);
}
int plan_of_a_ring(Scene& scene) { return scene.blocks->sendrecv_plan(scene.comm, &scene.plan); }
int start_plan(Scene& scene) { return MPIX_Plan_start(scene.plan, nullptr); }
int free_plan(Scene& scene) { return MPIX_Plan_free(&scene.plan); }
int enroll(Scene& scene) {
  return MPIX_Buffer_register(scene.comm, scene.blocks->memory(), scene.blocks->bytes(),
                              &scene.buffer);
}
int allocate(Scene& scene) { return MPIX_Mem_alloc(scene.comm, 10'000, &scene.memory); }
/// Registers memory that peers open.
int enroll_allocated(Scene& scene) {
  return MPIX_Buffer_register(scene.comm, scene.memory, 10'000, &scene.buffer);
}
int leave(Scene& scene) { return MPIX_Buffer_deregister(&scene.buffer); }

template <class... Calls>
std::function<int(Scene&)> all_of(Calls... calls) {
  return [=](Scene& scene) {
    int code = MPI_SUCCESS;
    static_cast<void>(((code = calls(scene), code == MPI_SUCCESS) && ...));
    return code;
  };
}

int in_place(Scene& scene) {
  scene.blocks->put_in_place();
  return scene.blocks->alltoallv(scene.comm, true);
}

/// Blocks of few bytes go without a second thread; large ones do not fit what goes unasked.
constexpr int kFew = 20;
constexpr int kMany = 30'000;

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"attach", Kind::kSetUp, kFew, false, drop_kept, attach},
      {"attach to what is kept", Kind::kSetUp, kFew, false, nothing, attach},
      {"first exchange", Kind::kExchange, kFew, false, drop_kept, exchange},
      {"first exchange with what is kept", Kind::kExchange, kFew, true, nothing, exchange},
      {"exchange", Kind::kExchange, kMany, false, attach, exchange},
      {"later exchange", Kind::kExchange, kFew, false, all_of(attach, exchange), exchange},
      {"derived types", Kind::kExchange, kMany, true, attach, exchange},
      {"in place", Kind::kExchange, kMany, true, attach, in_place},
      {"alltoallw", Kind::kExchange, kFew, true, attach,
       [](Scene& scene) { return scene.blocks->alltoallw(scene.comm); }},
      {"first ialltoallv", Kind::kExchange, kFew, true, drop_kept,
       [](Scene& scene) { return scene.blocks->ialltoallv(scene.comm); }},
      {"ialltoallv", Kind::kExchange, kMany, false, attach,
       [](Scene& scene) { return scene.blocks->ialltoallv(scene.comm); }},
      {"first Neighbor_alltoallv", Kind::kExchange, kFew, true, drop_kept, exchange_with_neighbors},
      {"Neighbor_alltoallv", Kind::kExchange, kMany, true, attach, exchange_with_neighbors},
      {"Neighbor_alltoallv_plan", Kind::kSetUp, kFew, true, attach, plan_with_neighbors},
      {"Sendrecv_plan", Kind::kSetUp, kFew, true, attach, plan_of_a_ring},
      {"Plan_start of neighbours", Kind::kExchange, kMany, true,
       all_of(attach, plan_with_neighbors), start_plan},
      {"Mem_alloc", Kind::kLocal, kFew, false, attach, allocate},
      {"Buffer_register", Kind::kSetUp, kFew, false, attach, enroll},
      {"Buffer_register shared", Kind::kSetUp, kFew, false, all_of(attach, allocate),
       enroll_allocated},
      {"Buffer_deregister", Kind::kSetUp, kFew, false, all_of(attach, allocate, enroll_allocated),
       leave},
      {"Alltoallv_plan", Kind::kSetUp, kFew, true, attach, make_plan},
      {"first Plan_start", Kind::kExchange, kMany, true, all_of(attach, make_plan), start_plan},
      {"Plan_start", Kind::kExchange, kFew, false, all_of(attach, make_plan, start_plan),
       start_plan},
      {"Plan_free", Kind::kSetUp, kFew, true, all_of(attach, make_plan), free_plan},
      {"Comm_detach", Kind::kSetUp, kFew, true, all_of(attach, exchange, make_plan),
       [](Scene& scene) { return MPIX_Comm_detach(scene.comm); }},
  };
  return all;
}

/// Each rank has all ranks for neighbours, in order, so that block i is for rank i in all calls.
ScopedComm graph_of_all() {
  std::vector<int> all(static_cast<std::size_t>(ranks));
  std::iota(all.begin(), all.end(), 0);
  MPI_Comm made = MPI_COMM_NULL;
  MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, ranks, all.data(), MPI_UNWEIGHTED, ranks,
                                 all.data(), MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &made);
  return ScopedComm(made);
}

/// Whether the communicator says on some rank that it has failed.
bool has_failed(MPI_Comm comm) {
  int failure = MPI_SUCCESS;
  MPIX_Comm_get_error(comm, &failure);
  int failed = failure != MPI_SUCCESS ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return failed != 0;
}

/// A call in which the rank `victim` is refused memory; whether the library asked so often.
bool try_moment(const Case& tried, const Moment& moment, int victim) {
  ScopedComm comm = graph_of_all();
  Blocks blocks(tried.ints, tried.strided);
  Scene scene{comm, &blocks};
  expect(tried.prepare(scene) == MPI_SUCCESS, moment, "cannot be prepared");
  blocks.clear();
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank_here == victim) refuse(moment.refusal, moment.nth);
  const int code = tried.call(scene);
  int refused = rank_here == victim && stop_refusing() ? 1 : 0;
  const std::string said = code == MPI_SUCCESS ? "" : sentence(code);
  MPI_Bcast(&refused, 1, MPI_INT, victim, MPI_COMM_WORLD);
  int wrong = code != MPI_SUCCESS ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &wrong, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (refused == 0) expect(code == MPI_SUCCESS, moment, "an error of nothing:", said);
  if (tried.kind == Kind::kSetUp) {
    expect(wrong == 0 || wrong == ranks, moment, "ranks do not agree:", said);
  }
  if (tried.kind == Kind::kLocal && rank_here != victim) {
    expect(code == MPI_SUCCESS, moment, "another rank's error:", said);
  }
  expect(said.find("CAUSEWAY_TIMEOUT") == std::string::npos, moment, "a rank waited:", said);
  if (rank_here == victim && code != MPI_SUCCESS) {
    // Of a link that broke for lack of memory the log says why; and a host falls apart where its
    // ranks' memory cannot be opened.
    const bool tells = said.find("memory") != std::string::npos ||
                       said.find("the network link between") != std::string::npos ||
                       said.find("this build has no UCX to link hosts") != std::string::npos;
    expect(tells, moment, "the sentence is:", said);
  }
  if (tried.kind == Kind::kExchange && code == MPI_SUCCESS) {
    expect(blocks.arrived(), moment, "no error and wrong data");
  }
  // The same communicator, unless it says that it has failed. A link may have broken in the
  // background, at the end of the call, and a later call then be the first that hears of it.
  for (int again = 0; again < 2 && !has_failed(comm); ++again) {
    blocks.clear();
    const int after = blocks.alltoallv(comm);
    if (after == MPI_SUCCESS) {
      expect(blocks.arrived(), moment, "wrong data afterwards");
    } else {
      const std::string error = sentence(after);
      const bool of_a_link = error.find("the network link between") != std::string::npos;
      expect(refused != 0 && of_a_link, moment, "an error afterwards:", error);
    }
  }
  if (scene.plan != MPIX_PLAN_NULL) MPIX_Plan_free(&scene.plan);
  if (scene.buffer != MPIX_BUFFER_NULL) MPIX_Buffer_deregister(&scene.buffer);
  if (scene.memory != nullptr) MPIX_Mem_free(scene.memory);
  comm.free();
  const ScopedComm fresh = ScopedComm::dup(MPI_COMM_WORLD);
  blocks.clear();
  const int anew = blocks.alltoallv(fresh);
  expect(anew == MPI_SUCCESS && blocks.arrived(), moment, "a fresh communicator:", sentence(anew));
  return refused != 0;
}

}  // namespace

int main(int argc, char** argv) {
  setenv("CAUSEWAY_TIMEOUT", "20", 1);
  setenv("CAUSEWAY_RING_BYTES", "64K", 1);
  setenv("CAUSEWAY_DEVICE", "host", 1);
  int granted = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &granted);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_here);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const std::string only = argc > 1 ? argv[1] : "";
  for (const Case& tried : cases()) {
    if (!only.empty() && only != tried.name) continue;
    for (const Refusal refusal : {Refusal::kOnce, Refusal::kFromThenOn}) {
      Moment moment{tried.name, refusal, 1};
      while (try_moment(tried, moment, moment.nth % ranks)) ++moment.nth;
      if (rank_here == 0) std::printf("%s: %d requests\n", tried.name, moment.nth - 1);
    }
  }
  int all = 0;
  MPI_Allreduce(&mistakes, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (rank_here == 0) std::printf("%d mistakes\n", all);
  MPI_Finalize();
  return all == 0 ? 0 : 1;
}
