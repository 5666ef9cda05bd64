// One rank's side of a random exchange: its blocks, their datatype and the memory that they lie in.
#pragma once

#include "scoped_mpi.hpp"
#include "world.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace causeway::test {

/// What counts of an exchange are multiples of on all ranks, so that each rank may choose its own
/// datatype of the same signature.
struct Unit {
  MPI_Datatype base;  ///< predefined
  int base_elements;  ///< 1, 3 or 6

  std::size_t bytes() const;
};

Unit random_unit(Random& random);

/// A datatype that a whole number of makes up a unit. Its elements may follow each other without
/// overlapping, and begin where it does. Copies share it.
struct Element {
  MPI_Datatype type;
  int per_unit;
  std::size_t bytes;  ///< of memory, gaps included
  std::shared_ptr<void> owner;
};

enum class Types {
  kDense,  ///< without gaps
  kAny,    ///< some with gaps
};

Element random_element(const Unit& unit, Types types, Random& random);

enum class Placement {
  kApart,       ///< in any order, often with gaps between them
  kMayOverlap,  ///< sometimes anywhere
};

/// Arbitrary bytes.
void fill(std::vector<std::byte>& memory, Random& random);

/// Counts and displacements in elements, and memory of arbitrary content and alignment.
struct Side {
  /// Places units[i] units for each peer i.
  Side(const Unit& unit, const std::vector<int>& units, Placement placement, Random& random,
       Types types = Types::kDense);

  std::byte* buffer() { return memory.data() + origin; }
  const std::byte* buffer() const { return memory.data() + origin; }

  /// Gives blocks of no elements displacements that point nowhere.
  void spoil_displacements_of_nothing(Random& random);

  /// Says where `other` first differs from this side's memory, and in which block that is.
  std::string first_difference(const std::vector<std::byte>& other) const;

  Element element;
  std::vector<int> counts;
  std::vector<int> displacements;
  std::vector<std::byte> memory;
  std::size_t origin = 0;  ///< what displacements count from; they may be negative
};

}  // namespace causeway::test
