// Errors about communicators, settings and handlers: whom they are raised through and what they
// say.
#include "call.hpp"
#include "process_state.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

/// What an error handler was called with.
struct Raised {
  MPI_Comm comm;
  int code;
};

std::vector<Raised>& raised() {
  static std::vector<Raised> calls;
  return calls;
}

// MPI's handlers are variadic functions.
void record(MPI_Comm* comm, int* code, ...) { raised().push_back({*comm, *code}); }

/// Records the errors of a communicator while it lives.
class Recorder {
 public:
  explicit Recorder(MPI_Comm comm) : comm_(comm) {
    raised().clear();
    MPI_Errhandler handler = MPI_ERRHANDLER_NULL;
    MPI_Comm_get_errhandler(comm_, &before_);
    MPI_Comm_create_errhandler(record, &handler);
    MPI_Comm_set_errhandler(comm_, handler);
    MPI_Errhandler_free(&handler);
  }
  ~Recorder() {
    MPI_Comm_set_errhandler(comm_, before_);
    MPI_Errhandler_free(&before_);
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

 private:
  MPI_Comm comm_;
  MPI_Errhandler before_ = MPI_ERRHANDLER_NULL;
};

/// Passes when the handler was called once, with this communicator and code.
::testing::AssertionResult raised_once(MPI_Comm comm, int code) {
  if (raised().size() != 1) {
    return ::testing::AssertionFailure() << raised().size() << " calls of the handler";
  }
  if (raised().front().comm != comm) {
    return ::testing::AssertionFailure() << "raised on another communicator";
  }
  if (raised().front().code != code) {
    return ::testing::AssertionFailure()
           << "raised " << sentence(raised().front().code) << ", returned " << sentence(code);
  }
  return ::testing::AssertionSuccess();
}

/// Every function of the API on one communicator.
struct Function {
  const char* name;
  std::function<int(MPI_Comm)> call;
};

const std::vector<Function>& functions() {
  static const std::vector<Function> all = {
      {"MPIX_Comm_attach", [](MPI_Comm comm) { return MPIX_Comm_attach(comm, MPI_INFO_NULL); }},
      {"MPIX_Comm_detach", [](MPI_Comm comm) { return MPIX_Comm_detach(comm); }},
      {"MPIX_Comm_get_error",
       [](MPI_Comm comm) {
         int code = MPI_SUCCESS;
         return MPIX_Comm_get_error(comm, &code);
       }},
      {"MPIX_Comm_abort", [](MPI_Comm comm) { return MPIX_Comm_abort(comm); }},
      {"MPIX_Alltoallv",
       [](MPI_Comm comm) {
         const std::vector<int> none(static_cast<std::size_t>(world_size()), 0);
         return MPIX_Alltoallv(nullptr, none.data(), none.data(), MPI_INT, nullptr, none.data(),
                               none.data(), MPI_INT, comm);
       }},
      {"MPIX_Alltoallv_c",
       [](MPI_Comm comm) {
         const std::vector<MPI_Count> none(static_cast<std::size_t>(world_size()), 0);
         return MPIX_Alltoallv_c(nullptr, none.data(), nullptr, MPI_INT, nullptr, none.data(),
                                 nullptr, MPI_INT, comm);
       }},
      {"MPIX_Alltoallw",
       [](MPI_Comm comm) {
         const std::vector<int> none(static_cast<std::size_t>(world_size()), 0);
         const std::vector<MPI_Datatype> types(none.size(), MPI_INT);
         return MPIX_Alltoallw(nullptr, none.data(), nullptr, types.data(), nullptr, none.data(),
                               nullptr, types.data(), comm);
       }},
      {"MPIX_Ialltoallv",
       [](MPI_Comm comm) {
         const std::vector<int> none(static_cast<std::size_t>(world_size()), 0);
         MPI_Request request = MPI_REQUEST_NULL;
         return MPIX_Ialltoallv(nullptr, none.data(), nullptr, MPI_INT, nullptr, none.data(),
                                nullptr, MPI_INT, comm, &request);
       }},
      {"MPIX_Mem_alloc",
       [](MPI_Comm comm) {
         void* base = nullptr;
         return MPIX_Mem_alloc(comm, 1, &base);
       }},
      {"MPIX_Buffer_register",
       [](MPI_Comm comm) {
         MPIX_Buffer buffer = MPIX_BUFFER_NULL;
         return MPIX_Buffer_register(comm, nullptr, 0, &buffer);
       }},
      {"MPIX_Alltoallv_plan",
       [](MPI_Comm comm) {
         const std::vector<int> none(static_cast<std::size_t>(world_size()), 0);
         MPIX_Plan plan = MPIX_PLAN_NULL;
         return MPIX_Alltoallv_plan(nullptr, none.data(), nullptr, MPI_INT, nullptr, none.data(),
                                    nullptr, MPI_INT, comm, MPI_INFO_NULL, &plan);
       }},
  };
  return all;
}

TEST(ErrorHandlers, AreCalledOnceWithTheUsersCommunicator) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const Recorder recorder(comm);
  EXPECT_TRUE(works(comm));
  EXPECT_TRUE(raised().empty()) << "nothing was wrong";
  Call call(comm, 1);
  call.sendcounts->front() = -1;
  const int code = call.run();
  EXPECT_EQ(class_of(code), MPI_ERR_COUNT);
  EXPECT_TRUE(raised_once(comm, code));
}

TEST(ErrorHandlers, OfAttachAreCalledOnce) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const Recorder recorder(comm);
  const int code = MPIX_Comm_attach(comm, ScopedInfo({{"lanes", "many"}}));
  EXPECT_EQ(class_of(code), MPI_ERR_INFO_VALUE);
  EXPECT_TRUE(raised_once(comm, code));
}

