// MPI datatypes as bytes.
#include "datatype.hpp"

namespace causeway::mpi {

namespace {

int combiner_of(MPI_Datatype type) {
  int integers = 0;
  int addresses = 0;
  int types = 0;
  int combiner = 0;
  PMPI_Type_get_envelope(type, &integers, &addresses, &types, &combiner);
  return combiner;
}

/// Predefined types, named ones and Fortran's by precision, are not the caller's to free.
bool is_predefined(int combiner) {
  return combiner == MPI_COMBINER_NAMED || combiner == MPI_COMBINER_F90_REAL ||
         combiner == MPI_COMBINER_F90_COMPLEX || combiner == MPI_COMBINER_F90_INTEGER;
}

/// True when a type is predefined, or made of a predefined one by MPI_Type_contiguous and
/// MPI_Type_dup alone.
bool is_run_of_predefined(MPI_Datatype type) {
  const int combiner = combiner_of(type);
  if (is_predefined(combiner)) return true;
  if (combiner != MPI_COMBINER_DUP && combiner != MPI_COMBINER_CONTIGUOUS) return false;
  int count = 0;  // MPI_Type_contiguous has this one integer, MPI_Type_dup none
  MPI_Aint no_address = 0;
  MPI_Datatype inner = MPI_DATATYPE_NULL;
  PMPI_Type_get_contents(type, combiner == MPI_COMBINER_CONTIGUOUS ? 1 : 0, 0, 1, &count,
                         &no_address, &inner);
  const bool result = is_run_of_predefined(inner);
  if (!is_predefined(combiner_of(inner))) PMPI_Type_free(&inner);
  return result;
}

}  // namespace

Status contiguous_bytes(const char* argument, int rank, MPI_Datatype type, std::int64_t* bytes) {
  if (type == MPI_DATATYPE_NULL) {
    return Status::error(ErrorKind::kType, "%s is MPI_DATATYPE_NULL on rank %d", argument, rank);
  }
  MPI_Count size = 0;
  MPI_Count lower = 0;
  MPI_Count extent = 0;
  PMPI_Type_size_x(type, &size);
  PMPI_Type_get_extent_x(type, &lower, &extent);
  if (lower != 0 || size != extent || !is_run_of_predefined(type)) {
    char name[MPI_MAX_OBJECT_NAME] = "";
    int length = 0;
    PMPI_Type_get_name(type, name, &length);
    return Status::error(
        ErrorKind::kType,
        "%s '%s' on rank %d (size %lld, extent %lld) is not contiguous; only predefined "
        "types without gaps and MPI_Type_contiguous of them are supported",
        argument, name, rank, static_cast<long long>(size), static_cast<long long>(extent));
  }
  *bytes = size;
  return {};
}

}  // namespace causeway::mpi
