// MPIX_Alltoallv, MPIX_Alltoallw and MPIX_Ialltoallv in their forms: as MPI has them, _c,
// _on_stream, _on_stream_c.
#include "comm_cache.hpp"
#include "datatype.hpp"
#include "entry.hpp"
#include "request.hpp"

#include <causeway/mpix.h>
#include <gpu.hpp>

#include <new>
#include <vector>

using namespace causeway;
using namespace causeway::mpi;

namespace {

/// One side's arguments of an alltoallv, with the names that errors call them by.
template <class Count, class Displacement>
struct Side {
  const char* buffer_name;
  const void* buffer;
  const char* counts_name;
  const Count* counts;
  const char* displacements_name;
  const Displacement* displacements;
  const char* type_name;
  MPI_Datatype type;
  bool is_alltoallw = false;  ///< displacements are bytes, and each block has its own type:
  const MPI_Datatype* types = nullptr;
};

/// A block in bytes of a message and where it lies. False when that is more than memory holds.
bool to_extent(const Element& element, std::int64_t count, std::int64_t displacement,
               std::int64_t displacement_unit, Extent* extent) {
  std::int64_t bytes = 0;
  std::int64_t span = 0;
  if (__builtin_mul_overflow(count, element.bytes, &bytes) ||
      __builtin_mul_overflow(count, element.extent, &span) ||
      __builtin_mul_overflow(displacement, displacement_unit, &extent->offset) ||
      __builtin_add_overflow(extent->offset, element.first, &extent->offset)) {
    return false;
  }
  extent->bytes = static_cast<std::uint64_t>(bytes);
  extent->layout = element.layout;
  return true;
}

/// A side's blocks. The vector's memory is reused.
template <class Count, class Displacement>
Status to_extents(const Side<Count, Displacement>& side, int rank, int size,
                  std::vector<Extent>* extents) {
  Element element;
  if (!side.is_alltoallw) {
    CAUSEWAY_TRY(describe_type(side.type_name, rank, side.type, &element));
  } else if (side.types == nullptr) {
    return Status::error(ErrorKind::kArgument, "%s is NULL on rank %d", side.type_name, rank);
  }
  if (side.counts == nullptr) {
    return Status::error(ErrorKind::kArgument, "%s is NULL on rank %d", side.counts_name, rank);
  }
  extents->assign(static_cast<std::size_t>(size), Extent{0, 0});
  for (int peer = 0; peer < size; ++peer) {
    const std::int64_t count = side.counts[peer];
    if (count < 0) {
      return Status::error(ErrorKind::kCount, "%s[%d] = %lld on rank %d is negative",
                           side.counts_name, peer, static_cast<long long>(count), rank);
    }
    if (count == 0) continue;
    if (side.is_alltoallw) {
      const std::string name = std::string(side.type_name) + '[' + std::to_string(peer) + ']';
      CAUSEWAY_TRY(describe_type(name.c_str(), rank, side.types[peer], &element));
    }
    if (element.bytes == 0) continue;
    // A derived type may hold addresses that count from MPI_BOTTOM, which may be NULL.
    if (side.buffer == nullptr && element.predefined) {
      return Status::error(ErrorKind::kBuffer, "%s is NULL on rank %d, and %s[%d] = %lld",
                           side.buffer_name, rank, side.counts_name, peer,
                           static_cast<long long>(count));
    }
    if (side.displacements == nullptr) {
      return Status::error(ErrorKind::kArgument, "%s is NULL on rank %d", side.displacements_name,
                           rank);
    }
    const std::int64_t displacement = side.displacements[peer];
    if (!to_extent(element, count, displacement, side.is_alltoallw ? 1 : element.extent,
                   &(*extents)[static_cast<std::size_t>(peer)])) {
      return Status::error(ErrorKind::kCount,
                           "%s[%d] = %lld with %s[%d] = %lld on rank %d is more than memory holds",
                           side.counts_name, peer, static_cast<long long>(count),
                           side.displacements_name, peer, static_cast<long long>(displacement),
                           rank);
    }
  }
  return {};
}

/// What an exchange needs, made of the caller's arguments.
struct Blocks {
  std::vector<Extent> send;
  std::vector<Extent> receive;
};

template <class Count, class Displacement>
Status to_blocks(const Side<Count, Displacement>& send, const Side<Count, Displacement>& receive,
                 int rank, int size, Blocks* blocks) try {
  CAUSEWAY_TRY(to_extents(receive, rank, size, &blocks->receive));
  if (send.buffer == MPI_IN_PLACE) return {};
  return to_extents(send, rank, size, &blocks->send);
} catch (const std::bad_alloc&) {
  return Status::error(ErrorKind::kSystem, "out of memory for the datatypes on rank %d", rank);
}

/// How a call runs its exchange: to its end, on a stream, or in the background.
struct Way {
  enum Kind { kToItsEnd, kOnStream, kBegun } kind = kToItsEnd;
  void* stream = nullptr;
  MPI_Request* request = nullptr;
};

/// An error for a first use of a communicator that cannot set it up.
Status check_not_captured(const Way& way) {
  if (way.kind != Way::kOnStream || way.stream == nullptr || !is_capturing(way.stream)) return {};
  return {ErrorKind::kUnsupported,
          "comm is not attached and stream is being captured: call MPIX_Comm_attach before"};
}

/// An error unless the exchange can be run in this way.
Status check_way(const Way& way, const void* sendbuf, int rank) {
  if (way.kind == Way::kOnStream && sendbuf == MPI_IN_PLACE) {
    return Status::error(ErrorKind::kBuffer,
                         "sendbuf is MPI_IN_PLACE on rank %d; a stream call cannot copy it", rank);
  }
  if (way.kind != Way::kBegun) return {};
  if (way.request == nullptr) {
    return Status::error(ErrorKind::kArgument, "request is NULL on rank %d", rank);
  }
  return check_threads(rank);
}

Status run(MPI_Comm comm, const char* call, Communicator& communicator, const Buffers& buffers,
           const Way& way) {
  switch (way.kind) {
    case Way::kOnStream:
      return communicator.enqueue_alltoallv(buffers, way.stream);
    case Way::kBegun:
      return begin(comm, call, communicator, buffers, way.request);
    default:
      return communicator.alltoallv(buffers);
  }
}

/// Has the other ranks not wait for a call whose arguments are wrong.
Status decline(Communicator& communicator, const Way& way) {
  switch (way.kind) {
    case Way::kOnStream:
      return communicator.enqueue_decline(way.stream);
    case Way::kBegun:
      return begin_decline(communicator);
    default:
      return communicator.decline();
  }
}

template <class Count, class Displacement>
int alltoallv(const char* call, const Side<Count, Displacement>& send,
              const Side<Count, Displacement>& receive, MPI_Comm comm, const Way& way) {
  return enter(comm, call, [&]() -> Status {
    if (way.request != nullptr) *way.request = MPI_REQUEST_NULL;
    Communicator* communicator = find_attached(comm);
    if (communicator == nullptr) {
      CAUSEWAY_TRY(attach(comm, MPI_INFO_NULL, check_not_captured(way), &communicator));
    }
    thread_local Blocks blocks;
    const int rank = communicator->rank();
    const bool in_place = send.buffer == MPI_IN_PLACE;
    Status valid = to_blocks(send, receive, rank, communicator->size(), &blocks);
    if (valid.ok() && receive.buffer == MPI_IN_PLACE) {
      valid = Status::error(ErrorKind::kBuffer, "recvbuf is MPI_IN_PLACE on rank %d", rank);
    }
    const Status possible = check_way(way, send.buffer, rank);
    if (!possible.ok()) valid = possible;
    const Buffers buffers{send.buffer, blocks.send, const_cast<void*>(receive.buffer),
                          blocks.receive, in_place};
    if (valid.ok()) return run(comm, call, *communicator, buffers, way);
    const Status declined = decline(*communicator, way);
    return declined.kind() == ErrorKind::kFailed ? declined : valid;
  });
}

}  // namespace

