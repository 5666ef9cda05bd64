// The options of the benchmarks: OSU's letters, names and defaults, and causeway's additions.
#pragma once

#include "command_line.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace causeway::osu {

/// Where the buffers are.
enum class Place { kHost, kCuda };

enum class Element { kChar, kInt, kFloat };

/// Messages above this size get fewer iterations.
inline constexpr std::size_t kLargestSmallMessage = 8192;

struct Options {
  std::size_t smallest = 1;  ///< bytes per peer
  std::size_t largest = std::size_t{1} << 20;
  bool sizes_given = false;
  std::optional<int> iterations;            ///< given for all sizes; else by size
  std::optional<int> warmups;               ///< likewise
  int validation_warmups = 5;               ///< untimed calls before each validated one
  std::vector<Element> elements;            ///< never empty once finish_options was called
  std::optional<std::size_t> memory_limit;  ///< set once finish_options was called
  bool full = false;
  bool validate = false;
  bool in_place = false;
  bool help = false;
  bool version = false;

  Place place = Place::kHost;
  int graph_calls = 0;  ///< calls in a CUDA graph; 0 for no graph
  bool versus_mpi = false;
  bool versus_nccl = false;
  bool versus_nccl_ce = false;
  bool plan = false;        ///< time causeway's plans, too
  bool registered = false;  ///< buffers are registered with causeway and NCCL
  int max_ctas = 0;         ///< thread blocks of an exchange, at most; 0 for what a library chooses
  double skew = 0.0;
  bool by_distance = false;
  double sparsity = 0.0;
  std::string matrix_path;  ///< empty for none
  std::uint64_t seed = 1;
  std::string csv_path;  ///< empty for none

  std::vector<std::string> notes;  ///< what was not taken literally, for people to read

  [[nodiscard]] int iterations_for(std::size_t bytes) const;
  [[nodiscard]] int warmups_for(std::size_t bytes) const;
  /// Checked calls of one library where the timed ones are not checked.
  [[nodiscard]] static int checks_for(std::size_t bytes);
};

/// Rows that every benchmark takes. They write into `options`, which must outlive them.
[[nodiscard]] std::vector<Option> osu_options(Options& options);

/// Rows for benchmarks that exchange one block per pair of ranks and compare libraries.
[[nodiscard]] std::vector<Option> exchange_options(Options& options);

/// Fills in what depends on several options. Returns the sentence that says which do not go
/// together, or nothing.
[[nodiscard]] std::optional<std::string> finish_options(Options& options, int ranks);

}  // namespace causeway::osu
