// Attachments: whose they are, how long they last, and several of them at a time.
#include "call.hpp"
#include "process_state.hpp"
#include "scoped_mpi.hpp"
#include "traffic.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>
#include <vector>

namespace causeway::test {
namespace {

ScopedComm world() { return ScopedComm::dup(MPI_COMM_WORLD); }

/// A generator for a part of the ranks that `color` stands for.
Random random_of_part(int color) { return shared_random(static_cast<std::uint64_t>(color) + 1); }

TEST(Communicators, AttachIsHarmlessTwiceAndDetachAtAnyTime) {
  const ScopedComm comm = world();
  Random random = shared_random();
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Comm_attach(comm, ScopedInfo({{"lanes", "2"}})), MPI_SUCCESS);
  EXPECT_TRUE(exchanges_like_mpi(comm, random, 5, 4096));
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
}

TEST(Communicators, AttachTwiceKeepsTheFirstSettings) {
  const ScopedComm comm = world();
  ASSERT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  const int threads = running_threads();
  EXPECT_EQ(MPIX_Comm_attach(comm, ScopedInfo({{"max_ctas", "4"}, {"lanes", "4"}})), MPI_SUCCESS);
  EXPECT_EQ(running_threads(), threads);
}

TEST(Communicators, AttachTwiceNamesTheSettingsThatDiffer) {
  const ScopedComm comm = world();
  ASSERT_EQ(MPIX_Comm_attach(comm, ScopedInfo({{"ring_bytes", "64K"}, {"timeout", "900"}})),
            MPI_SUCCESS);
  const auto said_of = [&](const Settings& settings) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(MPIX_Comm_attach(comm, ScopedInfo(settings)), MPI_SUCCESS);
    return testing::internal::GetCapturedStderr();
  };
  for (const Settings& settings : {Settings{}, {{"ring_bytes", "65536"}, {"timeout", "900"}}}) {
    const std::string said = said_of(settings);
    EXPECT_EQ(said.find("is attached with"), std::string::npos) << said;
  }
  const std::string said = said_of({{"ring_bytes", "32K"}, {"timeout", "900"}});
  for (const char* const part : {"causeway_ring_bytes", "'64K'", "'32K'"}) {
    EXPECT_EQ(said.find(part) != std::string::npos, comm.rank() == 0) << part << " in: " << said;
  }
  EXPECT_EQ(said.find("timeout"), std::string::npos) << said;
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  EXPECT_TRUE(is_error(MPIX_Comm_attach(comm, ScopedInfo({{"ring_bytes", "many"}})),
                       MPI_ERR_INFO_VALUE, {"CAUSEWAY_RING_BYTES", "many"}));
  EXPECT_TRUE(is_error(MPIX_Comm_attach(comm, ScopedInfo({{"rings", "1"}})), MPI_ERR_INFO_VALUE,
                       {"causeway_rings"}));
  Random random = shared_random();
  EXPECT_TRUE(exchanges_like_mpi(comm, random, 2, 4096));
}