int PMPIX_Alltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                    MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                    const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  return alltoallv<int, int>(
      "MPIX_Alltoallv",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {});
}
CAUSEWAY_ENTRY(Alltoallv);

int PMPIX_Alltoallv_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                      MPI_Datatype sendtype, void* recvbuf, const MPI_Count recvcounts[],
                      const MPI_Aint rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  return alltoallv<MPI_Count, MPI_Aint>(
      "MPIX_Alltoallv_c",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {});
}
CAUSEWAY_ENTRY(Alltoallv_c);

int PMPIX_Alltoallv_on_stream(const void* sendbuf, const int sendcounts[], const int sdispls[],
                              MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                              const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                              void* stream) {
  return alltoallv<int, int>(
      "MPIX_Alltoallv_on_stream",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {Way::kOnStream, stream});
}
CAUSEWAY_ENTRY(Alltoallv_on_stream);

int PMPIX_Alltoallv_on_stream_c(const void* sendbuf, const MPI_Count sendcounts[],
                                const MPI_Aint sdispls[], MPI_Datatype sendtype, void* recvbuf,
                                const MPI_Count recvcounts[], const MPI_Aint rdispls[],
                                MPI_Datatype recvtype, MPI_Comm comm, void* stream) {
  return alltoallv<MPI_Count, MPI_Aint>(
      "MPIX_Alltoallv_on_stream_c",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {Way::kOnStream, stream});
}
CAUSEWAY_ENTRY(Alltoallv_on_stream_c);

