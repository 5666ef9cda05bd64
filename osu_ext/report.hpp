// What a benchmark prints: OSU's header and columns, the comparison of libraries, and the CSV file.
#pragma once

#include "library.hpp"
#include "timing.hpp"

#include <cstddef>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace causeway::osu {

/// Which columns stand beside the size and the average.
struct Columns {
  bool full = false;
  bool validation = false;
  bool bandwidth = false;
  /// causeway, then what is measured beside it. Each is compared with those of causeway's before
  /// it.
  std::vector<LibraryName> libraries;
};

/// What one library did for one size.
struct Result {
  LibraryName library;
  RankSpread time;
  bool passed = true;  ///< only with validation
};

/// The results of one size.
struct Row {
  std::size_t bytes = 0;
  int iterations = 0;
  double bytes_to_others = 0.0;  ///< that a rank sends to others in a call, mean of the ranks
  std::vector<Result> results;   ///< in the order of the columns' libraries

  [[nodiscard]] const Result& causeway() const { return results.front(); }
  [[nodiscard]] bool passed() const;
};

/// These print on standard output; rank 0 calls them.
void print_title(std::string_view operation);
void print_comment(std::string_view text);
void print_meaning(const Columns& columns);
void print_columns(const Columns& columns);
void print_row(const Columns& columns, const Row& row);

/// One time over another, both the slowest rank's of the median window.
[[nodiscard]] double ratio(const RankSpread& above, const RankSpread& below);

/// Gigabytes per second that a rank sends to others in the slowest rank's time.
[[nodiscard]] double bus_bandwidth(const Row& row, const RankSpread& time);

/// The results as comma-separated values, one line per library and size. Used on rank 0.
class CsvFile {
 public:
  /// Creates or empties the file at `path` and writes the first comments of its head.
  CsvFile(const std::string& path, std::span<char* const> command_line);

  void write_comment(std::string_view text);
  /// Writes the names of the columns, behind the last comment of the head.
  void write_columns();
  void write_row(const Columns& columns, const Row& row, std::string_view operation, int ranks,
                 std::string_view device);

  /// Writes out what is buffered; false when anything could not be written, creation included.
  [[nodiscard]] bool flush();

 private:
  std::ofstream file_;
};

}  // namespace causeway::osu
