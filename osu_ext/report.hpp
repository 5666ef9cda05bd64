// What a benchmark prints: OSU's header and columns, the comparison with MPI, and the CSV file.
#pragma once

#include "timing.hpp"

#include <cstddef>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace causeway::osu {

/// Which columns stand beside the size and the average.
struct Columns {
  bool full = false;
  bool validation = false;
  bool versus_mpi = false;
};

/// The results of one size.
struct Row {
  std::size_t bytes = 0;
  int iterations = 0;
  RankSpread causeway;
  RankSpread mpi;               ///< only with versus_mpi
  bool causeway_passed = true;  ///< only with validation
  bool mpi_passed = true;       ///< only with both
};

/// These print on standard output; rank 0 calls them.
void print_title(std::string_view operation);
void print_comment(std::string_view text);
void print_meaning(const Columns& columns);
void print_columns(const Columns& columns);
void print_row(const Columns& columns, const Row& row);

/// MPI's time over causeway's, both the slowest rank's of the median window.
[[nodiscard]] double ratio_vs_mpi(const Row& row);

/// The results as comma-separated values, one line per library and size. Used on rank 0.
class CsvFile {
 public:
  /// Creates or empties the file at `path` and writes the comments that head it.
  CsvFile(const std::string& path, std::span<char* const> command_line);

  void write_comment(std::string_view text);
  void write_row(const Columns& columns, const Row& row, std::string_view operation, int ranks);

  /// Writes out what is buffered; false when anything could not be written, creation included.
  [[nodiscard]] bool flush();

 private:
  std::ofstream file_;
};

}  // namespace causeway::osu
