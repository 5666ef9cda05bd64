// Random exchanges that are made many times, in every way that the device takes them.
#include "repeated.hpp"

#include "call.hpp"

#include <utility>

namespace causeway::test {

namespace {

int rank_in(MPI_Comm comm) {
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  return rank;
}

int size_of(MPI_Comm comm) {
  int size = 0;
  MPI_Comm_size(comm, &size);
  return size;
}

std::vector<int> column(const Matrix& units, int rank) {
  std::vector<int> found;
  for (const std::vector<int>& row : units) found.push_back(row[static_cast<std::size_t>(rank)]);
  return found;
}

/// A side's displacements, those of nothing spoilt.
std::vector<int> spoilt(Side& side, Random& random) {
  const std::vector<int> good = side.displacements;
  side.spoil_displacements_of_nothing(random);
  return std::exchange(side.displacements, good);
}

}  // namespace

DeviceMemory::Of random_memory(Random& random) {
  return one_in(random, 2)   ? DeviceMemory::Of::kMpix
         : one_in(random, 2) ? DeviceMemory::Of::kDevice
                             : DeviceMemory::Of::kPool;
}

Repeated::Repeated(MPI_Comm comm, Random& random, std::uint64_t most_bytes)
    : Repeated(comm, random, random_unit(random), most_bytes) {}

Repeated::Repeated(MPI_Comm comm, Random& random, const Unit& unit, std::uint64_t most_bytes)
    : Repeated(comm, random, unit,
               random_matrix(random, size_of(comm), static_cast<int>(most_bytes / unit.bytes()),
                             false)) {}

Repeated::Repeated(MPI_Comm comm, Random& random, const Unit& unit, const Matrix& units)
    : comm_(comm),
      own_(random() + static_cast<std::uint64_t>(rank_in(comm))),
      send_(unit, units[static_cast<std::size_t>(rank_in(comm))], Placement::kMayOverlap, own_,
            Types::kAny),
      receive_(unit, column(units, rank_in(comm)), Placement::kApart, own_, Types::kAny),
      sdispls_(spoilt(send_, own_)),
      rdispls_(spoilt(receive_, own_)),
      sent_(comm, random_memory(own_), send_.memory.size()),
      own_received_(comm, random_memory(own_), receive_.memory.size()),
      received_(own_received_.data()) {}

Repeated::~Repeated() {
  if (plan_ != MPIX_PLAN_NULL) MPIX_Plan_free(&plan_);
}

int Repeated::plan() {
  const ScopedType sendtype = ScopedType::dup(send_.element.type);
  const ScopedType recvtype = ScopedType::dup(receive_.element.type);
  if (one_in(own_, 2)) {
    const std::vector<int> sendcounts = send_.counts;
    const std::vector<int> sdispls = sdispls_;
    const std::vector<int> recvcounts = receive_.counts;
    const std::vector<int> rdispls = rdispls_;
    return MPIX_Alltoallv_plan(send_buffer(), sendcounts.data(), sdispls.data(), sendtype,
                               receive_buffer(), recvcounts.data(), rdispls.data(), recvtype, comm_,
                               MPI_INFO_NULL, &plan_);
  }
  const std::vector<MPI_Count> sendcounts(send_.counts.begin(), send_.counts.end());
  const std::vector<MPI_Aint> sdispls(sdispls_.begin(), sdispls_.end());
  const std::vector<MPI_Count> recvcounts(receive_.counts.begin(), receive_.counts.end());
  const std::vector<MPI_Aint> rdispls(rdispls_.begin(), rdispls_.end());
  return MPIX_Alltoallv_plan_c(send_buffer(), sendcounts.data(), sdispls.data(), sendtype,
                               receive_buffer(), recvcounts.data(), rdispls.data(), recvtype, comm_,
                               MPI_INFO_NULL, &plan_);
}

int Repeated::free_plan() { return MPIX_Plan_free(&plan_); }

void Repeated::change() {
  fill(send_.memory, own_);
  fill(receive_.memory, own_);
  copy_bytes(sent_.data(), send_.memory.data(), send_.memory.size());
  copy_bytes(received_, receive_.memory.data(), receive_.memory.size());
}

int Repeated::make(By by, void* stream) {
  switch (by) {
    case By::kPlan:
      return MPIX_Plan_start(plan_, stream);
    case By::kStream:
      return MPIX_Alltoallv_on_stream(send_buffer(), send_.counts.data(), sdispls_.data(),
                                      send_.element.type, receive_buffer(), receive_.counts.data(),
                                      rdispls_.data(), receive_.element.type, comm_, stream);
    default:
      return MPIX_Alltoallv(send_buffer(), send_.counts.data(), sdispls_.data(), send_.element.type,
                            receive_buffer(), receive_.counts.data(), rdispls_.data(),
                            receive_.element.type, comm_);
  }
}

int Repeated::begin(MPI_Request* request) {
  return MPIX_Ialltoallv(send_buffer(), send_.counts.data(), sdispls_.data(), send_.element.type,
                         receive_buffer(), receive_.counts.data(), rdispls_.data(),
                         receive_.element.type, comm_, request);
}

::testing::AssertionResult Repeated::is_like_mpi() {
  MPI_Alltoallv(send_.buffer(), send_.counts.data(), send_.displacements.data(), send_.element.type,
                receive_.buffer(), receive_.counts.data(), receive_.displacements.data(),
                receive_.element.type, comm_);
  std::vector<std::byte> found(receive_.memory.size());
  copy_bytes(found.data(), received_, found.size());
  if (found == receive_.memory) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "on rank " << rank_in(comm_) << ": " << receive_.first_difference(found);
}

::testing::AssertionResult Repeated::run(By by, const DeviceStream& stream) {
  change();
  const int code = make(by, stream.get());
  stream.wait();
  const ::testing::AssertionResult same = is_like_mpi();
  if (code == MPI_SUCCESS) return same;
  return ::testing::AssertionFailure() << sentence(code);
}

}  // namespace causeway::test
