// What MPI tells of how a datatype was made.
#include "type_map.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace causeway::mpi {

namespace {

bool is_predefined_combiner(int combiner) {
  return combiner == MPI_COMBINER_NAMED || combiner == MPI_COMBINER_F90_REAL ||
         combiner == MPI_COMBINER_F90_COMPLEX || combiner == MPI_COMBINER_F90_INTEGER;
}

#if MPI_VERSION >= 4
int envelope(MPI_Datatype type, MPI_Count (&counts)[4], int* combiner) {
  return PMPI_Type_get_envelope_c(type, &counts[0], &counts[1], &counts[2], &counts[3], combiner);
}

int contents(MPI_Datatype type, const MPI_Count (&counts)[4], int integers[], MPI_Aint addresses[],
             MPI_Count large[], MPI_Datatype types[]) {
  return PMPI_Type_get_contents_c(type, counts[0], counts[1], counts[2], counts[3], integers,
                                  addresses, large, types);
}
#else
int envelope(MPI_Datatype type, MPI_Count (&counts)[4], int* combiner) {
  int small[3] = {};
  const int code = PMPI_Type_get_envelope(type, &small[0], &small[1], &small[2], combiner);
  counts[0] = small[0];
  counts[1] = small[1];
  counts[2] = 0;
  counts[3] = small[2];
  return code;
}

int contents(MPI_Datatype type, const MPI_Count (&counts)[4], int integers[], MPI_Aint addresses[],
             MPI_Count[], MPI_Datatype types[]) {
  return PMPI_Type_get_contents(type, static_cast<int>(counts[0]), static_cast<int>(counts[1]),
                                static_cast<int>(counts[3]), integers, addresses, types);
}
#endif

/// The arguments with which a type was made: those of MPI 3.1's constructors, also where it was
/// made by one with large counts. The types among them that the caller has to free are freed with
/// it.
class Contents {
 public:
  explicit Contents(MPI_Datatype type) {
    MPI_Count counts[4] = {};  // of integers, addresses, large counts and types
    envelope(type, counts, &combiner);
    if (is_predefined_combiner(combiner)) return;
    // Room for one at least: MPI is given the addresses.
    const auto room = [](MPI_Count count) {
      return static_cast<std::size_t>(std::max<MPI_Count>(1, count));
    };
    std::vector<int> small(room(counts[0]));
    std::vector<MPI_Aint> places(room(counts[1]));
    std::vector<MPI_Count> large(room(counts[2]));
    types.resize(room(counts[3]), MPI_DATATYPE_NULL);
    contents(type, counts, small.data(), places.data(), large.data(), types.data());
    integers.assign(small.begin(), small.end());
    addresses.assign(places.begin(), places.end());
    large.resize(static_cast<std::size_t>(counts[2]));
    if (!large.empty()) take_large(large);
  }
  ~Contents() {
    for (MPI_Datatype& type : types) {
      if (type != MPI_DATATYPE_NULL && !mpi::is_predefined(type)) PMPI_Type_free(&type);
    }
  }
  Contents(const Contents&) = delete;
  Contents& operator=(const Contents&) = delete;

  std::int64_t integer(std::size_t i) const { return integers[i]; }

  int combiner = MPI_COMBINER_NAMED;
  std::vector<std::int64_t> integers;
  std::vector<std::int64_t> addresses;
  std::vector<MPI_Datatype> types;

 private:
  /// Puts large counts where the constructors of MPI 3.1 have theirs (MPI 4.0, table 5.1).
  void take_large(const std::vector<MPI_Count>& large) {
    const auto first = large.begin();
    const auto after = [&](std::size_t count) {
      return first + static_cast<std::ptrdiff_t>(std::min(count, large.size()));
    };
    const auto split = [&](std::size_t count) {
      integers.assign(first, after(count));
      addresses.assign(after(count), large.end());
    };
    switch (combiner) {
      case MPI_COMBINER_HVECTOR:
      case MPI_COMBINER_HINDEXED_BLOCK:
        split(2);
        break;
      case MPI_COMBINER_HINDEXED:
      case MPI_COMBINER_STRUCT:
        split(1 + static_cast<std::size_t>(large.front()));
        break;
      case MPI_COMBINER_SUBARRAY:  // dimensions, order
        integers.insert(integers.begin() + 1, first, large.end());
        break;
      case MPI_COMBINER_DARRAY:  // processes, rank, dimensions
        integers.insert(integers.begin() + 3, first, large.end());
        break;
      case MPI_COMBINER_RESIZED:
        addresses.assign(first, large.end());
        break;
      default:
        integers.assign(first, large.end());
    }
  }
};

/// A type that another one is made of.
struct Inner {
  ElementLayout layout;
  std::int64_t extent = 0;
  bool known = false;

