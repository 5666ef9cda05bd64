// A program that measures one operation by size, with the options and the table of OSU's
// benchmarks.
#pragma once

#include "operations.hpp"
#include "options.hpp"
#include "pattern.hpp"

#include <mpi.h>

#include <optional>
#include <string>

namespace causeway::osu {

/// What such programs differ in.
struct Program {
  Usage usage;
  const char* operation_name;  ///< in files
  Operation operation;
  /// The pattern that the options ask for; may change the options' sizes. Collective over the
  /// communicator of all ranks; returns, the same on all ranks, the sentence that says what is
  /// wrong with what they ask for, or nothing.
  std::optional<std::string> (*make_pattern)(Options& options, MPI_Comm comm, Pattern& pattern);
  /// The communicator of the calls, with the same ranks as `comm`, which the caller frees; NULL
  /// where `comm` itself serves. Collective.
  MPI_Comm (*make_communicator)(const Pattern& pattern, MPI_Comm comm) = nullptr;
};

/// The whole of a program's `main`. Returns the exit status, the same on all ranks: 0 done, 1
/// failed, 2 not possible as asked.
[[nodiscard]] int run_program(const Program& program, int argc, char* argv[]);

}  // namespace causeway::osu
