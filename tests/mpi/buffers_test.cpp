// Registered buffers and memory of MPIX_Mem_alloc: what exchanges put there, what kernels see of
// them, wrong arguments, and how they end.
#include "call.hpp"
#include "process_state.hpp"
#include "repeated.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

using By = Repeated::By;
using Of = DeviceMemory::Of;

Random own_random(Random& random) { return Random(random() + static_cast<unsigned>(world_rank())); }

/// By rank: the host that it takes itself to be on. Collective over comm.
std::vector<std::string> hosts_of(MPI_Comm comm) {
  int size = 0;
  MPI_Comm_size(comm, &size);
  char own[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  MPI_Get_processor_name(own, &length);
  std::vector<char> names(static_cast<std::size_t>(size) * sizeof own);
  MPI_Allgather(own, sizeof own, MPI_CHAR, names.data(), sizeof own, MPI_CHAR, comm);
  const char* const node_size = std::getenv("CAUSEWAY_NODE_SIZE");
  const int ranks = node_size == nullptr ? 0 : std::atoi(node_size);
  std::vector<std::string> hosts;
  for (int rank = 0; rank < size; ++rank) {
    hosts.emplace_back(&names[static_cast<std::size_t>(rank) * sizeof own]);
    if (ranks != 0) hosts.back() += ' ' + std::to_string(rank / ranks);
  }
  return hosts;
}

/// A registration that ends with its scope.
class Registered {
 public:
  Registered(MPI_Comm comm, void* base, std::size_t bytes) {
    const int code = MPIX_Buffer_register(comm, base, static_cast<MPI_Aint>(bytes), &buffer_);
    EXPECT_EQ(code, MPI_SUCCESS) << sentence(code);
    EXPECT_NE(buffer_, MPIX_BUFFER_NULL);
  }
  ~Registered() {
    EXPECT_EQ(MPIX_Buffer_deregister(&buffer_), MPI_SUCCESS);
    EXPECT_EQ(buffer_, MPIX_BUFFER_NULL);
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

  MPIX_Buffer_view view() const {
    MPIX_Buffer_view view{};
    EXPECT_EQ(MPIX_Buffer_device_handle(buffer_, &view), MPI_SUCCESS);
    return view;
  }

 private:
  MPIX_Buffer buffer_ = MPIX_BUFFER_NULL;
};

template <class T>
std::vector<T> copied(const T* table, int size) {
  std::vector<T> copy(static_cast<std::size_t>(size));
  copy_bytes(copy.data(), table, copy.size() * sizeof(T));
  return copy;
}

/// Registrations that come and go in one allocation, over each other and beside what is received.
/// Each rank places its own, or none.
void receive_at_random(MPI_Comm comm, std::uint64_t most_bytes, int steps) {
  Random random = shared_random();
  Random own = own_random(random);
  const DeviceStream stream;
  std::vector<std::unique_ptr<Repeated>> exchanges;
  std::size_t most = 0;
  for (int i = 0; i < 5; ++i) {
    exchanges.push_back(std::make_unique<Repeated>(comm, random, most_bytes));
    most = std::max(most, exchanges.back()->receive_bytes());
  }
  const DeviceMemory memory(comm, one_in(own, 4) ? random_memory(own) : Of::kMpix, 2 * most);
  std::vector<std::unique_ptr<Registered>> registered;
  for (int step = 0; step < steps; ++step) {
    const std::uint64_t draw = between(random, 0, 5);
    if (draw == 0) {
      const std::size_t begin = one_in(own, 3) ? 0 : between(own, 0, 2 * most - 1);
      const std::size_t bytes = one_in(own, 5)   ? 0
                                : one_in(own, 2) ? 2 * most - begin
                                                 : between(own, 1, 2 * most - begin);
      registered.push_back(std::make_unique<Registered>(comm, memory.data() + begin, bytes));
    } else if (draw == 1 && !registered.empty()) {
      registered.erase(registered.begin() +
                       static_cast<std::ptrdiff_t>(between(random, 0, registered.size() - 1)));
    } else {
      Repeated& exchange = *exchanges[between(random, 0, exchanges.size() - 1)];
      if (one_in(own, 5)) {
        exchange.receive_in_own_memory();
      } else {
        exchange.receive_at(memory.data() + between(own, 0, 2 * most - exchange.receive_bytes()));
      }
      EXPECT_TRUE(exchange.run(one_in(random, 2) ? By::kCall : By::kStream, stream))
          << "step " << step << ", " << registered.size() << " registered";
    }
  }
}

TEST(Buffers, TakeWhatExchangesReceive) {
  receive_at_random(attached({{"ring_bytes", "64K"}}), 200'000, 150);
}

TEST(Buffers, TakeWhatExchangesReceiveWithSmallRings) {
  receive_at_random(attached({{"ring_bytes", "4096"}, {"lanes", "2"}, {"max_ctas", "2"}}), 60'000,
                    100);
}

TEST(Buffers, TakeLargeBlocks) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  const DeviceStream stream;
  for (int round = 0; round < 8; ++round) {
    Repeated exchange(comm, random, 3'000'000);
    const DeviceMemory memory(comm, Of::kMpix, exchange.receive_bytes());
    const Registered registered(comm, memory.data(), exchange.receive_bytes());
    exchange.receive_at(memory.data());
    EXPECT_TRUE(exchange.run(By::kCall, stream)) << "round " << round;
    EXPECT_TRUE(exchange.run(By::kStream, stream)) << "round " << round;
    exchange.receive_in_own_memory();
    EXPECT_TRUE(exchange.run(By::kCall, stream)) << "round " << round;
  }
}

TEST(Buffers, BesideEachOtherInOneAllocationTakeWhatIsReceived) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  const DeviceStream stream;
  Repeated one(comm, random, 100'000);
  Repeated other(comm, random, 100'000);
  const DeviceMemory memory(comm, Of::kMpix, one.receive_bytes() + other.receive_bytes());
  std::byte* const middle = memory.data() + one.receive_bytes();
  const Registered first(comm, memory.data(), one.receive_bytes());
  const Registered second(comm, middle, other.receive_bytes());
  one.receive_at(memory.data());
  other.receive_at(middle);
  for (int round = 0; round < 5; ++round) {
    one.change();
    other.change();
    ASSERT_EQ(one.make(By::kStream, stream.get()), MPI_SUCCESS);
    ASSERT_EQ(other.make(By::kStream, stream.get()), MPI_SUCCESS);
    stream.wait();
    EXPECT_TRUE(one.is_like_mpi());
    EXPECT_TRUE(other.is_like_mpi());
  }
}

TEST(Buffers, OfRanksThatGiveNothingAreNone) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  const DeviceStream stream;
  for (const int giver : {-1, 0, world_size() - 1}) {
    Repeated exchange(comm, random, 200'000);
    const bool gives = world_rank() == giver;
    const DeviceMemory memory(comm, Of::kMpix, exchange.receive_bytes());
    const Registered registered(comm, gives ? memory.data() : nullptr,
                                gives ? exchange.receive_bytes() : 0);
    EXPECT_EQ(registered.view().base, gives ? memory.data() : nullptr);
    exchange.receive_at(memory.data());
    EXPECT_TRUE(exchange.run(By::kCall, stream)) << "rank " << giver << " gives";
  }
}

TEST(Buffers, OnTwoCommunicatorsShareMemory) {
  const ScopedComm whole = attached();
  const ScopedComm turned = ScopedComm::split(MPI_COMM_WORLD, 0, world_size() - world_rank());
  ASSERT_EQ(MPIX_Comm_attach(turned, MPI_INFO_NULL), MPI_SUCCESS);
  Random random = shared_random();
  const DeviceStream stream;
  Repeated one(whole, random, 100'000);
  Repeated other(turned, random, 100'000);
  const std::size_t bytes = std::max(one.receive_bytes(), other.receive_bytes());
  const DeviceMemory memory(whole, Of::kMpix, bytes);
  const Registered in_whole(whole, memory.data(), bytes);
  const Registered in_turned(turned, memory.data(), bytes);
  one.receive_at(memory.data());
  other.receive_at(memory.data());
  for (int round = 0; round < 10; ++round) {
    EXPECT_TRUE((one_in(random, 2) ? one : other).run(By::kCall, stream)) << "round " << round;
  }
}

TEST(Buffers, KeepMemoryThatIsFreedUntilTheLastIsDeregistered) {
  const ScopedComm comm = attached();
  Random random = shared_random();
  const DeviceStream stream;
  const int mappings = shared_mappings();
  {
    Repeated exchange(comm, random, 200'000);
    DeviceMemory memory(comm, Of::kMpix, exchange.receive_bytes());
    exchange.receive_at(memory.data());
    const Registered first(comm, memory.data(), exchange.receive_bytes());
    {
      const Registered second(comm, memory.data(), exchange.receive_bytes());
      EXPECT_EQ(MPIX_Mem_free(memory.data()), MPI_SUCCESS);
      EXPECT_TRUE(exchange.run(By::kCall, stream));
    }
    EXPECT_TRUE(exchange.run(By::kStream, stream));
    const ErrorsReturned world(MPI_COMM_WORLD);
    EXPECT_TRUE(
        is_error(MPIX_Mem_free(memory.data()), MPI_ERR_ARG, {"is not memory of MPIX_Mem_alloc"}));
    memory.release();
  }
  EXPECT_EQ(shared_mappings(), mappings);
}

TEST(Buffers, WaitForExchangesInTheBackgroundBeforeTheyEnd) {
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  if (level != MPI_THREAD_MULTIPLE) GTEST_SKIP() << "MPI does not grant MPI_THREAD_MULTIPLE";
  const ScopedComm comm = attached();
  Random random = shared_random();
  for (int round = 0; round < 10; ++round) {
    Repeated exchange(comm, random, 300'000);
    const DeviceMemory memory(comm, Of::kMpix, exchange.receive_bytes());
    exchange.receive_at(memory.data());
    exchange.change();
    MPI_Request request = MPI_REQUEST_NULL;
    {
      const Registered registered(comm, memory.data(), exchange.receive_bytes());
      EXPECT_EQ(exchange.begin(&request), MPI_SUCCESS);
    }
    EXPECT_EQ(MPI_Wait(&request, MPI_STATUS_IGNORE), MPI_SUCCESS);
    EXPECT_TRUE(exchange.is_like_mpi()) << "round " << round;
  }
}

/// What this rank's device would see of every rank's memory.
TEST(Buffers, AreSeenByKernels) {
  const ScopedComm comm = attached();
  const int rank = comm.rank();
  const int size = comm.size();
  const auto bytes_of = [](int of) { return MPI_Aint{8} * (1024 + of); };
  constexpr std::size_t kOffset = 64;
  const auto bytes = static_cast<std::size_t>(bytes_of(rank));
  const DeviceMemory memory(comm, Of::kMpix, kOffset + bytes);
  const std::vector<int> nothing(2048, -1);
  copy_bytes(memory.data(), nothing.data(), nothing.size() * sizeof(int));
  std::byte* const base = memory.data() + kOffset;
  const Registered registered(comm, base, bytes);
  const MPIX_Buffer_view view = registered.view();
  EXPECT_EQ(view.base, base);
  EXPECT_EQ(view.bytes, bytes_of(rank));
  EXPECT_EQ(view.rank, rank);
  EXPECT_EQ(view.size, size);
  const std::vector<void*> peers = copied(view.peer_base, size);
  const std::vector<MPI_Aint> sizes = copied(view.peer_bytes, size);
  const std::vector<std::string> hosts = hosts_of(comm);
  const std::string& host = hosts[static_cast<std::size_t>(rank)];
  MPI_Barrier(comm);
  for (int peer = 0; peer < size; ++peer) {
    const auto at = static_cast<std::size_t>(peer);
    EXPECT_EQ(sizes[at], bytes_of(peer));
    EXPECT_EQ(peers[at] != nullptr, hosts[at] == host) << "rank " << peer;
    if (peers[at] == nullptr) continue;
    const int value = 100 * rank + peer;
    copy_bytes(static_cast<int*>(peers[at]) + rank, &value, sizeof value);
  }
  EXPECT_EQ(peers[static_cast<std::size_t>(rank)], base);
  MPI_Barrier(comm);
  const std::vector<int> found = copied(reinterpret_cast<const int*>(base), size + 1);
  for (int peer = 0; peer < size; ++peer) {
    const auto at = static_cast<std::size_t>(peer);
    EXPECT_EQ(found[at], hosts[at] == host ? 100 * peer + rank : -1);
  }
  EXPECT_EQ(found.back(), -1);
  MPI_Barrier(comm);
}

TEST(Buffers, OfMemoryThatCannotBeSharedAreSeenByTheirOwnRank) {
  const ScopedComm comm = attached();
  const DeviceMemory memory(comm, Of::kPool, 4096);
  const Registered registered(comm, memory.data(), 4096);
  const MPIX_Buffer_view view = registered.view();
  const std::vector<void*> peers = copied(view.peer_base, view.size);
  const std::vector<MPI_Aint> sizes = copied(view.peer_bytes, view.size);
  for (int peer = 0; peer < view.size; ++peer) {
    const auto at = static_cast<std::size_t>(peer);
    EXPECT_EQ(peers[at], peer == view.rank ? memory.data() : nullptr) << "rank " << peer;
    EXPECT_EQ(sizes[at], 4096);
  }
}

TEST(Buffers, OfNothingAttachTheirCommunicator) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const Registered registered(comm, nullptr, 0);
  const MPIX_Buffer_view view = registered.view();
  EXPECT_EQ(view.base, nullptr);
  EXPECT_EQ(view.bytes, 0);
  for (const MPI_Aint bytes : copied(view.peer_bytes, view.size)) EXPECT_EQ(bytes, 0);
  for (const void* const base : copied(view.peer_base, view.size)) EXPECT_EQ(base, nullptr);
}

TEST(Buffers, AreAsManyWithPlansAsACommunicatorTakes) {
  constexpr int kMost = 255;
  const ScopedComm comm = attached();
  Random random = shared_random();
  const DeviceMemory memory(comm, Of::kMpix, 4096);
  Repeated exchange(comm, random, 2000);
  ASSERT_EQ(exchange.plan(), MPI_SUCCESS);
  std::vector<std::unique_ptr<Registered>> registered;
  while (registered.size() < kMost - 1) {
    registered.push_back(std::make_unique<Registered>(comm, memory.data(), 4096));
  }
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  EXPECT_TRUE(is_error(MPIX_Buffer_register(comm, memory.data(), 4096, &buffer),
                       MPI_ERR_UNSUPPORTED_OPERATION, {"comm has 255 registered buffers"}));
  EXPECT_EQ(buffer, MPIX_BUFFER_NULL);
  registered.erase(registered.begin() + 100);
  const Registered another(comm, memory.data(), 4096);
  EXPECT_TRUE(works(comm));
}

TEST(Buffers, CyclesLeaveNothing) {
  const ScopedComm comm = attached();
  const auto cycle = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const DeviceMemory memory(comm, Of::kMpix, 10'000);
      const Registered whole(comm, memory.data(), 10'000);
      const Registered part(comm, memory.data() + 1000, world_rank() % 2 == 0 ? 50 : 0);
    }
  };
  cycle(2);  // MPI opens what it needs
  const int descriptors = open_descriptors();
  const int mappings = shared_mappings();
  cycle(200);
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(shared_mappings(), mappings);
}

}  // namespace
}  // namespace causeway::test
