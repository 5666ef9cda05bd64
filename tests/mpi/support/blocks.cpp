// One rank's side of a random exchange: its blocks, their datatype and the memory that they lie in.
#include "blocks.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

namespace causeway::test {

namespace {

constexpr std::uint64_t kMostGap = 5;        // elements
constexpr std::uint64_t kMostMisalign = 17;  // bytes
constexpr std::size_t kTail = 32;            // bytes behind the last block

std::size_t type_bytes(MPI_Datatype type) {
  int bytes = 0;
  MPI_Type_size(type, &bytes);
  return static_cast<std::size_t>(bytes);
}

Element own_element(ScopedType type, int per_unit) {
  auto owner = std::make_shared<ScopedType>(std::move(type));
  MPI_Aint lower = 0;
  MPI_Aint extent = 0;
  MPI_Type_get_extent(*owner, &lower, &extent);
  return {*owner, per_unit, static_cast<std::size_t>(extent), owner};
}

/// A unit with gaps.
Element random_spread_element(const Unit& unit, Random& random) {
  MPI_Datatype made = MPI_DATATYPE_NULL;
  const int whole = unit.base_elements;
  if (whole == 6 && one_in(random, 2)) {
    const int length = one_in(random, 2) ? 3 : 1;
    const auto gap = static_cast<int>(between(random, 1, 4));
    MPI_Type_vector(6 / length, length, length + gap, unit.base, &made);
  } else if (whole > 1 && one_in(random, 2)) {
    const int lengths[] = {whole - 1, 1};
    const int places[] = {2, 0};
    MPI_Type_indexed(2, lengths, places, unit.base, &made);
  } else {
    const auto gap = static_cast<MPI_Aint>(between(random, 1, 20));
    MPI_Type_create_resized(ScopedType::contiguous(whole, unit.base), 0,
                            static_cast<MPI_Aint>(unit.bytes()) + gap, &made);
  }
  return own_element(ScopedType::committed(made), 1);
}

}  // namespace

std::size_t Unit::bytes() const {
  return type_bytes(base) * static_cast<std::size_t>(base_elements);
}

Unit random_unit(Random& random) {
  const MPI_Datatype bases[] = {MPI_CHAR, MPI_SHORT, MPI_INT, MPI_DOUBLE, MPI_C_DOUBLE_COMPLEX};
  const int multiples[] = {1, 3, 6};
  return {bases[between(random, 0, 4)], multiples[between(random, 0, 2)]};
}

void fill(std::vector<std::byte>& memory, Random& random) {
  for (std::size_t at = 0; at < memory.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(&memory[at], &word, std::min(sizeof word, memory.size() - at));
  }
}

Element random_element(const Unit& unit, Types types, Random& random) {
  if (types == Types::kAny && one_in(random, 3)) return random_spread_element(unit, random);
  const int whole = unit.base_elements;
  switch (between(random, 0, 5)) {
    case 0:
      return own_element(ScopedType::dup(unit.base), whole);
    case 1:
      return own_element(ScopedType::contiguous(whole, unit.base), 1);
    case 2:
      return own_element(ScopedType::dup(ScopedType::contiguous(whole, unit.base)), 1);
    case 3:
      if (whole < 6) break;
      return own_element(ScopedType::contiguous(3, unit.base), 2);
    case 4:
      if (whole < 6) break;
      return own_element(ScopedType::contiguous(2, ScopedType::contiguous(3, unit.base)), 1);
    default:
      break;
  }
  return own_element(ScopedType::predefined(unit.base), whole);
}

Side::Side(const Unit& unit, const std::vector<int>& units, Placement placement, Random& random,
           Types types)
    : element(random_element(unit, types, random)) {
  for (const int count : units) counts.push_back(count * element.per_unit);
  displacements.resize(counts.size());
  std::vector<std::size_t> order(counts.size());
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), random);
  const std::uint64_t most_gap = one_in(random, 3) ? 0 : kMostGap;
  int end = 0;
  for (const std::size_t peer : order) {
    end += static_cast<int>(between(random, 0, most_gap));
    displacements[peer] = end;
    end += counts[peer];
  }
  if (placement == Placement::kMayOverlap && one_in(random, 4)) {
    for (std::size_t peer = 0; peer < counts.size(); ++peer) {
      displacements[peer] =
          static_cast<int>(between(random, 0, static_cast<std::uint64_t>(end - counts[peer])));
    }
  }
  const std::size_t lead = between(random, 0, kMostMisalign);
  const int shift =
      one_in(random, 3) ? static_cast<int>(between(random, 0, static_cast<std::uint64_t>(end))) : 0;
  for (int& displacement : displacements) displacement -= shift;
  origin = lead + static_cast<std::size_t>(shift) * element.bytes;
  memory.resize(lead + static_cast<std::size_t>(end) * element.bytes + kTail);
  fill(memory, random);
}

void Side::spoil_displacements_of_nothing(Random& random) {
  for (std::size_t peer = 0; peer < counts.size(); ++peer) {
    if (counts[peer] != 0) continue;
    displacements[peer] =
        one_in(random, 2) ? std::numeric_limits<int>::max() : std::numeric_limits<int>::min();
  }
}

std::string Side::first_difference(const std::vector<std::byte>& other) const {
  const auto differs = std::mismatch(memory.begin(), memory.end(), other.begin()).first;
  const auto at = static_cast<std::ptrdiff_t>(differs - memory.begin());
  std::string where = "byte " + std::to_string(at) + " of " + std::to_string(memory.size());
  for (std::size_t peer = 0; peer < counts.size(); ++peer) {
    const std::ptrdiff_t begin = static_cast<std::ptrdiff_t>(origin) +
                                 displacements[peer] * static_cast<std::ptrdiff_t>(element.bytes);
    const std::ptrdiff_t bytes = counts[peer] * static_cast<std::ptrdiff_t>(element.bytes);
    if (at < begin || at >= begin + bytes) continue;
    return where + " differs: byte " + std::to_string(at - begin) + " of the " +
           std::to_string(bytes) + " bytes from rank " + std::to_string(peer);
  }
  return where + " differs, which lies in no block";
}

}  // namespace causeway::test
