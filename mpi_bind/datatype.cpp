// MPI datatypes as bytes.
#include "datatype.hpp"

#include "at_finalize.hpp"
#include "type_map.hpp"

#include <never_destroyed.hpp>

#include <cstdio>
#include <mutex>

namespace causeway::mpi {

namespace {

/// MPI does not say whether a type is committed, but refuses to pack one that is not: on a
/// communicator of this process alone, whose errors are returned.
bool is_committed(MPI_Datatype type) {
  MPI_Group group = MPI_GROUP_NULL;
  MPI_Comm alone = MPI_COMM_NULL;
  PMPI_Comm_group(MPI_COMM_SELF, &group);
  PMPI_Comm_create(MPI_COMM_SELF, group, &alone);
  PMPI_Group_free(&group);
  PMPI_Comm_set_errhandler(alone, MPI_ERRORS_RETURN);
  char nothing = 0;
  int position = 0;
  const int packed = PMPI_Pack(&nothing, 0, type, &nothing, 0, &position, alone);
  PMPI_Comm_free(&alone);
  return packed == MPI_SUCCESS;
}

/// Held while a type's attribute is looked for and made.
std::mutex& attribute_mutex() {
  static NeverDestroyed<std::mutex> mutex;
  return mutex.get();
}

/// The attribute that keeps what was found of a type.
int attribute() {
  static int keyval = MPI_KEYVAL_INVALID;
  if (keyval != MPI_KEYVAL_INVALID) return keyval;
  const auto forget = [](MPI_Datatype, int, void* kept, void*) -> int {
    delete static_cast<Element*>(kept);
    return MPI_SUCCESS;
  };
  PMPI_Type_create_keyval(MPI_TYPE_NULL_COPY_FN, forget, &keyval, nullptr);
  at_finalize([] { PMPI_Type_free_keyval(&keyval); });
  return keyval;
}

/// A type that was described.
struct Described {
  MPI_Datatype type = MPI_DATATYPE_NULL;
  Element element;
};

Status refuse(const char* argument, int rank, MPI_Datatype type, const char* why) {
  char name[MPI_MAX_OBJECT_NAME] = "";
  int length = 0;
  PMPI_Type_get_name(type, name, &length);
  return Status::error(ErrorKind::kType, "%s '%s' on rank %d %s", argument, name, rank, why);
}

Status take_apart(const char* argument, int rank, MPI_Datatype type, Element* element) {
  MPI_Count lower = 0;
  MPI_Count extent = 0;
  PMPI_Type_get_extent_x(type, &lower, &extent);
  ElementLayout layout;
  if (!append_type(type, &layout)) {
    return refuse(argument, rank, type, "is made in a way that causeway does not know");
  }
  if (layout.excess() != 0) {
    char why[100];
    std::snprintf(why, sizeof why, "has or reaches over %.3g bytes, more than memory holds",
                  layout.excess());
    return refuse(argument, rank, type, why);
  }
  // The address of an element's first byte is one: that of the buffer may be MPI_BOTTOM.
  element->first = layout.begin_at_first_byte();
  layout.set_extent(extent);
  element->bytes = layout.size();
  element->extent = extent;
  if (!layout.contiguous()) {
    element->layout = std::make_shared<const ElementLayout>(std::move(layout));
  }
  return {};
}

}  // namespace

Status describe_type(const char* argument, int rank, MPI_Datatype type, Element* element) {
  if (type == MPI_DATATYPE_NULL) {
    return Status::error(ErrorKind::kType, "%s is MPI_DATATYPE_NULL on rank %d", argument, rank);
  }
  // Most calls have one predefined type, which stays what it is.
  Described& last = of_this_thread<Described>();
  if (type == last.type) {
    *element = last.element;
    return {};
  }
  *element = {};
  if (is_predefined(type)) {
    CAUSEWAY_TRY(take_apart(argument, rank, type, element));
    last = {type, *element};
    return {};
  }
  const std::lock_guard lock(attribute_mutex());
  void* kept = nullptr;
  int found = 0;
  PMPI_Type_get_attr(type, attribute(), &kept, &found);
  if (found == 0) {
    if (!is_committed(type)) return refuse(argument, rank, type, "is not committed");
    auto made = std::make_unique<Element>();
    CAUSEWAY_TRY(take_apart(argument, rank, type, made.get()));
    *element = *made;
    if (PMPI_Type_set_attr(type, attribute(), made.get()) == MPI_SUCCESS) {
      static_cast<void>(made.release());
    }
    return {};
  }
  *element = *static_cast<const Element*>(kept);
  return {};
}

}  // namespace causeway::mpi
