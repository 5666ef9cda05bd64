// The options of the benchmarks: OSU's letters, names and defaults, and causeway's additions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace causeway::osu {

/// Where the buffers are.
enum class Place { kHost, kCuda };

enum class Element { kChar, kInt, kFloat };

/// Messages above this size get fewer iterations.
inline constexpr std::size_t kLargestSmallMessage = 8192;

/// The option that needs MPI_THREAD_MULTIPLE.
inline constexpr const char* kImmediate = "--immediate";

struct Options {
  std::size_t smallest = 1;  ///< bytes per peer
  std::size_t largest = std::size_t{1} << 20;
  bool sizes_given = false;
  std::optional<int> iterations;            ///< given for all sizes; else by size
  std::optional<int> warmups;               ///< likewise
  int validation_warmups = 5;               ///< untimed calls before each validated one
  std::vector<Element> elements;            ///< never empty once read_options was called
  std::optional<std::size_t> memory_limit;  ///< set once read_options was called
  bool full = false;
  bool validate = false;
  bool in_place = false;
  std::string help;  ///< to be printed rather than run anything; empty where nobody asked
  bool version = false;

  Place place = Place::kHost;
  int graph_calls = 0;  ///< calls in a CUDA graph; 0 for no graph
  bool versus_mpi = false;
  bool versus_nccl = false;
  bool versus_nccl_ce = false;
  bool immediate = false;   ///< calls are begun, and waited for
  bool plan = false;        ///< time causeway's plans, too
  bool registered = false;  ///< buffers are registered with causeway and NCCL
  int max_ctas = 0;         ///< thread blocks of an exchange, at most; 0 for what a library chooses
  double skew = 0.0;
  bool by_distance = false;
  double sparsity = 0.0;
  std::string matrix_path;  ///< empty for none
  bool ring = false;
  bool one_way = false;
  std::vector<int> dimensions;  ///< of a grid of ranks; empty where nobody said
  bool periodic = false;
  std::uint64_t seed = 1;
  std::string csv_path;  ///< empty for none

  std::vector<std::string> notes;  ///< what was not taken literally, for people to read

  [[nodiscard]] int iterations_for(std::size_t bytes) const;
  [[nodiscard]] int warmups_for(std::size_t bytes) const;
  /// Checked calls of one library where the timed ones are not checked.
  [[nodiscard]] static int checks_for(std::size_t bytes);
};

/// Between which patterns the options of a program choose.
enum class Choice {
  kShares,  ///< all pairs of ranks, how much between each
  kPairs,   ///< pairs of ranks or a ring
  kGrid,    ///< grids of ranks
};

/// How a program is called.
struct Usage {
  const char* program;
  const char* title;  ///< the operation, as people know it
  const char* unit;   ///< of what the size is
  Choice choice;
};

/// Reads a program's command line, its name first, for so many ranks. Returns the sentence that
/// says which option and value are wrong, or which options do not go together, or nothing. Every
/// rank reads the same.
[[nodiscard]] std::optional<std::string> read_options(std::span<char* const> command_line,
                                                      int ranks, const Usage& usage,
                                                      Options& options);

/// Likewise of osu_mpix_column: the place, the help and the size of the matrix.
[[nodiscard]] std::optional<std::string> read_column_options(std::span<char* const> command_line,
                                                             Options& options, int& rows);

/// What read_options does last: fills in what depends on several options, and refuses those that do
/// not go together.
[[nodiscard]] std::optional<std::string> finish_options(Options& options, int ranks);

}  // namespace causeway::osu
