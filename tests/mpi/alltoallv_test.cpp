// MPIX_Alltoallv and MPIX_Alltoallv_c against MPI's own, on random exchanges.
#include "scoped_mpi.hpp"
#include "traffic.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <ostream>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

/// Settings of a communicator, empty for the default, and what to exchange with them.
struct Row {
  const char* ring_bytes;
  const char* lanes;
  const char* max_ctas;  ///< "rank": one more than the rank, which differs between ranks
  const char* start_count;
  std::uint64_t most_bytes;
  int exchanges;
};

// Where channels' counts pass 2^32 and 2^64 after a few messages.
constexpr const char* kNear32Bits = "4294967040";
constexpr const char* kNear64Bits = "18446744073709547520";

constexpr std::uint64_t kKiB = 1024;

constexpr Row kRows[] = {
    {"", "", "", "", 600 * kKiB, 200},
    {"", "", "2", kNear32Bits, 600 * kKiB, 100},
    {"", "3", "", kNear64Bits, 600 * kKiB, 100},
    {"", "3", "5", "", 600 * kKiB, 100},
    {"", "", "rank", "", 600 * kKiB, 100},
    {"16K", "", "", kNear64Bits, 200 * kKiB, 150},
    {"16K", "", "5", "", 200 * kKiB, 100},
    {"16K", "3", "2", kNear32Bits, 200 * kKiB, 100},
    {"16K", "3", "rank", "", 200 * kKiB, 100},
    {"4096", "", "", kNear32Bits, 60 * kKiB, 150},
    {"4096", "", "rank", kNear64Bits, 60 * kKiB, 100},
    {"4096", "3", "", kNear64Bits, 60 * kKiB, 100},
    {"4096", "3", "2", "", 60 * kKiB, 100},
    {"4096", "3", "5", kNear32Bits, 60 * kKiB, 100},
};

std::string name_of(const Row& row) {
  const std::string ring = *row.ring_bytes != '\0' ? row.ring_bytes : "auto";
  const std::string lanes = *row.lanes != '\0' ? row.lanes : "1";
  const std::string ctas = *row.max_ctas != '\0' ? row.max_ctas : "1";
  const std::string start = row.start_count == kNear32Bits   ? "_near_32_bits"
                            : row.start_count == kNear64Bits ? "_near_64_bits"
                                                             : "";
  return "ring_" + ring + "_lanes_" + lanes + "_ctas_" + ctas + start;
}

void PrintTo(const Row& row, std::ostream* stream) { *stream << name_of(row); }

std::string ctas_of(const Row& row) {
  return std::string(row.max_ctas) == "rank" ? std::to_string(world_rank() + 1) : row.max_ctas;
}

class AlltoallvSettings : public ::testing::TestWithParam<Row> {};

TEST_P(AlltoallvSettings, RandomExchangesMatchMpi) {
  const Row& row = GetParam();
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const ScopedInfo info({{"ring_bytes", row.ring_bytes},
                         {"lanes", row.lanes},
                         {"max_ctas", ctas_of(row)},
                         {"start_count", row.start_count}});
  ASSERT_EQ(MPIX_Comm_attach(comm, info), MPI_SUCCESS);
  Random random = shared_random();
  EXPECT_TRUE(exchanges_like_mpi(comm, random, row.exchanges, row.most_bytes));
}

INSTANTIATE_TEST_SUITE_P(Table, AlltoallvSettings, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return name_of(row.param); });

/// Each rank draws its own settings; those that ranks have to agree on become the smallest.
TEST(Alltoallv, SettingsMayDifferBetweenRanks) {
  Random random = shared_random();
  for (int round = 0; round < 20; ++round) {
    Random own(random() + static_cast<std::uint64_t>(world_rank()));
    const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
    const ScopedInfo info({{"ring_bytes", std::to_string(between(own, 4 * kKiB, 100 * kKiB))},
                           {"lanes", std::to_string(between(own, 1, 4))},
                           {"max_ctas", std::to_string(between(own, 1, 6))},
                           {"start_count", std::to_string(own() | ~std::uint64_t{0xffff})},
                           {"spins", one_in(own, 2) ? "0" : "1000"}});
    ASSERT_EQ(MPIX_Comm_attach(comm, info), MPI_SUCCESS);
    const ::testing::AssertionResult result = exchanges_like_mpi(comm, random, 10, 100 * kKiB);
    EXPECT_TRUE(result) << "round " << round;
    int well = result ? 1 : 0;
    MPI_Allreduce(MPI_IN_PLACE, &well, 1, MPI_INT, MPI_MIN, comm);
    if (well == 0) break;  // each more may wait as long
  }
}

TEST(Alltoallv, AttachesOnFirstUse) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  EXPECT_TRUE(exchange_like_mpi(comm, random, {}));
}

