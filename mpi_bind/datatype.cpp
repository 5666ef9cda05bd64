// MPI datatypes as bytes.
#include "datatype.hpp"

#include <vector>

namespace causeway::mpi {

namespace {

/// True when a type is predefined, or made of a predefined one by MPI_Type_contiguous and
/// MPI_Type_dup alone.
bool is_run_of_predefined(MPI_Datatype type) {
  int integers = 0;
  int addresses = 0;
  int types = 0;
  int combiner = 0;
  PMPI_Type_get_envelope(type, &integers, &addresses, &types, &combiner);
  switch (combiner) {
    case MPI_COMBINER_NAMED:
    case MPI_COMBINER_F90_REAL:
    case MPI_COMBINER_F90_COMPLEX:
    case MPI_COMBINER_F90_INTEGER:
      return true;
    case MPI_COMBINER_DUP:
    case MPI_COMBINER_CONTIGUOUS:
      break;
    default:
      return false;
  }
  std::vector<int> integer(static_cast<std::size_t>(integers) + 1);
  std::vector<MPI_Aint> address(static_cast<std::size_t>(addresses) + 1);
  MPI_Datatype inner = MPI_DATATYPE_NULL;
  PMPI_Type_get_contents(type, integers, addresses, 1, integer.data(), address.data(), &inner);
  const bool result = is_run_of_predefined(inner);
  PMPI_Type_get_envelope(inner, &integers, &addresses, &types, &combiner);
  if (combiner != MPI_COMBINER_NAMED) PMPI_Type_free(&inner);
  return result;
}

}  // namespace

Status contiguous_bytes(const char* argument, MPI_Datatype type, std::int64_t* bytes) {
  if (type == MPI_DATATYPE_NULL) {
    return Status::error(ErrorKind::kType, "%s is MPI_DATATYPE_NULL", argument);
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
    return Status::error(ErrorKind::kType,
                         "%s '%s' (size %lld, extent %lld) is not contiguous; only predefined "
                         "types without gaps and MPI_Type_contiguous of them are supported",
                         argument, name, static_cast<long long>(size),
                         static_cast<long long>(extent));
  }
  *bytes = size;
  return {};
}

}  // namespace causeway::mpi
