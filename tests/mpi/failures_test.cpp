// Communicators that fail: a rank whose settings are wrong, aborts, and a rank that does not come.
#include "call.hpp"
#include "process_state.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>

namespace causeway::test {
namespace {

/// Sets an environment variable for the length of a scope; null leaves it as it is.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const char* name, const char* value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    if (value != nullptr) setenv(name, value, 1);
  }
  ~ScopedEnvironment() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  ScopedEnvironment(const ScopedEnvironment&) = delete;
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

std::string named(int rank) { return "rank " + std::to_string(rank); }

bool threads_may_call_mpi() {
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  return level == MPI_THREAD_MULTIPLE;
}

/// What has made comm unusable.
int error_of(MPI_Comm comm) {
  int code = MPI_SUCCESS;
  EXPECT_EQ(MPIX_Comm_get_error(comm, &code), MPI_SUCCESS);
  return code;
}

/// Collective over comm, which has failed: nothing but detaching helps, and that does. A rank that
/// timed out itself may know more of the cause.
void expect_failed_until_detached(MPI_Comm comm, const std::string& cause) {
  int code = error_of(comm);
  // News from other hosts may still be on its way.
  const double deadline = MPI_Wtime() + 10;
  while (code == MPI_SUCCESS && MPI_Wtime() < deadline) code = error_of(comm);
  EXPECT_NE(code, MPI_SUCCESS);
  const bool saw_it = sentence(code).find("CAUSEWAY_TIMEOUT") != std::string::npos;
  const std::string words = saw_it ? "CAUSEWAY_TIMEOUT" : cause;
  EXPECT_NE(sentence(code).find(words), std::string::npos) << sentence(code);
  for (int round = 1; round < 4; ++round) {
    EXPECT_TRUE(is_error(Call(comm, round).run(), class_of(code), {words}));
  }
  EXPECT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS) << "it is attached already";
  EXPECT_EQ(class_of(error_of(comm)), class_of(code));
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  EXPECT_EQ(shared_mappings(), 0);
  EXPECT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  EXPECT_EQ(error_of(comm), MPI_SUCCESS);
  EXPECT_TRUE(works(comm));
}

TEST(Failures, SettingsThatAreWrongOnOneRankAreEveryRanksError) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_TRUE(works(comm));  // MPI opens what it needs
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  const int descriptors = open_descriptors();
  const int wrong = comm.size() - 1;
  {
    const bool here = comm.rank() == wrong;
    const ScopedEnvironment ring("CAUSEWAY_RING_BYTES", here ? "nonsense" : nullptr);
    const std::vector<std::string> fragments = {named(wrong), "CAUSEWAY_RING_BYTES", "nonsense"};
    EXPECT_TRUE(is_error(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_ERR_INFO_VALUE, fragments));
    EXPECT_TRUE(is_error(Call(comm, 1).run(), MPI_ERR_INFO_VALUE, fragments)) << "on first use";
    EXPECT_EQ(MPIX_Comm_attach(comm, ScopedInfo({{"ring_bytes", "64K"}})), MPI_SUCCESS)
        << "info wins over the environment";
    EXPECT_TRUE(works(comm));
    EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  }
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(shared_mappings(), 0);
  EXPECT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  EXPECT_TRUE(works(comm));
}

TEST(Failures, MemoryThatTheSystemRefusesIsEveryRanksError) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_TRUE(works(comm));
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  const int descriptors = open_descriptors();
  // 64 lanes of 1 TiB to each rank are more than a process can address.
  const ScopedInfo info({{"ring_bytes", "1024G"}, {"lanes", "64"}, {"timeout", "5"}});
  int refused = 0;
  for (int i = 0; i < 3; ++i) {
    const int code = MPIX_Comm_attach(comm, info);
    if (code == MPI_SUCCESS) continue;
    ++refused;
    EXPECT_TRUE(is_error(code, MPI_ERR_INTERN, {named(0), "memory"}));
  }
  if (refused == 0) {
    EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  }
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(shared_mappings(), 0);
  EXPECT_TRUE(works(comm));
}

