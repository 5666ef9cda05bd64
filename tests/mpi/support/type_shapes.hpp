// Ways to make derived datatypes.
#pragma once

#include "scoped_mpi.hpp"

#include <functional>
#include <vector>

namespace causeway::test {

using Make = std::function<ScopedType(MPI_Datatype base)>;

/// A way to make a datatype of another one. Of its elements forty may follow each other in memory
/// without overlapping.
struct Shape {
  const char* name;
  Make make;
};

/// Those of every constructor, where MPI has them also of large counts.
const std::vector<Shape>& shapes();

}  // namespace causeway::test
