// What is kept of communicators that were freed: the next ones of the same ranks have its memory,
// and nothing else of it.
#include "process_state.hpp"
#include "scoped_mpi.hpp"
#include "traffic.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace causeway::test {
namespace {

ScopedComm world() { return ScopedComm::dup(MPI_COMM_WORLD); }

ScopedComm reversed() { return ScopedComm::split(MPI_COMM_WORLD, 0, -world_rank()); }

void drop_kept() { EXPECT_EQ(MPIX_Comm_detach(MPI_COMM_WORLD), MPI_SUCCESS); }

/// Attaches with what is kept, wherever it runs: on the host, as one host.
void attach(MPI_Comm comm, const char* ring_bytes = "64K") {
  const ScopedInfo info({{"device", "host"}, {"node_size", "0"}, {"ring_bytes", ring_bytes}});
  EXPECT_EQ(MPIX_Comm_attach(comm, info), MPI_SUCCESS);
}

/// The ranks of this one's host, between which there is no network.
class Host {
 public:
  ScopedComm dup() const { return ScopedComm::dup(ranks_); }
  ScopedComm reversed() const { return ScopedComm::split(ranks_, 0, -ranks_.rank()); }
  bool is_one_rank() const { return ranks_.size() == 1; }

 private:
  static MPI_Comm split() {
    MPI_Comm made = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &made);
    return made;
  }
  const ScopedComm ranks_{split()};
};