TEST(Failures, DeviceThatIsNotThereIsEveryRanksError) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS) << "drops what is kept";
  const int code = MPIX_Comm_attach(comm, ScopedInfo({{"device", "cuda"}}));
  if (code != MPI_SUCCESS) {
    EXPECT_TRUE(is_error(code, MPI_ERR_UNSUPPORTED_OPERATION, {named(0), "CAUSEWAY_DEVICE"}));
    EXPECT_EQ(shared_mappings(), 0);
  }
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  EXPECT_TRUE(works(comm));
}

TEST(Failures, CopyThatNoMemoryHoldsIsItsRanksErrorAndItsPeersAreTold) {
  if (world_size() < 2) GTEST_SKIP() << "needs a rank that is told";
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_TRUE(works(comm));
  // An exchange in place needs a copy of what it sends: here, on rank 0, of 64 TiB.
  const auto ranks = static_cast<std::size_t>(comm.size());
  const bool wrong = comm.rank() == 0;
  const std::vector<MPI_Count> counts(ranks, wrong ? MPI_Count{1} << 46 : 1);
  const std::vector<MPI_Aint> displacements(ranks, 0);
  char byte = 0;
  std::vector<char> bytes(ranks);
  std::vector<MPI_Aint> steps;
  for (std::size_t peer = 0; peer < ranks; ++peer) steps.push_back(static_cast<MPI_Aint>(peer));
  const int code = MPIX_Alltoallv_c(MPI_IN_PLACE, nullptr, nullptr, MPI_DATATYPE_NULL,
                                    wrong ? &byte : bytes.data(), counts.data(),
                                    wrong ? displacements.data() : steps.data(), MPI_CHAR, comm);
  EXPECT_NE(code, MPI_SUCCESS);
  if (!wrong) {
    EXPECT_TRUE(is_error(code, MPI_ERR_OTHER, {named(0)}));
  }
  EXPECT_TRUE(works(comm));
}

TEST(Failures, AbortFailsTheCommunicatorOnEveryRank) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_TRUE(works(comm));
  const int wrong = comm.size() - 1;
  MPI_Barrier(comm);  // nobody is in an exchange any more
  if (comm.rank() == wrong) {
    EXPECT_EQ(MPIX_Comm_abort(comm), MPI_SUCCESS);
  }
  MPI_Barrier(comm);
  expect_failed_until_detached(comm, named(wrong) + " was aborted");
}

/// Collective: all ranks but the last, which stays away, wait in call(comm), which a second thread
/// of rank 0 ends.
void abort_those_waiting(const ScopedComm& comm, const std::function<int()>& call) {
  EXPECT_TRUE(works(comm));
  std::thread aborter;
  if (comm.rank() == 0) {
    aborter = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      EXPECT_EQ(MPIX_Comm_abort(comm), MPI_SUCCESS);
    });
  }
  if (comm.rank() != comm.size() - 1) {
    const int code = call();
    EXPECT_TRUE(is_error(code, class_of(error_of(comm)), {"rank 0 was aborted"}));
  }
  if (aborter.joinable()) aborter.join();
  MPI_Barrier(comm);
}

TEST(Failures, AbortFromASecondThreadEndsWaiting) {
  if (world_size() < 2) GTEST_SKIP() << "needs a rank to wait for";
  if (!threads_may_call_mpi()) GTEST_SKIP() << "MPI does not grant MPI_THREAD_MULTIPLE";
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  abort_those_waiting(comm, [&] { return Call(comm, 1).run(); });
  expect_failed_until_detached(comm, "rank 0 was aborted");
}

/// What ranks agree on they wait for in MPI, where the news of a failure has to reach them too.
TEST(Failures, AbortEndsWaitingForWhatIsSetUp) {
  if (world_size() < 2) GTEST_SKIP() << "needs a rank to wait for";
  if (!threads_may_call_mpi()) GTEST_SKIP() << "MPI does not grant MPI_THREAD_MULTIPLE";
  std::vector<char> memory(100);
  const std::vector<int> nothing(static_cast<std::size_t>(world_size()));
  for (const bool plans : {false, true}) {
    const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
    const auto set_up = [&] {
      MPIX_Buffer buffer = MPIX_BUFFER_NULL;
      MPIX_Plan plan = MPIX_PLAN_NULL;
      if (!plans) return MPIX_Buffer_register(comm, memory.data(), 100, &buffer);
      return MPIX_Alltoallv_plan(nullptr, nothing.data(), nothing.data(), MPI_INT, nullptr,
                                 nothing.data(), nothing.data(), MPI_INT, comm, MPI_INFO_NULL,
                                 &plan);
    };
    abort_those_waiting(comm, set_up);
    // Nobody waits for others any more.
    const int code = set_up();
    EXPECT_TRUE(is_error(code, class_of(error_of(comm)), {"rank 0 was aborted"}));
    expect_failed_until_detached(comm, "rank 0 was aborted");
  }
}

