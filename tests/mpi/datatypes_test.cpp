// Derived datatypes: whatever MPI_Alltoallv makes of them, MPIX_Alltoallv does too.
#include "call.hpp"
#include "gpu_memory.hpp"
#include "made_types.hpp"
#include "scoped_mpi.hpp"
#include "type_shapes.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace causeway::test {
namespace {

/// A type that shapes are made of.
struct Base {
  const char* name;
  MPI_Datatype type;
};

const Base kBases[] = {
    {"char", MPI_CHAR},     {"short", MPI_SHORT},           {"int", MPI_INT},
    {"double", MPI_DOUBLE}, {"double_int", MPI_DOUBLE_INT}, {"complex", MPI_CXX_DOUBLE_COMPLEX},
};

/// One side's blocks of elements of a type, and memory that holds them, of arbitrary content.
struct Elements {
  Elements(MPI_Datatype of, std::vector<int> of_each, Random& random)
      : type(of), counts(std::move(of_each)) {
    const auto [lower, span] = true_extent_of(type);
    int next = static_cast<int>(between(random, 0, 3)) - 1;
    for (const int count : counts) {
      displacements.push_back(next);
      next += count + static_cast<int>(between(random, 0, 1));
    }
    const MPI_Aint low = std::min<MPI_Aint>(0, lower) - extent_of(type);
    const MPI_Aint high = next * extent_of(type) + std::max<MPI_Aint>(0, lower) + span;
    origin = static_cast<std::size_t>(between(random, 0, 40) - static_cast<std::uint64_t>(low));
    memory.resize(origin + static_cast<std::size_t>(high) + 40);
    for (std::byte& byte : memory) byte = static_cast<std::byte>(random());
  }

  std::byte* buffer() { return memory.data() + origin; }

