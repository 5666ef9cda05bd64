// Datatypes as MPI's constructors make them, committed, and how far they reach.
#pragma once

#include "scoped_mpi.hpp"

#include <utility>
#include <vector>

namespace causeway::test {

/// Commits what one of MPI's constructors, called with the rest of its arguments, makes.
template <class... Parameters, class... Arguments>
ScopedType made_by(int (*constructor)(Parameters...), Arguments... arguments) {
  MPI_Datatype type = MPI_DATATYPE_NULL;
  constructor(arguments..., &type);
  return ScopedType::committed(type);
}

inline MPI_Aint extent_of(MPI_Datatype type) {
  MPI_Aint lower = 0;
  MPI_Aint extent = 0;
  MPI_Type_get_extent(type, &lower, &extent);
  return extent;
}

/// Where an element's bytes begin and how far they reach. MPI leaves it open for types without any.
inline std::pair<MPI_Aint, MPI_Aint> true_extent_of(MPI_Datatype type) {
  int size = 0;
  MPI_Aint lower = 0;
  MPI_Aint extent = 0;
  MPI_Type_size(type, &size);
  if (size != 0) MPI_Type_get_true_extent(type, &lower, &extent);
  return {lower, extent};
}

inline ScopedType vector(MPI_Datatype base, int count, int length, int stride) {
  return made_by(MPI_Type_vector, count, length, stride, base);
}

inline ScopedType hvector(MPI_Datatype base, int count, int length, MPI_Aint stride) {
  return made_by(MPI_Type_create_hvector, count, length, stride, base);
}

inline ScopedType resized(MPI_Datatype base, MPI_Aint lower, MPI_Aint extent) {
  return made_by(MPI_Type_create_resized, base, lower, extent);
}

inline ScopedType indexed(MPI_Datatype base, const std::vector<int>& lengths,
                          const std::vector<int>& displacements) {
  return made_by(MPI_Type_indexed, static_cast<int>(lengths.size()), lengths.data(),
                 displacements.data(), base);
}

inline ScopedType subarray(MPI_Datatype base, const std::vector<int>& sizes,
                           const std::vector<int>& parts, const std::vector<int>& starts,
                           int order) {
  return made_by(MPI_Type_create_subarray, static_cast<int>(sizes.size()), sizes.data(),
                 parts.data(), starts.data(), order, base);
}

inline ScopedType darray(MPI_Datatype base, int rank, int order, const std::vector<int>& sizes,
                         const std::vector<int>& distributions, const std::vector<int>& arguments,
                         const std::vector<int>& processes) {
  int all = 1;
  for (const int count : processes) all *= count;
  return made_by(MPI_Type_create_darray, all, rank, static_cast<int>(sizes.size()), sizes.data(),
                 distributions.data(), arguments.data(), processes.data(), order, base);
}

inline ScopedType structure(const std::vector<int>& lengths,
                            const std::vector<MPI_Aint>& displacements,
                            const std::vector<MPI_Datatype>& types) {
  return made_by(MPI_Type_create_struct, static_cast<int>(lengths.size()), lengths.data(),
                 displacements.data(), types.data());
}

}  // namespace causeway::test
