// Exchanges between neighbours in all their forms, against sends and receives of MPI's with a tag
// for each edge.
#include "blocks.hpp"
#include "call.hpp"
#include "gpu_memory.hpp"
#include "made_types.hpp"
#include "neighborhood.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

enum class Form { kV, kVc, kW, kWc, kBottom, kStream, kStreamC, kBegun, kBegunC, kPlan, kPlanC };
constexpr Form kForms[] = {Form::kV,      Form::kVc,     Form::kW,       Form::kWc,
                           Form::kBottom, Form::kStream, Form::kStreamC, Form::kBegun,
                           Form::kBegunC, Form::kPlan,   Form::kPlanC};
constexpr const char* kNames[] = {"v",        "v_c",   "w",       "w_c",  "bottom", "stream",
                                  "stream_c", "begun", "begun_c", "plan", "plan_c"};

/// A rank's blocks, each with a datatype, and the memory that they lie in.
struct Blocks {
  /// For all of them one type, or each one of its own.
  Blocks(const Unit& unit, const std::vector<int>& units, Placement placement, bool typed,
         Random& random) {
    if (typed) {
      place_typed(unit, units, random);
      return;
    }
    const Side side(unit, units, placement, random, Types::kAny);
    for (std::size_t i = 0; i < units.size(); ++i) {
      types.push_back(side.element.type);
      displacements.push_back(side.displacements[i] * extent_of(side.element.type));
    }
    owners.push_back(side.element);
    counts = side.counts;
    places = side.displacements;
    memory = side.memory;
    origin = side.origin;
  }

  std::byte* buffer() { return memory.data() + origin; }

  std::vector<MPI_Datatype> types;
  std::vector<int> counts;
  std::vector<MPI_Aint> displacements;  ///< in bytes
  std::vector<int> places;              ///< in extents, where there is one type
  std::vector<std::byte> memory;
  std::size_t origin = 0;

 private:
  void place_typed(const Unit& unit, const std::vector<int>& units, Random& random) {
    std::size_t end = 0;
    for (const int some : units) {
      const Element element = random_element(unit, Types::kAny, random);
      end += between(random, 0, 40);
      types.push_back(element.type);
      counts.push_back(some * element.per_unit);
      displacements.push_back(static_cast<MPI_Aint>(end));
      end += static_cast<std::size_t>(counts.back()) * element.bytes;
      owners.push_back(element);
    }
    memory.resize(end + 40);
    fill(memory, random);
  }

  std::vector<Element> owners;
};