int PMPIX_Ialltoallv(const void* sendbuf, const int sendcounts[], const int sdispls[],
                     MPI_Datatype sendtype, void* recvbuf, const int recvcounts[],
                     const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                     MPI_Request* request) {
  return alltoallv<int, int>(
      "MPIX_Ialltoallv",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {Way::kBegun, nullptr, request});
}
CAUSEWAY_ENTRY(Ialltoallv);

int PMPIX_Ialltoallv_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                       MPI_Datatype sendtype, void* recvbuf, const MPI_Count recvcounts[],
                       const MPI_Aint rdispls[], MPI_Datatype recvtype, MPI_Comm comm,
                       MPI_Request* request) {
  return alltoallv<MPI_Count, MPI_Aint>(
      "MPIX_Ialltoallv_c",
      {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls, "sendtype", sendtype},
      {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls, "recvtype", recvtype},
      comm, {Way::kBegun, nullptr, request});
}
CAUSEWAY_ENTRY(Ialltoallv_c);

int PMPIX_Alltoallw(const void* sendbuf, const int sendcounts[], const int sdispls[],
                    const MPI_Datatype sendtypes[], void* recvbuf, const int recvcounts[],
                    const int rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm) {
  return alltoallv<int, int>("MPIX_Alltoallw",
                             {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls", sdispls,
                              "sendtypes", MPI_DATATYPE_NULL, true, sendtypes},
                             {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls", rdispls,
                              "recvtypes", MPI_DATATYPE_NULL, true, recvtypes},
                             comm, {});
}
CAUSEWAY_ENTRY(Alltoallw);

int PMPIX_Alltoallw_c(const void* sendbuf, const MPI_Count sendcounts[], const MPI_Aint sdispls[],
                      const MPI_Datatype sendtypes[], void* recvbuf, const MPI_Count recvcounts[],
                      const MPI_Aint rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm) {
  return alltoallv<MPI_Count, MPI_Aint>("MPIX_Alltoallw_c",
                                        {"sendbuf", sendbuf, "sendcounts", sendcounts, "sdispls",
                                         sdispls, "sendtypes", MPI_DATATYPE_NULL, true, sendtypes},
                                        {"recvbuf", recvbuf, "recvcounts", recvcounts, "rdispls",
                                         rdispls, "recvtypes", MPI_DATATYPE_NULL, true, recvtypes},
                                        comm, {});
}
CAUSEWAY_ENTRY(Alltoallw_c);