  explicit Inner(MPI_Datatype type) {
    MPI_Count lower = 0;
    MPI_Count span = 0;
    PMPI_Type_get_extent_x(type, &lower, &span);
    extent = span;
    known = append_type(type, &layout);
  }
};

/// Types of two values of different kinds: what MPI_MAXLOC takes.
void append_named(MPI_Datatype type, ElementLayout* layout) {
  struct Pair {
    MPI_Datatype type;
    std::uint64_t first;
    std::int64_t second_at;
  };
  struct DoubleInt {
    double a;
    int b;
  };
  struct LongInt {
    long a;
    int b;
  };
  struct ShortInt {
    short a;
    int b;
  };
  struct LongDoubleInt {
    long double a;
    int b;
  };
  const Pair pairs[] = {{MPI_DOUBLE_INT, sizeof(double), offsetof(DoubleInt, b)},
                        {MPI_LONG_INT, sizeof(long), offsetof(LongInt, b)},
                        {MPI_SHORT_INT, sizeof(short), offsetof(ShortInt, b)},
                        {MPI_LONG_DOUBLE_INT, sizeof(long double), offsetof(LongDoubleInt, b)}};
  for (const Pair& pair : pairs) {
    if (type != pair.type) continue;
    layout->append(0, pair.first);
    layout->append(pair.second_at, sizeof(int));
    return;
  }
  MPI_Count size = 0;
  PMPI_Type_size_x(type, &size);
  layout->append(0, static_cast<std::uint64_t>(size));
}

/// Blocks of `lengths(i)` elements at `offsets(i)` bytes.
template <class Length, class Offset>
void append_blocks(const Inner& inner, std::int64_t count, Length lengths, Offset offsets,
                   ElementLayout* layout) {
  for (std::int64_t i = 0; i < count; ++i) {
    layout->append(inner.layout, offsets(i), lengths(i), inner.extent);
  }
}

/// Blocks of one length at one distance.
void append_vector(const Inner& inner, WideOffset count, WideOffset length, WideOffset stride_bytes,
                   ElementLayout* layout) {
  ElementLayout block;
  block.append(inner.layout, 0, length, inner.extent);
  layout->append(block, 0, count, stride_bytes);
}

/// Consecutive indices of one dimension of an array, the array's own or a process's.
struct Range {
  std::int64_t begin;
  std::int64_t length;
};

/// Of an array that may have any number of dimensions; no layout takes it.
constexpr WideOffset kTooFar = WideOffset{kMostOffset} + 1;

/// Those elements of an array whose index lies, in each dimension, in one of its ranges. Dimensions
/// come from the one whose index changes most slowly.
void append_ranges(const Inner& inner, const std::vector<std::int64_t>& sizes,
                   const std::vector<std::vector<Range>>& ranges, ElementLayout* layout) {
  // From the inside out: the elements of a row, of a plane, and so on.
  ElementLayout part = inner.layout;
  WideOffset extent = inner.extent;
  for (std::size_t d = sizes.size(); d-- > 0;) {
    ElementLayout whole;
    for (const Range& range : ranges[d]) {
      whole.append(part, range.begin * extent, range.length, extent);
    }
    part = std::move(whole);
    extent = std::clamp<WideOffset>(extent * sizes[d], -kTooFar, kTooFar);
  }
  layout->append(part, 0, 1, 0);
}

/// MPI_Type_create_subarray: dimensions, sizes, subsizes, starts, order.
void append_subarray(const Contents& made, const Inner& inner, ElementLayout* layout) {
  const auto dimensions = static_cast<std::size_t>(made.integer(0));
  std::vector<std::int64_t> sizes;
  std::vector<std::vector<Range>> ranges;
  for (std::size_t d = 0; d < dimensions; ++d) {
    sizes.push_back(made.integer(1 + d));
    ranges.push_back({{made.integer(1 + 2 * dimensions + d), made.integer(1 + dimensions + d)}});
  }
  if (made.integer(1 + 3 * dimensions) == MPI_ORDER_FORTRAN) {
    std::ranges::reverse(sizes);
    std::ranges::reverse(ranges);
  }
  append_ranges(inner, sizes, ranges, layout);
}

/// What one process has of a dimension of a distributed array: blocks of `block` indices, dealt out
/// to `processes` in turn.
std::vector<Range> dealt(std::int64_t size, std::int64_t block, std::int64_t processes,
                         std::int64_t process) {
  std::vector<Range> ranges;
  for (std::int64_t begin = process * block; begin < size; begin += processes * block) {
    ranges.push_back({begin, std::min(block, size - begin)});
  }
  return ranges;
}

/// MPI_Type_create_darray: processes, rank, dimensions, and by dimension sizes, distributions,
/// their arguments, processes; order. Processes are numbered in C's order always.
void append_darray(const Contents& made, const Inner& inner, ElementLayout* layout) {
  std::int64_t rank = made.integer(1);
  const auto dimensions = static_cast<std::size_t>(made.integer(2));
  std::vector<std::int64_t> sizes(dimensions);
  std::vector<std::vector<Range>> ranges(dimensions);
  for (std::size_t d = dimensions; d-- > 0;) {
    sizes[d] = made.integer(3 + d);
    const std::int64_t distribution = made.integer(3 + dimensions + d);
    const std::int64_t argument = made.integer(3 + 2 * dimensions + d);
    const std::int64_t processes = made.integer(3 + 3 * dimensions + d);
    const std::int64_t process = rank % processes;
    rank /= processes;
    std::int64_t block = argument;
    if (distribution == MPI_DISTRIBUTE_NONE) {
      block = sizes[d];
    } else if (argument == MPI_DISTRIBUTE_DFLT_DARG) {
      block = distribution == MPI_DISTRIBUTE_BLOCK ? (sizes[d] + processes - 1) / processes : 1;
    }
    ranges[d] = dealt(sizes[d], block, processes, process);
  }
  if (made.integer(3 + 4 * dimensions) == MPI_ORDER_FORTRAN) {
    std::ranges::reverse(sizes);
    std::ranges::reverse(ranges);
  }
  append_ranges(inner, sizes, ranges, layout);
}

bool append_struct(const Contents& made, ElementLayout* layout) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(made.integer(0)); ++i) {
    const Inner inner(made.types[i]);
    if (!inner.known) return false;
    layout->append(inner.layout, made.addresses[i], made.integer(1 + i), inner.extent);
  }
  return true;
}

}  // namespace

