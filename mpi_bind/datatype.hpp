// MPI datatypes as bytes.
#pragma once

#include <layout.hpp>
#include <status.hpp>

#include <mpi.h>

#include <cstdint>

namespace causeway::mpi {

/// What an exchange needs of a datatype.
struct Element {
  std::uint64_t bytes = 0;  ///< in a message
  std::int64_t extent = 0;  ///< in memory, from element to element
  std::int64_t first = 0;   ///< where its first byte lies, from its address
  LayoutRef layout;         ///< from there; null where elements lie side by side in one piece each
};

/// Describes `type`; an error that names the argument and the rank when it is null, not committed,
/// larger than memory, or made in a way that is not known. A derived type is taken apart once: an
/// attribute of the type keeps what was found until the type is freed, and callers as long as they
/// hold the layout.
Status describe_type(const char* argument, int rank, MPI_Datatype type, Element* element);

}  // namespace causeway::mpi
