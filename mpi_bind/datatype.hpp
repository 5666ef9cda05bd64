// MPI datatypes as bytes.
#pragma once

#include <status.hpp>

#include <mpi.h>

#include <cstdint>

namespace causeway::mpi {

/// The bytes of an element of `type`, whose elements lie one behind the other without gaps and in
/// the order in which they are declared; an error that names the argument
/// and the rank when they do not.
Status contiguous_bytes(const char* argument, int rank, MPI_Datatype type, std::int64_t* bytes);

}  // namespace causeway::mpi