TEST(Communicators, DetachAndAttachAgainWithOtherSettings) {
  const ScopedComm comm = world();
  Random random = shared_random();
  for (const char* ring : {"4096", "64K", "16K"}) {
    EXPECT_EQ(MPIX_Comm_attach(comm, ScopedInfo({{"ring_bytes", ring}})), MPI_SUCCESS);
    EXPECT_TRUE(exchanges_like_mpi(comm, random, 5, 50'000));
    EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
    EXPECT_TRUE(exchanges_like_mpi(comm, random, 2, 50'000));
    EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  }
}

TEST(Communicators, DupIsNotAttachedAndWorksOnItsOwn) {
  const ScopedComm comm = world();
  Random random = shared_random();
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS) << "drops what is kept";
  ASSERT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  const int mappings = shared_mappings();
  EXPECT_TRUE(exchanges_like_mpi(comm, random, 3, 4096));
  const ScopedComm copy = ScopedComm::dup(comm);
  EXPECT_EQ(shared_mappings(), mappings);
  int code = MPI_SUCCESS;
  EXPECT_NE(MPIX_Comm_abort(copy), MPI_SUCCESS) << "a dup has nothing to abort";
  EXPECT_EQ(MPIX_Comm_get_error(comm, &code), MPI_SUCCESS);
  EXPECT_EQ(code, MPI_SUCCESS);
  EXPECT_TRUE(exchanges_like_mpi(copy, random, 3, 4096));
  EXPECT_EQ(shared_mappings(), 2 * mappings);
  EXPECT_TRUE(exchanges_like_mpi(comm, random, 3, 4096));
  EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  EXPECT_TRUE(exchanges_like_mpi(copy, random, 3, 4096));
}

TEST(Communicators, RanksInReverse) {
  const ScopedComm comm = ScopedComm::split(MPI_COMM_WORLD, 0, world_size() - world_rank());
  ASSERT_EQ(comm.rank(), world_size() - 1 - world_rank());
  Random random = shared_random();
  EXPECT_TRUE(exchanges_like_mpi(comm, random, 10, 100'000));
}

TEST(Communicators, RandomPartsInRandomOrder) {
  Random random = shared_random();
  for (int round = 0; round < 8; ++round) {
    std::vector<int> colors;
    std::vector<int> keys;
    for (int rank = 0; rank < world_size(); ++rank) {
      colors.push_back(static_cast<int>(between(random, 0, 2)));
      keys.push_back(static_cast<int>(between(random, 0, 1000)));
    }
    const auto self = static_cast<std::size_t>(world_rank());
    const ScopedComm comm = ScopedComm::split(MPI_COMM_WORLD, colors[self], keys[self]);
    Random own = random_of_part(4 * round + colors[self]);
    EXPECT_TRUE(exchanges_like_mpi(comm, own, 5, 50'000));
  }
}

TEST(Communicators, Alone) {
  Random random = shared_random();
  const ScopedComm comm = ScopedComm::split(MPI_COMM_WORLD, world_rank(), 0);
  ASSERT_EQ(comm.size(), 1);
  EXPECT_TRUE(exchanges_like_mpi(comm, random, 10, 100'000));
  EXPECT_TRUE(exchanges_like_mpi(MPI_COMM_SELF, random, 10, 100'000));
  EXPECT_EQ(MPIX_Comm_detach(MPI_COMM_SELF), MPI_SUCCESS);
}

TEST(Communicators, SeveralAtOnceAndFreedInAnyOrder) {
  Random random = shared_random();
  std::vector<ScopedComm> comms;
  for (int i = 0; i < 5; ++i) {
    const int turned = (world_rank() + i) % world_size();
    comms.push_back(ScopedComm::split(MPI_COMM_WORLD, 0, turned));
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(exchange_like_mpi(comms[between(random, 0, 4)], random, {}));
  }
  std::vector<std::size_t> order(comms.size());
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), random);
  while (!order.empty()) {
    comms[order.back()].free();
    order.pop_back();
    for (const std::size_t left : order) {
      EXPECT_TRUE(exchange_like_mpi(comms[left], random, {})) << order.size() << " left";
    }
  }
}

TEST(Communicators, ThatOverlap) {
  if (world_size() < 3) GTEST_SKIP() << "needs three ranks for two groups that share one";
  // Ranks 0 .. middle and middle .. last: both groups hold the middle one.
  const int middle = world_size() / 2;
  const ScopedComm whole = world();
  const auto part = [&](int first, int last) {
    const bool inside = world_rank() >= first && world_rank() <= last;
    return ScopedComm::split(whole, inside ? 0 : MPI_UNDEFINED, world_rank());
  };
  const ScopedComm lower = part(0, middle);
  const ScopedComm upper = part(middle, world_size() - 1);
  Random random_lower = random_of_part(0);
  Random random_upper = random_of_part(1);
  Random random = shared_random();
  for (int i = 0; i < 10; ++i) {
    if (lower != MPI_COMM_NULL) {
      EXPECT_TRUE(exchange_like_mpi(lower, random_lower, {}));
    }
    if (upper != MPI_COMM_NULL) {
      EXPECT_TRUE(exchange_like_mpi(upper, random_upper, {}));
    }
    EXPECT_TRUE(exchange_like_mpi(whole, random, {}));
  }
}

/// Attaches, exchanges and detaches `times` times.
void cycle(int times, Random& random) {
  const ScopedComm comm = world();
  for (int i = 0; i < times; ++i) {
    EXPECT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
    EXPECT_GT(shared_mappings(), 0);
    EXPECT_TRUE(exchange_like_mpi(comm, random, {}));
    EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  }
}

TEST(Communicators, CyclesOfAttachAndDetachLeaveNothing) {
  Random random = shared_random();
  cycle(1, random);  // MPI opens what it needs
  const int descriptors = open_descriptors();
  const int threads = running_threads();
  const int mappings = shared_mappings();
  cycle(100, random);
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(running_threads(), threads);
  EXPECT_EQ(shared_mappings(), mappings);
  EXPECT_EQ(shared_mappings(), 0) << "left by this test or one before it";
}

TEST(Communicators, DescriptorsDoNotGrowWithTheirNumber) {
  const ScopedComm first = world();
  Random random = shared_random();
  EXPECT_TRUE(exchange_like_mpi(first, random, {}));
  const int descriptors = open_descriptors();
  for (const ScopedComm& comm : {world(), world(), world()}) {
    EXPECT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
    EXPECT_EQ(open_descriptors(), descriptors);
  }
}

TEST(Communicators, ThreadsDoNotGrowWithTheirNumber) {
  const ScopedComm first = world();
  Random random = shared_random();
  EXPECT_TRUE(exchanges_like_mpi(first, random, 5, 1'000'000));
  const int threads = running_threads();
  std::vector<ScopedComm> comms;
  for (int i = 0; i < 20; ++i) {
    comms.push_back(world());
    EXPECT_EQ(MPIX_Comm_attach(comms.back(), MPI_INFO_NULL), MPI_SUCCESS);
  }
  for (const ScopedComm& comm : comms) {
    EXPECT_TRUE(exchanges_like_mpi(comm, random, 2, 1'000'000));
  }
  EXPECT_EQ(running_threads(), threads);
}

bool threads_may_call_mpi() {
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  return level == MPI_THREAD_MULTIPLE;
}

TEST(Communicators, TwoThreadsWithOneEach) {
  if (!threads_may_call_mpi()) GTEST_SKIP() << "MPI does not grant MPI_THREAD_MULTIPLE";
  const ScopedComm comms[] = {world(), world()};
  for (const ScopedComm& comm : comms) {
    ASSERT_EQ(MPIX_Comm_attach(comm, ScopedInfo({{"ring_bytes", "32K"}})), MPI_SUCCESS);
  }
  Random randoms[] = {shared_random(0), shared_random(1)};
  const auto work = [&](std::size_t which) {
    EXPECT_TRUE(exchanges_like_mpi(comms[which], randoms[which], 40, 50'000)) << "thread " << which;
  };
  std::thread other(work, 1);
  work(0);
  other.join();
}

TEST(Communicators, TwoThreadsAttachOneEach) {
  if (!threads_may_call_mpi()) GTEST_SKIP() << "MPI does not grant MPI_THREAD_MULTIPLE";
  const ScopedComm comms[] = {world(), world()};
  Random randoms[] = {shared_random(0), shared_random(1)};
  const auto work = [&](std::size_t which) {
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(MPIX_Comm_attach(comms[which], MPI_INFO_NULL), MPI_SUCCESS);
      EXPECT_TRUE(exchange_like_mpi(comms[which], randoms[which], {})) << "thread " << which;
      EXPECT_EQ(MPIX_Comm_detach(comms[which]), MPI_SUCCESS);
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
}

/// Of one rank, so that nobody else has to know in which order they come.
TEST(Communicators, ThreadsThatMakeTheFirstCallOfOne) {
  if (!threads_may_call_mpi()) GTEST_SKIP() << "MPI does not grant MPI_THREAD_MULTIPLE";
  for (int i = 0; i < 50; ++i) {
    const ScopedComm comm = ScopedComm::dup(MPI_COMM_SELF);
    const auto work = [&](int value) {
      const int one = 1;
      const int zero = 0;
      int received = -1;
      EXPECT_EQ(MPIX_Alltoallv(&value, &one, &zero, MPI_INT, &received, &one, &zero, MPI_INT, comm),
                MPI_SUCCESS);
      EXPECT_EQ(received, value);
    };
    std::vector<std::thread> others;
    for (int other = 1; other < 4; ++other) others.emplace_back(work, other);
    work(0);
    for (std::thread& other : others) other.join();
    EXPECT_EQ(MPIX_Comm_detach(comm), MPI_SUCCESS);
  }
}

}  // namespace
}  // namespace causeway::test
