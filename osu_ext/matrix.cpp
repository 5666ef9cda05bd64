// Files that say who sends how much to whom.
#include "matrix.hpp"

#include "numbers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <vector>

namespace causeway::osu {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{1} << 40;

/// Cuts what comes before the first of `ends` off `text`, and that one too.
std::string_view cut(std::string_view& text, std::string_view ends) {
  const std::size_t end = text.find_first_of(ends);
  const std::string_view before = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return before;
}

std::optional<std::uint64_t> bytes_in(std::string_view word) {
  constexpr std::string_view kUnits = "KMG";
  const std::size_t unit = word.empty() ? std::string_view::npos : kUnits.find(word.back());
  int shift = 0;
  if (unit != std::string_view::npos) {
    shift = 10 * (static_cast<int>(unit) + 1);
    word.remove_suffix(1);
  }
  const auto number = whole_number(word, 0, kMostBytes >> shift);
  return number ? std::optional(static_cast<std::uint64_t>(*number) << shift) : std::nullopt;
}

std::string needed(int ranks) {
  return "needed is one for each of the " + std::to_string(ranks) + " ranks";
}

/// Appends a line's numbers to `row`; returns what is wrong, or "".
std::string parse_line(std::string_view line, std::vector<std::uint64_t>& row) {
  line = line.substr(0, line.find('#'));
  while (!line.empty()) {
    const std::string_view word = cut(line, ", \t\r");
    if (word.empty()) {
      continue;
    }
    const auto bytes = bytes_in(word);
    if (!bytes) {
      return "'" + std::string(word) +
             "' makes no sense; needed is a whole number of bytes up to 1024G, with or without K, "
             "M or G";
    }
    row.push_back(*bytes);
  }
  return {};
}

/// What is wrong with the matrix in a file, or "".
std::string read_file(const std::string& path, Pattern& pattern) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text, '\0');
  if (!file.is_open() || file.bad()) {
    return std::string("cannot be read: ") + std::strerror(errno);
  }
  return parse_matrix(text, pattern);
}

}  // namespace

std::string parse_matrix(std::string_view text, Pattern& pattern) {
  const auto ranks = static_cast<std::size_t>(pattern.ranks);
  pattern.matrix.clear();
  for (int number = 1; !text.empty(); ++number) {
    std::vector<std::uint64_t> row;
    std::string error = parse_line(cut(text, "\n"), row);
    if (error.empty() && !row.empty()) {
      if (pattern.matrix.size() == ranks * ranks) {
        error = "a further row, " + needed(pattern.ranks);
      } else if (row.size() != ranks) {
        error = std::to_string(row.size()) + (row.size() == 1 ? " number, " : " numbers, ") +
                needed(pattern.ranks);
      }
    }
    if (!error.empty()) {
      return "line " + std::to_string(number) + ": " + error;
    }
    pattern.matrix.insert(pattern.matrix.end(), row.begin(), row.end());
  }
  if (const std::size_t rows = pattern.matrix.size() / ranks; rows < ranks) {
    return std::to_string(rows) + (rows == 1 ? " row, " : " rows, ") + needed(pattern.ranks);
  }
  const bool is_empty = std::ranges::all_of(pattern.matrix, [](std::uint64_t n) { return n == 0; });
  return is_empty ? "nobody sends anything" : "";
}

std::optional<std::string> make_pattern(const Options& options, MPI_Comm comm, Pattern& pattern) {
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &pattern.ranks);
  pattern.skew = options.skew;
  pattern.sparsity = options.sparsity;
  pattern.seed = options.seed;
  pattern.symmetric = options.in_place;
  pattern.by_distance = options.by_distance;
  if (options.matrix_path.empty()) {
    return std::nullopt;
  }
  pattern.matrix_is_scaled = options.sizes_given;
  std::string error;
  if (rank == 0) {
    error = read_file(options.matrix_path, pattern);
  }
  int length = static_cast<int>(error.size());
  MPI_Bcast(&length, 1, MPI_INT, 0, comm);
  if (length > 0) {
    error.resize(static_cast<std::size_t>(length));
    MPI_Bcast(error.data(), length, MPI_CHAR, 0, comm);
    return "option --matrix: '" + options.matrix_path + "', " + error;
  }
  pattern.matrix.resize(static_cast<std::size_t>(pattern.ranks) *
                        static_cast<std::size_t>(pattern.ranks));
  MPI_Bcast(pattern.matrix.data(), static_cast<int>(pattern.matrix.size()), MPI_UINT64_T, 0, comm);
  return std::nullopt;
}

}  // namespace causeway::osu