/// The exchange by MPI_Isend and MPI_Irecv.
void exchange_by_tags(const Neighborhood& around, Blocks& send, Blocks& receive) {
  std::vector<MPI_Request> requests;
  for (std::size_t i = 0; i < around.sources.size(); ++i) {
    MPI_Irecv(receive.buffer() + receive.displacements[i], receive.counts[i], receive.types[i],
              around.sources[i], around.receive_tags[i], around.comm, &requests.emplace_back());
  }
  for (std::size_t i = 0; i < around.targets.size(); ++i) {
    MPI_Isend(send.buffer() + send.displacements[i], send.counts[i], send.types[i],
              around.targets[i], around.send_tags[i], around.comm, &requests.emplace_back());
  }
  MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

template <class T, class From>
std::vector<T> widened(const std::vector<From>& array) {
  return {array.begin(), array.end()};
}

/// The type that blocks have in common; any where there are none.
MPI_Datatype type_of(const Blocks& blocks) {
  return blocks.types.empty() ? MPI_INT : blocks.types.front();
}

/// A plan that is started twice.
int run_plan(int made, MPIX_Plan plan, void* stream) {
  if (made != MPI_SUCCESS) return made;
  for (int i = 0; i < 2; ++i) {
    const int started = MPIX_Plan_start(plan, stream);
    if (started != MPI_SUCCESS) return started;
  }
  return MPIX_Plan_free(&plan);
}

int call_mpix(Form form, const void* sendbuf, const Blocks& send, void* recvbuf,
              const Blocks& receive, void* stream, MPI_Comm comm) {
  const auto sendcounts = widened<MPI_Count>(send.counts);
  const auto recvcounts = widened<MPI_Count>(receive.counts);
  const auto sdispls = widened<MPI_Aint>(send.places);
  const auto rdispls = widened<MPI_Aint>(receive.places);
  const MPI_Datatype sendtype = type_of(send);
  const MPI_Datatype recvtype = type_of(receive);
  MPI_Request request = MPI_REQUEST_NULL;
  MPIX_Plan plan = MPIX_PLAN_NULL;
  int code = MPI_SUCCESS;
  switch (form) {
    case Form::kV:
      return MPIX_Neighbor_alltoallv(sendbuf, send.counts.data(), send.places.data(), sendtype,
                                     recvbuf, receive.counts.data(), receive.places.data(),
                                     recvtype, comm);
    case Form::kVc:
      return MPIX_Neighbor_alltoallv_c(sendbuf, sendcounts.data(), sdispls.data(), sendtype,
                                       recvbuf, recvcounts.data(), rdispls.data(), recvtype, comm);
    case Form::kW:
    case Form::kBottom:
      return MPIX_Neighbor_alltoallw(sendbuf, send.counts.data(), send.displacements.data(),
                                     send.types.data(), recvbuf, receive.counts.data(),
                                     receive.displacements.data(), receive.types.data(), comm);
    case Form::kWc:
      return MPIX_Neighbor_alltoallw_c(sendbuf, sendcounts.data(), send.displacements.data(),
                                       send.types.data(), recvbuf, recvcounts.data(),
                                       receive.displacements.data(), receive.types.data(), comm);
    case Form::kStream:
      return MPIX_Neighbor_alltoallv_on_stream(sendbuf, send.counts.data(), send.places.data(),
                                               sendtype, recvbuf, receive.counts.data(),
                                               receive.places.data(), recvtype, comm, stream);
    case Form::kStreamC:
      return MPIX_Neighbor_alltoallv_on_stream_c(sendbuf, sendcounts.data(), sdispls.data(),
                                                 sendtype, recvbuf, recvcounts.data(),
                                                 rdispls.data(), recvtype, comm, stream);
    case Form::kBegun:
      code = MPIX_Ineighbor_alltoallv(sendbuf, send.counts.data(), send.places.data(), sendtype,
                                      recvbuf, receive.counts.data(), receive.places.data(),
                                      recvtype, comm, &request);
      return code == MPI_SUCCESS ? MPI_Wait(&request, MPI_STATUS_IGNORE) : code;
    case Form::kBegunC:
      code =
          MPIX_Ineighbor_alltoallv_c(sendbuf, sendcounts.data(), sdispls.data(), sendtype, recvbuf,
                                     recvcounts.data(), rdispls.data(), recvtype, comm, &request);
      return code == MPI_SUCCESS ? MPI_Wait(&request, MPI_STATUS_IGNORE) : code;
    case Form::kPlan:
      code = MPIX_Neighbor_alltoallv_plan(sendbuf, send.counts.data(), send.places.data(), sendtype,
                                          recvbuf, receive.counts.data(), receive.places.data(),
                                          recvtype, comm, MPI_INFO_NULL, &plan);
      return run_plan(code, plan, stream);
    default:
      code = MPIX_Neighbor_alltoallv_plan_c(sendbuf, sendcounts.data(), sdispls.data(), sendtype,
                                            recvbuf, recvcounts.data(), rdispls.data(), recvtype,
                                            comm, MPI_INFO_NULL, &plan);
      return run_plan(code, plan, stream);
  }
}

/// Offsets from a buffer as addresses.
void count_from_bottom(Blocks& blocks) {
  MPI_Aint base = 0;
  MPI_Get_address(blocks.buffer(), &base);
  for (MPI_Aint& displacement : blocks.displacements) displacement += base;
}

/// Collective: one random exchange, by MPI too. `random` is equal on all ranks.
::testing::AssertionResult exchange_like_mpi(const Neighborhood& around, Random& random, Form form,
                                             std::uint64_t most_bytes) {
  const Unit unit = random_unit(random);
  const std::uint64_t number = random();
  const std::uint64_t emptiness = between(random, 1, 4);
  const int rank = around.comm.rank();
  const auto units_of = [&](int from, int to, int tag) {
    Random of_edge(number +
                   static_cast<std::uint64_t>((from + 2) * 100'000 + (to + 2) * 1000 + tag));
    const std::uint64_t units = log_uniform(of_edge, most_bytes / unit.bytes());
    return one_in(of_edge, 5 - emptiness) ? static_cast<int>(units) : 0;
  };
  std::vector<int> outgoing;
  std::vector<int> incoming;
  for (std::size_t i = 0; i < around.targets.size(); ++i) {
    outgoing.push_back(units_of(rank, around.targets[i], around.send_tags[i]));
  }
  for (std::size_t i = 0; i < around.sources.size(); ++i) {
    incoming.push_back(units_of(around.sources[i], rank, around.receive_tags[i]));
  }
  Random own(random() + static_cast<std::uint64_t>(rank));
  const bool typed = form == Form::kW || form == Form::kWc || form == Form::kBottom;
  Blocks send(unit, outgoing, Placement::kMayOverlap, typed, own);
  Blocks receive(unit, incoming, Placement::kApart, typed, own);
  Blocks expected = receive;
  exchange_by_tags(around, send, expected);
  const bool everywhere = form != Form::kBottom && on_gpus();
  const bool always = form >= Form::kStream;
  int code = MPI_SUCCESS;
  {
    const OnGpu gpu_send(send.memory, everywhere && (always || !one_in(own, 4)));
    const OnGpu gpu_receive(receive.memory, everywhere && (always || !one_in(own, 4)));
    const DeviceStream stream;
    const void* sendbuf = gpu_send.at(send.buffer());
    void* recvbuf = gpu_receive.at(receive.buffer());
    if (form == Form::kBottom) {
      count_from_bottom(send);
      count_from_bottom(receive);
      sendbuf = MPI_BOTTOM;
      recvbuf = MPI_BOTTOM;
    }
    code = call_mpix(form, sendbuf, send, recvbuf, receive, stream.get(), around.comm);
    stream.wait();
  }
  if (code != MPI_SUCCESS) return ::testing::AssertionFailure() << sentence(code);
  if (receive.memory == expected.memory) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "wrong bytes on rank " << rank;
}

class NeighborForms : public ::testing::TestWithParam<Form> {
 protected:
  void exchange_some(const Neighborhood& around, Random& random, int times) {
    for (int i = 0; i < times; ++i) {
      EXPECT_TRUE(exchange_like_mpi(around, random, GetParam(), 60'000))
          << around.name << ", exchange " << i;
    }
    EXPECT_TRUE(works(around.comm)) << around.name;
  }
};

TEST_P(NeighborForms, OfGraphsWithEdgesSeveralTimes) {
  Random random = shared_random();
  for (int i = 0; i < 3; ++i) exchange_some(random_graph(random), random, 4);
}

TEST_P(NeighborForms, OfGraphsOfOldKind) {
  Random random = shared_random();
  exchange_some(random_old_graph(random), random, 4);
}

TEST_P(NeighborForms, OfGraphsWhoseEdgesOthersNamed) {
  Random random = shared_random();
  exchange_some(random_graph_of_others(random), random, 4);
}

TEST_P(NeighborForms, OfGrids) {
  Random random = shared_random();
  const int ranks = world_size();
  std::vector<std::vector<int>> shapes = {{ranks}, {1, ranks}, {ranks, 1}};
  for (const int dimensions : {2, 3}) {
    std::vector<int> shape(static_cast<std::size_t>(dimensions), 0);
    MPI_Dims_create(ranks, dimensions, shape.data());
    shapes.push_back(shape);
  }
  for (const std::vector<int>& shape : shapes) {
    std::vector<int> periods(shape.size(), 1);
    exchange_some(grid(shape, periods), random, 1);
    for (int& period : periods) period = one_in(random, 2) ? 1 : 0;
    exchange_some(grid(shape, periods), random, 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, NeighborForms, ::testing::ValuesIn(kForms), [](const auto& form) {
  return std::string(kNames[static_cast<int>(form.param)]);
});

TEST(Neighbor, FormsFollowEachOther) {
  Random random = shared_random();
  const Neighborhood around = random_graph(random);
  for (int i = 0; i < 60; ++i) {
    const Form form = kForms[between(random, 0, std::size(kForms) - 1)];
    ASSERT_TRUE(exchange_like_mpi(around, random, form, 3000)) << "exchange " << i;
  }
}

TEST(Neighbor, SmallRingsAndWaysToSendMuch) {
  Random random = shared_random();
  const Neighborhood around = random_graph(random);
  const ScopedInfo info({{"ring_bytes", "4096"}, {"lanes", "2"}, {"max_ctas", "2"}});
  ASSERT_EQ(MPIX_Comm_attach(around.comm, info), MPI_SUCCESS);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(exchange_like_mpi(around, random, Form::kV, 100'000)) << "exchange " << i;
  }
}

/// A rank that has itself alone for a neighbour comes to an end whatever others do.
TEST(Neighbor, RanksWithoutAnEdgeDoNotWaitForEachOther) {
  const int rank = world_rank();
  MPI_Comm made = MPI_COMM_NULL;
  MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, &rank, MPI_UNWEIGHTED, 1, &rank, MPI_UNWEIGHTED,
                                 MPI_INFO_NULL, 0, &made);
  const ScopedComm comm(made);
  ASSERT_EQ(MPIX_Comm_attach(comm, MPI_INFO_NULL), MPI_SUCCESS);
  const int count = 1;
  const int place = 0;
  for (int turn = 0; turn < world_size(); ++turn) {
    if (turn == rank) {
      for (int i = 0; i < 3; ++i) {
        const int sent = rank * 10 + i;
        int received = -1;
        EXPECT_EQ(MPIX_Neighbor_alltoallv(&sent, &count, &place, MPI_INT, &received, &count, &place,
                                          MPI_INT, comm),
                  MPI_SUCCESS);
        EXPECT_EQ(received, sent);
      }
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
}

}  // namespace
}  // namespace causeway::test
