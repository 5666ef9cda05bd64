// What MPI tells of how a datatype was made.
#pragma once

#include <layout.hpp>

#include <mpi.h>

namespace causeway::mpi {

/// True for named types and Fortran's by precision, which are not the caller's to free.
bool is_predefined(MPI_Datatype type);

/// Adds one element of `type` to a layout, in the order of its type map. False for types made by
/// something that MPI 3.1 does not have. `layout` does not get the type's extent.
bool append_type(MPI_Datatype type, ElementLayout* layout);

}  // namespace causeway::mpi