TEST(Failures, AbortAtAnyTimeOfHeavyTraffic) {
  if (!threads_may_call_mpi()) GTEST_SKIP() << "MPI does not grant MPI_THREAD_MULTIPLE";
  EXPECT_EQ(MPIX_Comm_detach(MPI_COMM_WORLD), MPI_SUCCESS) << "drops what is kept";
  Random random = shared_random();
  for (int round = 0; round < 40; ++round) {
    const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
    const auto ranks = static_cast<std::size_t>(comm.size());
    const ScopedInfo info({{"ring_bytes", "64K"}, {"max_ctas", round % 2 == 0 ? "1" : "2"}});
    EXPECT_EQ(MPIX_Comm_attach(comm, info), MPI_SUCCESS);
    const int aborting = static_cast<int>(between(random, 0, ranks - 1));
    const std::chrono::microseconds pause(between(random, 0, 5000));
    const int block = static_cast<int>(log_uniform(random, 200'000));
    const std::vector<int> counts(ranks, block);
    std::vector<int> displacements(ranks);
    for (std::size_t peer = 0; peer < ranks; ++peer) {
      displacements[peer] = static_cast<int>(peer) * block;
    }
    std::vector<char> sent(ranks * static_cast<std::size_t>(block) + 1,
                           static_cast<char>(comm.rank()));
    std::vector<char> received(sent.size());
    std::vector<char> expected;
    for (std::size_t peer = 0; peer < ranks; ++peer) {
      expected.insert(expected.end(), static_cast<std::size_t>(block), static_cast<char>(peer));
    }
    expected.push_back(0);
    const std::vector<char> before(sent.size());
    std::thread aborter([&, rank = comm.rank()] {
      std::this_thread::sleep_for(pause);
      EXPECT_TRUE(rank != aborting || MPIX_Comm_abort(comm) == MPI_SUCCESS);
    });
    int code = MPI_SUCCESS;
    while (code == MPI_SUCCESS) {
      received = before;
      code = MPIX_Alltoallv(sent.data(), counts.data(), displacements.data(), MPI_CHAR,
                            received.data(), counts.data(), displacements.data(), MPI_CHAR, comm);
      EXPECT_TRUE(code != MPI_SUCCESS || received == expected);
    }
    // Others may still be in their last exchange: of what a program does next they get nothing.
    sent.assign(sent.size(), 'x');
    aborter.join();
    EXPECT_TRUE(is_error(code, class_of(error_of(comm)), {named(aborting) + " was aborted"}));
    // Freed as it is, without being detached.
  }
  EXPECT_EQ(shared_mappings(), 0);
}

TEST(Failures, ARankThatDoesNotComeIsNamed) {
  if (world_size() < 2) GTEST_SKIP() << "needs a rank to wait for";
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  ASSERT_EQ(MPIX_Comm_attach(comm, ScopedInfo({{"timeout", "1"}})), MPI_SUCCESS);
  const int missing = comm.size() - 1;
  // Who gives up first fails the communicator for all, so that others may hear of that rank
  // instead.
  int names_missing = 0;
  if (comm.rank() != missing) {
    const int code = Call(comm, 1).run();
    EXPECT_NE(code, MPI_SUCCESS);
    const std::string text = sentence(code);  // before the next error of its class
    EXPECT_EQ(class_of(code), class_of(error_of(comm)));
    EXPECT_NE(text.find("CAUSEWAY_TIMEOUT"), std::string::npos) << text;
    names_missing = text.find("for " + named(missing)) != std::string::npos ? 1 : 0;
  }
  MPI_Allreduce(MPI_IN_PLACE, &names_missing, 1, MPI_INT, MPI_SUM, comm);
  EXPECT_GE(names_missing, 1) << "no rank named the missing one";
  expect_failed_until_detached(comm, "waited too long (CAUSEWAY_TIMEOUT) for " + named(missing));
}

}  // namespace
}  // namespace causeway::test
