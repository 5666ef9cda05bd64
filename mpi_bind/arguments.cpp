// The arguments of an alltoallv as blocks of bytes.
#include "arguments.hpp"

#include <cstdint>
#include <new>
#include <string>

namespace causeway::mpi {

namespace {

/// Below this no program has memory: what begins there is a buffer that was forgotten.
constexpr std::int64_t kLeastAddress = 65536;

bool is_within_memory(std::int64_t offset) {
  return offset >= -kMostOffset && offset <= kMostOffset;
}

/// A block in bytes of a message and where it lies. False when that is more than memory holds.
bool to_extent(const Element& element, std::int64_t count, std::int64_t displacement,
               std::int64_t displacement_unit, Extent* extent) {
  std::int64_t bytes = 0;
  std::int64_t last = 0;
  if (__builtin_mul_overflow(count, element.bytes, &bytes) ||
      __builtin_mul_overflow(count - 1, element.extent, &last) ||
      __builtin_mul_overflow(displacement, displacement_unit, &extent->offset) ||
      __builtin_add_overflow(extent->offset, element.first, &extent->offset) ||
      !is_within_memory(bytes) || !is_within_memory(last) || !is_within_memory(extent->offset)) {
    return false;
  }
  extent->bytes = static_cast<std::uint64_t>(bytes);
  extent->layout = element.layout;
  return true;
}

/// Where the blocks of a side lie whose buffer is null: the offsets, which are addresses, are made
/// to count from the lowest.
void* count_from_lowest(std::vector<Extent>* extents) {
  std::int64_t lowest = 0;
  for (const Extent& extent : *extents) {
    if (extent.bytes != 0 && (lowest == 0 || extent.offset < lowest)) lowest = extent.offset;
  }
  for (Extent& extent : *extents) {
    if (extent.bytes != 0) extent.offset -= lowest;
  }
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(lowest));
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
    if (side.displacements == nullptr) {
      return Status::error(ErrorKind::kArgument, "%s is NULL on rank %d", side.displacements_name,
                           rank);
    }
    const std::int64_t displacement = side.displacements[peer];
    Extent& extent = (*extents)[static_cast<std::size_t>(peer)];
    if (!to_extent(element, count, displacement, side.is_alltoallw ? 1 : element.extent, &extent)) {
      return Status::error(ErrorKind::kCount,
                           "%s[%d] = %lld with %s[%d] = %lld on rank %d is more than memory holds",
                           side.counts_name, peer, static_cast<long long>(count),
                           side.displacements_name, peer, static_cast<long long>(displacement),
                           rank);
    }
    // NULL may be MPI_BOTTOM: offsets are addresses then.
    if (side.buffer == nullptr && extent.offset < kLeastAddress) {
      return Status::error(
          ErrorKind::kBuffer,
          "%s is NULL on rank %d, and %s[%d] = %lld elements begin at address %lld",
          side.buffer_name, rank, side.counts_name, peer, static_cast<long long>(count),
          static_cast<long long>(extent.offset));
    }
  }
  return {};
}

}  // namespace

template <class Count, class Displacement>
Status to_blocks(const Side<Count, Displacement>& send, const Side<Count, Displacement>& receive,
                 int rank, int size, Blocks* blocks) try {
  if (receive.buffer == MPI_IN_PLACE) {
    return Status::error(ErrorKind::kBuffer, "recvbuf is MPI_IN_PLACE on rank %d", rank);
  }
  blocks->sendbuf = send.buffer;
  blocks->recvbuf = const_cast<void*>(receive.buffer);
  CAUSEWAY_TRY(to_extents(receive, rank, size, &blocks->receive));
  if (receive.buffer == nullptr) blocks->recvbuf = count_from_lowest(&blocks->receive);
  if (send.buffer == MPI_IN_PLACE) return {};
  CAUSEWAY_TRY(to_extents(send, rank, size, &blocks->send));
  if (send.buffer == nullptr) blocks->sendbuf = count_from_lowest(&blocks->send);
  return {};
} catch (const std::bad_alloc&) {
  return Status::error(ErrorKind::kSystem, "out of memory for the datatypes on rank %d", rank);
}

template Status to_blocks(const Side<int, int>&, const Side<int, int>&, int, int, Blocks*);
template Status to_blocks(const Side<MPI_Count, MPI_Aint>&, const Side<MPI_Count, MPI_Aint>&, int,
                          int, Blocks*);

}  // namespace causeway::mpi