TEST(Alltoallv, SmallExchangesFollowEachOther) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  EXPECT_TRUE(exchanges_like_mpi(comm, random, 300, 200));
}

TEST(Alltoallv, InPlaceTakesBlocksFromRecvbuf) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(exchange_like_mpi(comm, random, {200 * kKiB, Entry::kInt, true}));
    EXPECT_TRUE(exchange_like_mpi(comm, random, {200 * kKiB, Entry::kCount, true}));
  }
}

/// One block of several MiB to each rank and its neighbour, of which no ring holds much.
TEST(Alltoallv, BlocksLargerThanAllRings) {
  constexpr int kDoubles = 700'001;
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const int ranks = comm.size();
  const int next = (comm.rank() + 1) % ranks;
  const int previous = (comm.rank() + ranks - 1) % ranks;
  std::vector<int> sendcounts(static_cast<std::size_t>(ranks), 0);
  std::vector<int> recvcounts = sendcounts;
  const std::vector<int> displacements = sendcounts;
  sendcounts[static_cast<std::size_t>(next)] = kDoubles;
  recvcounts[static_cast<std::size_t>(previous)] = kDoubles;
  std::vector<double> sent(kDoubles);
  for (int i = 0; i < kDoubles; ++i) sent[static_cast<std::size_t>(i)] = i + comm.rank() * 0.125;
  std::vector<double> received(kDoubles, -1);
  std::vector<double> expected(kDoubles, -1);
  MPI_Alltoallv(sent.data(), sendcounts.data(), displacements.data(), MPI_DOUBLE, expected.data(),
                recvcounts.data(), displacements.data(), MPI_DOUBLE, comm);
  EXPECT_EQ(
      MPIX_Alltoallv(sent.data(), sendcounts.data(), displacements.data(), MPI_DOUBLE,
                     received.data(), recvcounts.data(), displacements.data(), MPI_DOUBLE, comm),
      MPI_SUCCESS);
  EXPECT_EQ(received, expected);
}

/// Memory of `bytes` bytes that takes no room until it is touched; null when the system refuses.
std::byte* reserve(std::size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

/// Exchanges an int with each rank, blocks lying `stride` elements of `type` apart in `memory`.
template <class Count, class Displacement, class Call>
void exchange_far_apart(Call call, MPI_Datatype type, std::size_t type_bytes, Displacement stride,
                        Count count, std::byte* memory, MPI_Comm comm, int rank, int ranks) {
  const auto size = static_cast<std::size_t>(ranks);
  const std::vector<Count> counts(size, count);
  std::vector<Displacement> displacements(size, 0);
  displacements.back() = stride;
  for (std::size_t peer = 1; peer + 1 < size; ++peer) {
    displacements[peer] = static_cast<Displacement>(peer) * 64;
  }
  const auto word = [&](std::size_t peer) {
    return memory + static_cast<std::size_t>(displacements[peer]) * type_bytes;
  };
  std::vector<double> sent(size * 64, 0);
  std::vector<Displacement> near(size, 0);
  for (std::size_t peer = 0; peer < size; ++peer) {
    const int value = rank * 100 + static_cast<int>(peer);
    near[peer] = static_cast<Displacement>(peer * 8);
    std::memcpy(reinterpret_cast<std::byte*>(sent.data()) + peer * 8 * type_bytes, &value,
                sizeof value);
  }
  ASSERT_EQ(call(sent.data(), counts.data(), near.data(), type, memory, counts.data(),
                 displacements.data(), type, comm),
            MPI_SUCCESS);
  for (std::size_t peer = 0; peer < size; ++peer) {
    int value = -1;
    std::memcpy(&value, word(peer), sizeof value);
    EXPECT_EQ(value, static_cast<int>(peer) * 100 + rank);
  }
}

TEST(Alltoallv, DisplacementsAreNotCutTo32Bits) {
  constexpr std::size_t kGiB = std::size_t{1} << 30;
  constexpr std::size_t kBytes = 8 * kGiB + 4096;
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  std::byte* const memory = reserve(kBytes);
  int reserved = memory != nullptr ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &reserved, 1, MPI_INT, MPI_MIN, comm);
  if (reserved != 0) {
    // In bytes 8 GiB: more than an int holds, of elements or, for chars, of displacement.
    exchange_far_apart<int, int>(MPIX_Alltoallv, MPI_DOUBLE, 8, 1 << 30, 1, memory, comm,
                                 comm.rank(), comm.size());
    exchange_far_apart<MPI_Count, MPI_Aint>(MPIX_Alltoallv_c, MPI_CHAR, 1,
                                            static_cast<MPI_Aint>(8 * kGiB), 4, memory, comm,
                                            comm.rank(), comm.size());
  }
  if (memory != nullptr) munmap(memory, kBytes);
  if (reserved == 0) GTEST_SKIP() << "the system does not reserve 8 GiB of address space";
}

}  // namespace
}  // namespace causeway::test