TEST(ErrorHandlers, OfTheWorldHearOfNoCommunicator) {
  for (const Function& function : functions()) {
    const Recorder recorder(MPI_COMM_WORLD);
    const int code = function.call(MPI_COMM_NULL);
    EXPECT_TRUE(
        is_error(code, MPI_ERR_COMM, {std::string(function.name) + ":", "comm is MPI_COMM_NULL"}));
    EXPECT_TRUE(raised_once(MPI_COMM_WORLD, code)) << function.name;
  }
}

TEST(ErrorHandlers, OfAnIntercommunicatorHearThatItIsOne) {
  if (world_size() < 2) GTEST_SKIP() << "needs two ranks for two groups";
  const int half = world_size() / 2;
  const bool lower = world_rank() < half;
  const ScopedComm part = ScopedComm::split(MPI_COMM_WORLD, lower ? 0 : 1, 0);
  MPI_Comm made = MPI_COMM_NULL;
  MPI_Intercomm_create(part, 0, MPI_COMM_WORLD, lower ? half : 0, 0, &made);
  const ScopedComm between_parts(made);
  for (const Function& function : functions()) {
    const Recorder recorder(between_parts);
    const int code = function.call(between_parts);
    EXPECT_TRUE(is_error(code, MPI_ERR_COMM,
                         {std::string(function.name) + ":", "comm is an intercommunicator"}));
    EXPECT_TRUE(raised_once(between_parts, code)) << function.name;
  }
}

/// Fortran's types by precision are predefined, but not named, and must not be freed.
TEST(ErrorHandlers, HearNothingOfTypesByPrecision) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const Recorder recorder(MPI_COMM_WORLD);
  MPI_Datatype real = MPI_DATATYPE_NULL;
  if (MPI_Type_create_f90_real(15, 300, &real) != MPI_SUCCESS || real == MPI_DATATYPE_NULL) {
    GTEST_SKIP() << "this MPI has no types by precision";
  }
  const ScopedType pair = ScopedType::contiguous(2, real);
  std::vector<int> counts(static_cast<std::size_t>(comm.size()), 0);
  counts[static_cast<std::size_t>(comm.rank())] = 1;
  const std::vector<int> displacements(counts.size(), 0);
  const double sent[] = {1.5, -2};
  double received[] = {0, 0};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(MPIX_Alltoallv(sent, counts.data(), displacements.data(), pair, received,
                             counts.data(), displacements.data(), pair, comm),
              MPI_SUCCESS);
  }
  EXPECT_EQ(received[1], -2);
  EXPECT_TRUE(raised().empty()) << "first of " << raised().size() << ": "
                                << (raised().empty() ? "" : sentence(raised().front().code));
}

TEST(ErrorHandlers, HearOfCallsThatFailOnThisRankAlone) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_TRUE(is_error(MPIX_Comm_get_error(comm, nullptr), MPI_ERR_ARG, {"code is NULL"}));
  EXPECT_TRUE(is_error(MPIX_Comm_abort(comm), MPI_ERR_COMM, {"not attached"}));
}

/// A setting that cannot be.
struct BadSetting {
  const char* key;
  const char* value;
  std::vector<std::string> fragments;
};

TEST(ErrorHandlers, HearOfSettingsThatCannotBe) {
  const BadSetting settings[] = {
      {"causeway_ring_bytes", "nonsense", {"CAUSEWAY_RING_BYTES", "'nonsense'", "4096"}},
      {"causeway_ring_bytes", "4095", {"CAUSEWAY_RING_BYTES", "'4095'", "4096"}},
      {"causeway_ring_bytes", "-4096", {"CAUSEWAY_RING_BYTES", "'-4096'"}},
      {"causeway_ring_bytes", "16KB", {"CAUSEWAY_RING_BYTES", "'16KB'"}},
      {"causeway_ring_bytes", "17179869184G", {"CAUSEWAY_RING_BYTES", "'17179869184G'"}},
      {"causeway_lanes", "0", {"CAUSEWAY_LANES", "'0'", "1 to 64"}},
      {"causeway_lanes", "65", {"CAUSEWAY_LANES", "'65'", "1 to 64"}},
      {"causeway_max_ctas", "0", {"CAUSEWAY_MAX_CTAS", "'0'"}},
      {"causeway_timeout", "soon", {"CAUSEWAY_TIMEOUT", "'soon'"}},
      {"causeway_device", "tpu", {"CAUSEWAY_DEVICE", "'tpu'", "cuda"}},
      {"causeway_tune", "*:*:1:lanes=0", {"CAUSEWAY_TUNE", "'lanes=0'", "1 to 64"}},
      {"causeway_tuning_file", "/none", {"'/none'", "No such file"}},
      {"causeway_log", "loud", {"CAUSEWAY_LOG", "'loud'", "debug"}},
      {"causeway_rings", "4096", {"causeway_rings"}},
  };
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS) << "drops what is kept";
  for (const BadSetting& setting : settings) {
    ScopedInfo info({});
    info.set(setting.key, setting.value);
    std::vector<std::string> fragments = setting.fragments;
    fragments.push_back("rank 0");
    EXPECT_TRUE(is_error(MPIX_Comm_attach(comm, info), MPI_ERR_INFO_VALUE, fragments));
    EXPECT_EQ(shared_mappings(), 0);
  }
  ScopedInfo others({});
  others.set("some_other_library", "nonsense");
  EXPECT_EQ(MPIX_Comm_attach(comm, others), MPI_SUCCESS);
  EXPECT_TRUE(works(comm));
}

}  // namespace
}  // namespace causeway::test