  MPI_Datatype type;
  std::vector<int> counts;
  std::vector<int> displacements;
  std::vector<std::byte> memory;
  std::size_t origin;
};

/// Collective: passes when both calls leave the same memory. Ranks may have different types of one
/// signature.
::testing::AssertionResult exchange_elements(Elements& send, Elements& receive, bool in_place,
                                             MPI_Comm comm, Random& own) {
  Elements expected = receive;
  Elements source = in_place ? receive : send;
  MPI_Alltoallv(source.buffer(), source.counts.data(), source.displacements.data(), source.type,
                expected.buffer(), expected.counts.data(), expected.displacements.data(),
                expected.type, comm);
  int code = MPI_SUCCESS;
  {
    const OnGpu gpu_send(send.memory, on_gpus() && !one_in(own, 4));
    const OnGpu gpu_receive(receive.memory, on_gpus() && !one_in(own, 4));
    const void* const sendbuf = in_place ? MPI_IN_PLACE : gpu_send.at(send.buffer());
    code = MPIX_Alltoallv(sendbuf, send.counts.data(), send.displacements.data(), send.type,
                          gpu_receive.at(receive.buffer()), receive.counts.data(),
                          receive.displacements.data(), receive.type, comm);
  }
  if (code != MPI_SUCCESS) return ::testing::AssertionFailure() << sentence(code);
  const auto [left, right] = std::ranges::mismatch(receive.memory, expected.memory);
  if (left == receive.memory.end()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << (in_place ? "in place: " : "") << "byte " << left - receive.memory.begin() << " of "
         << receive.memory.size() << " is " << static_cast<int>(*left) << " and not "
         << static_cast<int>(*right);
}

using Parameters = std::tuple<std::size_t, std::size_t>;  // of shapes() and kBases

class Datatypes : public ::testing::TestWithParam<Parameters> {};

std::string name_of(const ::testing::TestParamInfo<Parameters>& parameters) {
  const auto& [shape, base] = parameters.param;
  return std::string(shapes()[shape].name) + "_of_" + kBases[base].name;
}

/// How many elements ranks send each other: equal on all ranks, counts[from][to].
std::vector<std::vector<int>> random_counts(Random& random, int most) {
  const auto ranks = static_cast<std::size_t>(world_size());
  std::vector<std::vector<int>> counts(ranks, std::vector<int>(ranks));
  for (std::vector<int>& row : counts) {
    for (int& count : row) {
      count = one_in(random, 4)
                  ? 0
                  : static_cast<int>(between(random, 1, static_cast<std::uint64_t>(most)));
    }
  }
  return counts;
}

std::vector<int> column_of(const std::vector<std::vector<int>>& matrix, std::size_t column) {
  std::vector<int> result;
  for (const auto& row : matrix) result.push_back(row[column]);
  return result;
}

TEST_P(Datatypes, MatchMpi) {
  const Shape& shape = shapes()[std::get<0>(GetParam())];
  const Base& base = kBases[std::get<1>(GetParam())];
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  Random own(random() + static_cast<std::uint64_t>(world_rank()));
  const ScopedType type = shape.make(base.type);
  const auto self = static_cast<std::size_t>(world_rank());
  int elements = 0;  // of the base in one of the type
  MPI_Count size = 0;
  MPI_Count base_size = 0;
  MPI_Type_size_x(type, &size);
  MPI_Type_size_x(base.type, &base_size);
  elements = static_cast<int>(size / base_size);
  for (int round = 0; round < 3; ++round) {
    const auto counts = random_counts(random, 4);
    const bool in_place = round == 1;
    // In place a pair of ranks sends each other as much.
    std::vector<int> sent = counts[self];
    std::vector<int> received = column_of(counts, self);
    if (in_place) {
      for (std::size_t peer = 0; peer < sent.size(); ++peer) {
        received[peer] = counts[std::min(self, peer)][std::max(self, peer)];
      }
    }
    // The last round: one side has the type, and the other its signature. Where that is empty, Open
    // MPI's own call would wait for messages that nobody sends.
    const bool mixed = round == 2 && elements != 0;
    const bool plain_send = mixed && world_rank() % 2 == 0;
    const bool plain_receive = mixed && world_rank() % 2 == 1;
    if (plain_send) std::ranges::for_each(sent, [&](int& count) { count *= elements; });
    if (plain_receive) std::ranges::for_each(received, [&](int& count) { count *= elements; });
    Elements send(plain_send ? base.type : static_cast<MPI_Datatype>(type), sent, own);
    Elements receive(plain_receive ? base.type : static_cast<MPI_Datatype>(type), received, own);
    EXPECT_TRUE(exchange_elements(send, receive, in_place, comm, own)) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(, Datatypes,
                         ::testing::Combine(::testing::Range(std::size_t{0}, shapes().size()),
                                            ::testing::Range(std::size_t{0}, std::size(kBases))),
                         name_of);

/// A type is taken apart anew when it is another one, though MPI may give it the handle of the
/// last.
TEST(DatatypesInTurn, EachIsItself) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  Random own(random() + static_cast<std::uint64_t>(world_rank()));
  const std::vector<int> counts(static_cast<std::size_t>(world_size()), 2);
  for (int i = 1; i < 50; ++i) {
    const ScopedType type = vector(MPI_INT, i, 1 + i % 3, 4 + i % 5);
    Elements send(type, counts, own);
    Elements receive(type, counts, own);
    ASSERT_TRUE(exchange_elements(send, receive, false, comm, own)) << i;
  }
}

TEST(DatatypesInTurn, AsManyAsThereMayBeAndThenOthers) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_SELF);
  const int one = 1;
  const int zero = 0;
  const auto exchanges = [&](MPI_Datatype type) {
    const int sent[] = {1, 2, 3};
    int received[] = {0, 0, 0};
    const int code = MPIX_Alltoallv(sent, &one, &zero, type, received, &one, &zero, type, comm);
    return code == MPI_SUCCESS && received[0] == 1 && received[1] == 0 && received[2] == 3;
  };
  for (int round = 0; round < 2; ++round) {
    std::vector<ScopedType> types;
    for (int i = 0; i < 1023; ++i) {
      types.push_back(vector(MPI_INT, 2, 1, 2));
      ASSERT_TRUE(exchanges(types.back())) << round << ", " << i;
    }
  }
}

/// Each pair of ranks has a datatype of its own, and of some blocks none.
TEST(DatatypesInTurn, OneForEachBlock) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  Random own(random() + static_cast<std::uint64_t>(world_rank()));
  const auto ranks = static_cast<std::size_t>(world_size());
  for (int round = 0; round < 20; ++round) {
    std::vector<ScopedType> types;
    std::vector<MPI_Datatype> of_peer;
    std::vector<int> counts;
    std::vector<int> displacements;
    int bytes = 0;
    for (std::size_t peer = 0; peer < ranks; ++peer) {
      // What both of a pair draw is the same.
      const std::size_t low = std::min(peer, static_cast<std::size_t>(world_rank()));
      const std::size_t high = std::max(peer, static_cast<std::size_t>(world_rank()));
      Random pair(seed() + 1000 * static_cast<std::uint64_t>(round) + 31 * low + high);
      const Shape& shape = shapes()[between(pair, 0, shapes().size() - 1)];
      types.push_back(shape.make(MPI_INT));
      const bool empty = one_in(pair, 4);
      counts.push_back(empty ? 0 : static_cast<int>(between(pair, 1, 3)));
      of_peer.push_back(empty ? MPI_DATATYPE_NULL : static_cast<MPI_Datatype>(types.back()));
      // Room for negative bounds, and for what follows.
      displacements.push_back(bytes + 2000);
      const auto [lower, span] = true_extent_of(types.back());
      bytes += 2000 + static_cast<int>(lower + span + 3 * std::abs(extent_of(types.back()))) + 2000;
    }
    const auto all = static_cast<std::size_t>(bytes) + 4000;
    std::vector<std::byte> sent(all);
    std::vector<std::byte> received(all);
    for (std::byte& byte : sent) byte = static_cast<std::byte>(own());
    for (std::byte& byte : received) byte = static_cast<std::byte>(own());
    std::vector<std::byte> expected = received;
    // Not by MPI_Alltoallw, with which Open MPI 4.1 mistakes bytes for extents where there is one
    // rank.
    std::vector<MPI_Request> requests;
    for (std::size_t peer = 0; peer < ranks; ++peer) {
      if (counts[peer] == 0) continue;
      const auto rank = static_cast<int>(peer);
      requests.resize(requests.size() + 2);
      MPI_Irecv(expected.data() + displacements[peer], counts[peer], of_peer[peer], rank, 0, comm,
                &requests[requests.size() - 2]);
      MPI_Isend(sent.data() + displacements[peer], counts[peer], of_peer[peer], rank, 0, comm,
                &requests.back());
    }
    MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
    int code = MPI_SUCCESS;
    {
      const OnGpu gpu_send(sent, on_gpus() && !one_in(own, 4));
      const OnGpu gpu_receive(received, on_gpus() && !one_in(own, 4));
      code = MPIX_Alltoallw(gpu_send.at(sent.data()), counts.data(), displacements.data(),
                            of_peer.data(), gpu_receive.at(received.data()), counts.data(),
                            displacements.data(), of_peer.data(), comm);
    }
    ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
    ASSERT_TRUE(received == expected) << "round " << round;
  }
}

