// The arguments of an exchange as blocks of bytes.
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

/// How errors call an argument of block `index`.
std::string name_of(Form form, const char* name, std::size_t index) {
  return form == Form::kEqual ? name : std::string(name) + '[' + std::to_string(index) + ']';
}

/// "counts[i] = n", and where it lies if the caller says so.
template <class Count, class Displacement>
std::string describe_block(const Side<Count, Displacement>& side, std::size_t index,
                           std::int64_t count) {
  const std::string counted =
      name_of(side.form, side.counts_name, index) + " = " + std::to_string(count);
  if (side.form == Form::kEqual) return counted;
  return counted + " with " + name_of(side.form, side.displacements_name, index) + " = " +
         std::to_string(side.displacements[index]);
}

/// Block `index` of a side, which has some bytes.
template <class Count, class Displacement>
Status to_extent(const Side<Count, Displacement>& side, int rank, std::size_t index,
                 const Element& element, std::int64_t count, Extent* extent) {
  std::int64_t displacement = static_cast<std::int64_t>(index);
  std::int64_t unit = side.form == Form::kTyped ? 1 : element.extent;
  bool fits = true;
  if (side.form == Form::kEqual) {
    fits = !__builtin_mul_overflow(count, element.extent, &unit);
  } else if (side.displacements == nullptr) {
    return Status::error(ErrorKind::kArgument, "%s is NULL on rank %d", side.displacements_name,
                         rank);
  } else {
    displacement = side.displacements[index];
  }
  if (!fits || !to_extent(element, count, displacement, unit, extent)) {
    return Status::error(ErrorKind::kCount, "%s on rank %d is more than memory holds",
                         describe_block(side, index, count).c_str(), rank);
  }
  // NULL may be MPI_BOTTOM: offsets are addresses then.
  if (side.buffer == nullptr && extent->offset < kLeastAddress) {
    return Status::error(
        ErrorKind::kBuffer, "%s is NULL on rank %d, and %s = %lld elements begin at address %lld",
        side.buffer_name, rank, name_of(side.form, side.counts_name, index).c_str(),
        static_cast<long long>(count), static_cast<long long>(extent->offset));
  }
  return {};
}

/// A side's blocks. The vector's memory is reused.
template <class Count, class Displacement>
Status to_extents(const Side<Count, Displacement>& side, int rank, const Ends& ends,
                  std::vector<Extent>* extents) {
  const std::size_t blocks = ends.blocks;
  Element element;
  if (side.form != Form::kTyped) {
    CAUSEWAY_TRY(describe_type(side.type_name, rank, side.type, &element));
  } else if (side.types == nullptr && blocks > 0) {
    return Status::error(ErrorKind::kArgument, "%s is NULL on rank %d", side.type_name, rank);
  }
  if (side.counts == nullptr && blocks > 0) {
    return Status::error(ErrorKind::kArgument, "%s is NULL on rank %d", side.counts_name, rank);
  }
  extents->assign(blocks, Extent{0, 0});
  for (std::size_t i = 0; i < blocks; ++i) {
    if (!ends.ranks.empty() && ends.ranks[i] == MPI_PROC_NULL) continue;
    const std::int64_t count = side.counts[side.form == Form::kEqual ? 0 : i];
    if (count < 0) {
      return Status::error(ErrorKind::kCount, "%s = %lld on rank %d is negative",
                           name_of(side.form, side.counts_name, i).c_str(),
                           static_cast<long long>(count), rank);
    }
    if (count == 0) continue;
    if (side.form == Form::kTyped) {
      CAUSEWAY_TRY(describe_type(name_of(side.form, side.type_name, i).c_str(), rank, side.types[i],
                                 &element));
    }
    if (element.bytes == 0) continue;
    CAUSEWAY_TRY(to_extent(side, rank, i, element, count, &(*extents)[i]));
  }
  return {};
}

}  // namespace

template <class Count, class Displacement>
Status to_blocks(const Side<Count, Displacement>& send, const Side<Count, Displacement>& receive,
                 int rank, const Ends& targets, const Ends& sources, Blocks* blocks) try {
  if (receive.buffer == MPI_IN_PLACE) {
    return Status::error(ErrorKind::kBuffer, "recvbuf is MPI_IN_PLACE on rank %d", rank);
  }
  blocks->sendbuf = send.buffer;
  blocks->recvbuf = const_cast<void*>(receive.buffer);
  CAUSEWAY_TRY(to_extents(receive, rank, sources, &blocks->receive));
  if (receive.buffer == nullptr) blocks->recvbuf = count_from_lowest(&blocks->receive);
  if (send.buffer == MPI_IN_PLACE) return {};
  CAUSEWAY_TRY(to_extents(send, rank, targets, &blocks->send));
  if (send.buffer == nullptr) blocks->sendbuf = count_from_lowest(&blocks->send);
  return {};
} catch (const std::bad_alloc&) {
  return Status::error(ErrorKind::kSystem, "out of memory for the datatypes on rank %d", rank);
}

template Status to_blocks(const Side<int, int>&, const Side<int, int>&, int, const Ends&,
                          const Ends&, Blocks*);
template Status to_blocks(const Side<int, MPI_Aint>&, const Side<int, MPI_Aint>&, int, const Ends&,
                          const Ends&, Blocks*);
template Status to_blocks(const Side<MPI_Count, MPI_Aint>&, const Side<MPI_Count, MPI_Aint>&, int,
                          const Ends&, const Ends&, Blocks*);

}  // namespace causeway::mpi
