// Random exchanges, each done by MPIX_Alltoallv and by MPI and compared.
#include "traffic.hpp"

#include "blocks.hpp"
#include "gpu_memory.hpp"

#include <causeway/mpix.h>

#include <algorithm>

namespace causeway::test {

namespace {

enum class Kind { kAllSizes, kFew, kOne, kEqual, kNothing };

Kind random_kind(Random& random) {
  const std::uint64_t draw = between(random, 0, 99);
  return draw < 50   ? Kind::kAllSizes
         : draw < 70 ? Kind::kFew
         : draw < 82 ? Kind::kOne
         : draw < 94 ? Kind::kEqual
                     : Kind::kNothing;
}

/// The call under test, with the caller's arrays as they are or widened. In place, the send
/// arguments are such that whoever looked at them would fail.
int call_mpix(const Side& send, const void* outgoing, const Side& receive, void* recvbuf,
              const Traffic& traffic, MPI_Comm comm) {
  const void* const sendbuf = traffic.in_place ? MPI_IN_PLACE : outgoing;
  if (traffic.entry == Entry::kInt && traffic.in_place) {
    return MPIX_Alltoallv(sendbuf, nullptr, nullptr, MPI_DATATYPE_NULL, recvbuf,
                          receive.counts.data(), receive.displacements.data(), receive.element.type,
                          comm);
  }
  if (traffic.entry == Entry::kInt) {
    return MPIX_Alltoallv(sendbuf, send.counts.data(), send.displacements.data(), send.element.type,
                          recvbuf, receive.counts.data(), receive.displacements.data(),
                          receive.element.type, comm);
  }
  const std::vector<MPI_Count> sendcounts(send.counts.begin(), send.counts.end());
  const std::vector<MPI_Aint> sdispls(send.displacements.begin(), send.displacements.end());
  const std::vector<MPI_Count> recvcounts(receive.counts.begin(), receive.counts.end());
  const std::vector<MPI_Aint> rdispls(receive.displacements.begin(), receive.displacements.end());
  return MPIX_Alltoallv_c(sendbuf, sendcounts.data(), sdispls.data(), send.element.type, recvbuf,
                          recvcounts.data(), rdispls.data(), receive.element.type, comm);
}

std::string describe(const Traffic& traffic) {
  return std::string(traffic.entry == Entry::kInt ? "MPIX_Alltoallv" : "MPIX_Alltoallv_c") +
         (traffic.in_place ? " in place" : "");
}

}  // namespace

Matrix random_matrix(Random& random, int ranks, int most_units, bool symmetric) {
  const auto size = static_cast<std::size_t>(ranks);
  const auto most = static_cast<std::uint64_t>(most_units);
  Matrix units(size, std::vector<int>(size, 0));
  const Kind kind = random_kind(random);
  const std::uint64_t equal = log_uniform(random, most);
  for (std::vector<int>& row : units) {
    for (int& count : row) {
      const bool sends = kind == Kind::kAllSizes || (kind == Kind::kFew && one_in(random, 4));
      if (sends) count = static_cast<int>(log_uniform(random, most));
      if (kind == Kind::kEqual) count = static_cast<int>(equal);
    }
  }
  if (kind == Kind::kOne) {
    units[between(random, 0, size - 1)][between(random, 0, size - 1)] = static_cast<int>(equal);
  }
  if (!symmetric) return units;
  for (std::size_t row = 0; row < size; ++row) {
    for (std::size_t column = 0; column < row; ++column) units[row][column] = units[column][row];
  }
  return units;
}

::testing::AssertionResult exchange_like_mpi(MPI_Comm comm, Random& random,
                                             const Traffic& traffic) {
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const Unit unit = random_unit(random);
  const auto most_units = static_cast<int>(traffic.most_bytes / unit.bytes());
  const Matrix units = random_matrix(random, ranks, most_units, traffic.in_place);
  // From here on each rank draws numbers of its own.
  Random own(random() + static_cast<std::uint64_t>(rank));

  const auto self = static_cast<std::size_t>(rank);
  std::vector<int> incoming;
  for (const std::vector<int>& row : units) incoming.push_back(row[self]);
  Side send(unit, units[self], Placement::kMayOverlap, own);
  Side receive(unit, incoming, Placement::kApart, own);
  Side expected = receive;
  const Side& source = traffic.in_place ? receive : send;
  Side reference = source;
  MPI_Alltoallv(reference.buffer(), reference.counts.data(), reference.displacements.data(),
                reference.element.type, expected.buffer(), expected.counts.data(),
                expected.displacements.data(), expected.element.type, comm);

  send.spoil_displacements_of_nothing(own);
  receive.spoil_displacements_of_nothing(own);
  int code = MPI_SUCCESS;
  {
    const OnGpu gpu_send(send.memory, on_gpus() && !one_in(own, 4));
    const OnGpu gpu_receive(receive.memory, on_gpus() && !one_in(own, 4));
    code = call_mpix(send, gpu_send.at(send.buffer()), receive, gpu_receive.at(receive.buffer()),
                     traffic, comm);
  }
  if (code != MPI_SUCCESS) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    return ::testing::AssertionFailure() << describe(traffic) << " returned " << text;
  }
  if (receive.memory == expected.memory) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << describe(traffic) << " on rank " << rank << " of " << ranks << ": "
         << expected.first_difference(receive.memory);
}

::testing::AssertionResult exchanges_like_mpi(MPI_Comm comm, Random& random, int times,
                                              std::uint64_t most_bytes) {
  ::testing::AssertionResult result = ::testing::AssertionSuccess();
  for (int i = 0; i < times; ++i) {
    const Traffic traffic{most_bytes, one_in(random, 2) ? Entry::kInt : Entry::kCount,
                          one_in(random, 5)};
    const ::testing::AssertionResult exchanged = exchange_like_mpi(comm, random, traffic);
    if (result && !exchanged) {
      result = ::testing::AssertionFailure() << "exchange " << i << ": " << exchanged.message();
    }
  }
  return result;
}

}  // namespace causeway::test