bool is_predefined(MPI_Datatype type) {
  MPI_Count counts[4] = {};
  int combiner = 0;
  envelope(type, counts, &combiner);
  return is_predefined_combiner(combiner);
}

bool append_type(MPI_Datatype type, ElementLayout* layout) {
  const Contents made(type);
  if (is_predefined_combiner(made.combiner)) {
    append_named(type, layout);
    return true;
  }
  if (made.combiner == MPI_COMBINER_STRUCT) return append_struct(made, layout);
  const Inner inner(made.types[0]);
  if (!inner.known) return false;
  const auto integer = [&](std::int64_t i) -> WideOffset {
    return made.integer(static_cast<std::size_t>(i));
  };
  const auto address = [&](std::int64_t i) -> WideOffset {
    return made.addresses[static_cast<std::size_t>(i)];
  };
  const std::int64_t count = made.integer(0);
  switch (made.combiner) {
    case MPI_COMBINER_DUP:
    case MPI_COMBINER_RESIZED:
      layout->append(inner.layout, 0, 1, 0);
      return true;
    case MPI_COMBINER_CONTIGUOUS:
      layout->append(inner.layout, 0, count, inner.extent);
      return true;
    case MPI_COMBINER_VECTOR:
      append_vector(inner, count, integer(1), integer(2) * inner.extent, layout);
      return true;
    case MPI_COMBINER_HVECTOR:
      append_vector(inner, count, integer(1), address(0), layout);
      return true;
    case MPI_COMBINER_INDEXED:
      append_blocks(
          inner, count, [&](std::int64_t i) { return integer(1 + i); },
          [&](std::int64_t i) { return integer(1 + count + i) * inner.extent; }, layout);
      return true;
    case MPI_COMBINER_HINDEXED:
      append_blocks(
          inner, count, [&](std::int64_t i) { return integer(1 + i); }, address, layout);
      return true;
    case MPI_COMBINER_INDEXED_BLOCK:
      append_blocks(
          inner, count, [&](std::int64_t) { return integer(1); },
          [&](std::int64_t i) { return integer(2 + i) * inner.extent; }, layout);
      return true;
    case MPI_COMBINER_HINDEXED_BLOCK:
      append_blocks(
          inner, count, [&](std::int64_t) { return integer(1); }, address, layout);
      return true;
    case MPI_COMBINER_SUBARRAY:
      append_subarray(made, inner, layout);
      return true;
    case MPI_COMBINER_DARRAY:
      append_darray(made, inner, layout);
      return true;
    default:
      return false;
  }
}

}  // namespace causeway::mpi