TEST(Kept, MemoryServesTheNextCommunicatorOfTheSameRanksAndSettings) {
  drop_kept();
  const Host host;
  ASSERT_EQ(shared_mappings(), 0);
  Random random = shared_random();
  ScopedComm first = host.dup();
  attach(first);
  EXPECT_TRUE(exchanges_like_mpi(first, random, 5, 100'000));
  const int mappings = shared_mappings();
  const int descriptors = open_descriptors();
  const int threads = running_threads();
  first.free();
  EXPECT_EQ(shared_mappings(), mappings);
  for (int i = 0; i < 20; ++i) {
    const ScopedComm next = host.dup();
    attach(next);
    EXPECT_TRUE(exchanges_like_mpi(next, random, 2, 100'000));
    EXPECT_EQ(shared_mappings(), mappings);
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_EQ(running_threads(), threads);
  }
  const ScopedComm other_settings = host.dup();
  attach(other_settings, "32K");
  EXPECT_EQ(shared_mappings(), 2 * mappings);
  EXPECT_TRUE(exchanges_like_mpi(other_settings, random, 2, 100'000));
  const ScopedComm other_order = host.reversed();
  attach(other_order);
  EXPECT_EQ(shared_mappings(), (host.is_one_rank() ? 2 : 3) * mappings);
  EXPECT_TRUE(exchanges_like_mpi(other_order, random, 2, 100'000));
  for (const ScopedComm* comm : {&other_settings, &other_order}) {
    EXPECT_EQ(MPIX_Comm_detach(*comm), MPI_SUCCESS);
  }
  EXPECT_EQ(shared_mappings(), 0);
}

TEST(Kept, ManyAtATimeAreInFewMappings) {
  drop_kept();
  const Host host;
  Random random = shared_random();
  std::vector<ScopedComm> comms;
  comms.push_back(host.dup());
  attach(comms.back());
  const int mappings = shared_mappings();
  const int threads = running_threads();
  for (int i = 1; i < 100; ++i) {
    comms.push_back(host.dup());
    attach(comms.back());
    EXPECT_TRUE(exchange_like_mpi(comms.back(), random, {}));
  }
  EXPECT_LE(shared_mappings(), 8 * mappings);
  EXPECT_EQ(running_threads(), threads);
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(exchange_like_mpi(comms[between(random, 0, comms.size() - 1)], random, {}));
  }
  comms.clear();
  drop_kept();
  EXPECT_EQ(shared_mappings(), 0);
}

TEST(Kept, IsBounded) {
  drop_kept();
  const Host host;
  Random random = shared_random();
  int mappings = 0;
  {
    std::vector<ScopedComm> comms;
    for (int i = 0; i < 40; ++i) {
      comms.push_back(host.dup());
      attach(comms.back());
      EXPECT_TRUE(exchange_like_mpi(comms.back(), random, {}));
    }
    mappings = shared_mappings();
  }
  EXPECT_LT(shared_mappings(), mappings / 2);
  drop_kept();
  EXPECT_EQ(shared_mappings(), 0);
}

/// Of each rank from the one before it, after the message before it was not received.
TEST(Kept, MessagesDoNotOutliveTheirCommunicator) {
  Random random = shared_random();
  const int next = (world_rank() + 1) % world_size();
  const int before = (world_rank() + world_size() - 1) % world_size();
  for (int life = 0; life < 20; ++life) {
    const ScopedComm comm = world();
    attach(comm);
    if (life % 3 == 1) {
      EXPECT_TRUE(exchanges_like_mpi(comm, random, 2, 100'000));
    }
    // In lines, and in the ring.
    const auto ints = static_cast<std::size_t>(life % 2 == 0 ? 3 : 300);
    const auto sent = [&](int rank, int what) {
      return std::vector<int>(ints, 1000 * life + 10 * rank + what);
    };
    const auto count = static_cast<int>(ints);
    std::vector<int> received(ints);
    EXPECT_EQ(MPIX_Sendrecv(sent(world_rank(), 1).data(), count, MPI_INT, next, 7, received.data(),
                            count, MPI_INT, before, 7, comm, MPI_STATUS_IGNORE),
              MPI_SUCCESS);
    EXPECT_EQ(received, sent(before, 1));
    if (world_size() == 1) continue;
    EXPECT_EQ(MPIX_Sendrecv(sent(world_rank(), 2).data(), count, MPI_INT, next, 7, nullptr, 0,
                            MPI_INT, MPI_PROC_NULL, 7, comm, MPI_STATUS_IGNORE),
              MPI_SUCCESS);
  }
}

/// In which order communicators are freed differs between ranks, and not all have freed the same.
TEST(Kept, ThreadsFreeInAnyOrder) {
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  if (level != MPI_THREAD_MULTIPLE) GTEST_SKIP() << "MPI does not grant MPI_THREAD_MULTIPLE";
  const ScopedComm parents[] = {world(), world(), world()};
  Random randoms[] = {shared_random(0), shared_random(1), shared_random(2)};
  const auto live = [&](std::size_t which) {
    for (int life = 0; life < 20; ++life) {
      const ScopedComm comm = ScopedComm::dup(parents[which]);
      attach(comm);
      EXPECT_TRUE(exchange_like_mpi(comm, randoms[which], {})) << "thread " << which;
    }
  };
  std::vector<std::thread> others;
  for (std::size_t which = 1; which < 3; ++which) others.emplace_back(live, which);
  live(0);
  for (std::thread& other : others) other.join();
}

TEST(Kept, WhatHasFailedIsNot) {
  Random random = shared_random();
  for (int round = 0; round < 6; ++round) {
    ScopedComm comm = world();
    attach(comm);
    EXPECT_TRUE(exchange_like_mpi(comm, random, {}));
    MPI_Barrier(MPI_COMM_WORLD);
    if (world_rank() == round % world_size()) {
      EXPECT_EQ(MPIX_Comm_abort(comm), MPI_SUCCESS);
    }
    if (round % 2 == 0) MPI_Barrier(MPI_COMM_WORLD);
    comm.free();
    const ScopedComm next = world();
    attach(next);
    int code = MPI_SUCCESS;
    EXPECT_EQ(MPIX_Comm_get_error(next, &code), MPI_SUCCESS);
    EXPECT_EQ(code, MPI_SUCCESS);
    EXPECT_TRUE(exchanges_like_mpi(next, random, 2, 50'000));
  }
}

/// Buffers and plans that are left go with their communicator, which is not kept then.
TEST(Kept, BuffersAndPlansAreNot) {
  Random random = shared_random();
  std::vector<int> memory(1000, -1);
  for (int round = 0; round < 4; ++round) {
    MPIX_Buffer buffer = MPIX_BUFFER_NULL;
    {
      const ScopedComm comm = world();
      attach(comm);
      EXPECT_EQ(MPIX_Buffer_register(comm, memory.data(), 4000, &buffer), MPI_SUCCESS);
      EXPECT_TRUE(exchange_like_mpi(comm, random, {}));
      if (round % 2 == 0) {
        EXPECT_EQ(MPIX_Buffer_deregister(&buffer), MPI_SUCCESS);
      }
    }
    if (buffer != MPIX_BUFFER_NULL) {
      EXPECT_EQ(MPIX_Buffer_deregister(&buffer), MPI_SUCCESS);
    }
    const ScopedComm next = world();
    attach(next);
    EXPECT_EQ(MPIX_Buffer_register(next, memory.data(), 4000, &buffer), MPI_SUCCESS);
    EXPECT_TRUE(exchanges_like_mpi(next, random, 2, 50'000));
    EXPECT_EQ(MPIX_Buffer_deregister(&buffer), MPI_SUCCESS);
  }
}

TEST(Kept, LivesOfManyKinds) {
  Random random = shared_random();
  for (int life = 0; life < 60; ++life) {
    const char* const rings[] = {"4096", "64K"};
    const char* const starts[] = {"0", "4294966000"};
    const char* const lanes[] = {"1", "3"};
    const ScopedInfo info({{"device", "host"},
                           {"ring_bytes", rings[between(random, 0, 1)]},
                           {"start_count", starts[between(random, 0, 1)]},
                           {"lanes", lanes[between(random, 0, 1)]},
                           {"cma", between(random, 0, 1) == 0 ? "auto" : "no"}});
    const ScopedComm comm = between(random, 0, 2) == 0 ? reversed() : world();
    EXPECT_EQ(MPIX_Comm_attach(comm, info), MPI_SUCCESS);
    const int times = static_cast<int>(between(random, 0, 4));
    EXPECT_TRUE(exchanges_like_mpi(comm, random, times, 200'000)) << "life " << life;
  }
}

}  // namespace
}  // namespace causeway::test