/// Addresses that count from MPI_BOTTOM.
TEST(DatatypesInTurn, AbsoluteAddresses) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const int ranks = world_size();
  std::vector<int> memory(2 * static_cast<std::size_t>(ranks), world_rank());
  const std::vector<int> ones(static_cast<std::size_t>(ranks), 1);
  const std::vector<int> zeros(static_cast<std::size_t>(ranks), 0);
  // The same int for all; and all of theirs, one behind the other.
  MPI_Aint address = 0;
  MPI_Get_address(memory.data(), &address);
  const ScopedType here = structure({1}, {address}, {MPI_INT});
  std::vector<int> at(static_cast<std::size_t>(ranks));
  for (int i = 0; i < ranks; ++i) at[static_cast<std::size_t>(i)] = i;
  int* const received = memory.data() + ranks;
  const int code = MPIX_Alltoallv(MPI_BOTTOM, ones.data(), zeros.data(), here, received,
                                  ones.data(), at.data(), MPI_INT, comm);
  EXPECT_EQ(code, MPI_SUCCESS) << sentence(code);
  for (int i = 0; i < ranks; ++i) EXPECT_EQ(received[i], i);
}

/// Of numbers that memory cannot have, whatever MPI makes of them.
TEST(DatatypesTooLarge, AreRefused) {
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  const auto ranks = static_cast<std::size_t>(world_size());
  const std::vector<int> ones(ranks, 1);
  const std::vector<int> zeros(ranks, 0);
  constexpr int kMany = 2147483647;
  constexpr MPI_Aint kFar = MPI_Aint{1} << 62;
  const auto many = [](MPI_Datatype of) { return made_by(MPI_Type_contiguous, kMany, of); };
  const ScopedType pairs = vector(MPI_DOUBLE, 2, 1, 2);
  const int lengths[] = {1, 1, 1};
  const MPI_Aint far_apart[] = {kFar, -kFar, 0};
  std::vector<ScopedType> types;
  types.push_back(many(many(made_by(MPI_Type_contiguous, 5, MPI_INT))));
  types.push_back(hvector(MPI_DOUBLE, 4, 1, kFar));
  types.push_back(hvector(pairs, 4, 3, -kFar));
  types.push_back(made_by(MPI_Type_create_hindexed, 3, lengths, far_apart, MPI_DOUBLE));
  types.push_back(vector(resized(pairs, 0, kFar), 3, 2, kMany));
  for (std::size_t i = 0; i < types.size(); ++i) {
    double number = 0;
    EXPECT_TRUE(is_error(
        MPIX_Alltoallv(&number, ones.data(), zeros.data(), types[i], &number, zeros.data(),
                       zeros.data(), MPI_DOUBLE, comm),
        MPI_ERR_TYPE,
        {"sendtype", "on rank " + std::to_string(world_rank()), "e+1", "more than memory holds"}))
        << i;
  }
}

}  // namespace
}  // namespace causeway::test
