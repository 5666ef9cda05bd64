// The options of the benchmarks: OSU's letters, names and defaults, and causeway's additions.
#include "options.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <utility>

namespace causeway::osu {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{1} << 62;
constexpr std::int64_t kMostIterations = std::numeric_limits<int>::max();
constexpr std::int64_t kMostValidationWarmups = 10;
constexpr std::size_t kLeastMemory = std::size_t{1} << 20;
constexpr std::size_t kHostMemory = std::size_t{512} << 20;
constexpr std::size_t kGpuMemory = std::size_t{8} << 30;

constexpr int kSmallIterations = 1000;
constexpr int kLargeIterations = 100;
constexpr int kSmallWarmups = 100;
constexpr int kLargeWarmups = 10;
constexpr int kSmallChecks = 20;
constexpr int kLargeChecks = 5;
constexpr int kGraphCalls = 20;
constexpr int kMostGraphCalls = 1000;
constexpr int kMostCtas = 1024;  // as causeway's setting

/// [MIN:]MAX, where an empty side keeps its default.
std::string read_sizes(Options& options, std::string_view text) {
  constexpr const char* kNeeded =
      "needed is MAX, MIN:MAX or MIN:, each a whole number of bytes of at least 1";
  const std::size_t colon = text.find(':');
  const bool has_colon = colon != std::string_view::npos;
  const std::string_view smallest = has_colon ? text.substr(0, colon) : std::string_view{};
  const std::string_view largest = has_colon ? text.substr(colon + 1) : text;
  const auto min = whole_number(smallest, 1, kMostBytes);
  const auto max = whole_number(largest, 1, kMostBytes);
  const bool nothing = smallest.empty() && largest.empty();
  if (nothing || (!smallest.empty() && !min) || (!largest.empty() && !max)) {
    return kNeeded;
  }
  options.sizes_given = true;
  options.smallest = min ? static_cast<std::size_t>(*min) : options.smallest;
  options.largest = max ? static_cast<std::size_t>(*max) : options.largest;
  return {};
}

std::string read_elements(Options& options, std::string_view text) {
  std::string name(text);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::pair<std::string_view, Element>, 3> kNames{
      {{"mpi_char", Element::kChar}, {"mpi_int", Element::kInt}, {"mpi_float", Element::kFloat}}};
  bool known = false;
  for (const auto& [spelling, element] : kNames) {
    if (name != spelling && name != "all") {
      continue;
    }
    known = true;
    if (std::ranges::find(options.elements, element) == options.elements.end()) {
      options.elements.push_back(element);
    }
  }
  return known ? "" : "needed is mpi_char, mpi_int, mpi_float or all";
}

std::string read_place(Options& options, std::string_view text) {
  const bool is_cuda = text == "cuda";
  options.place = is_cuda ? Place::kCuda : Place::kHost;
  return is_cuda || text == "host" ? "" : "needed is host or cuda";
}

/// Names between commas.
std::string read_rivals(Options& options, std::string_view text) {
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view name = text.substr(0, comma);
    if (name == "mpi") {
      options.versus_mpi = true;
    } else if (name == "nccl") {
      options.versus_nccl = true;
    } else if (name == "nccl-ce") {
      options.versus_nccl_ce = true;
    } else {
      return "needed is mpi, nccl or nccl-ce, or several with commas between them";
    }
    if (comma == std::string_view::npos) {
      return {};
    }
    text.remove_prefix(comma + 1);
  }
}

/// A row's `apply` that stores a whole number in `target`, as a Value.
template <class Value, class Target>
auto store_number(Target& target, std::int64_t least, std::int64_t most) {
  return [&target, least, most](std::string_view text) -> std::string {
    const auto value = whole_number(text, least, most);
    if (!value) {
      return "needed is a whole number from " + std::to_string(least) + " to " +
             std::to_string(most);
    }
    target = static_cast<Value>(*value);
    return {};
  };
}

auto store_fraction(double& target) {
  return [&target](std::string_view text) -> std::string {
    const auto value = fraction(text);
    target = value.value_or(target);
    return value ? "" : "needed is a number from 0 to 1";
  };
}

auto store_path(std::string& target) {
  return [&target](std::string_view text) -> std::string {
    target = text;
    return text.empty() ? "needed is a file's name" : "";
  };
}

auto set_switch(bool& target) {
  return [&target](std::string_view) -> std::string {
    target = true;
    return {};
  };
}

using Refusal = std::optional<std::string>;

/// What has to be on a GPU.
Refusal refuse_on_host(const Options& options) {
  const char* const name = options.graph_calls > 0  ? "--cuda-graph"
                           : options.versus_nccl    ? "--vs nccl"
                           : options.versus_nccl_ce ? "--vs nccl-ce"
                                                    : nullptr;
  return name == nullptr ? Refusal() : std::string("option ") + name + " needs -d, --device cuda";
}

/// What does not go with exchanges in place.
Refusal refuse_in_place(const Options& options, int ranks) {
  if (!options.in_place) {
    return std::nullopt;
  }
  constexpr const char* kEqually = "in place, two ranks must send each other equally much";
  if (options.place == Place::kCuda) {
    return "option -l, --in-place, does not go with -d, --device cuda: a call on a stream has no "
           "MPI_IN_PLACE";
  }
  if (options.plan) {
    return "option --plan does not go with -l, --in-place: a plan has no MPI_IN_PLACE";
  }
  if (!options.matrix_path.empty()) {
    return std::string("option --matrix does not go with -l, --in-place: ") + kEqually;
  }
  // With two ranks the other one is a single hop away both ways, which keeps the symmetry.
  if (options.by_distance && ranks > 2) {
    return "option --by-distance does not go with -l, --in-place, on " + std::to_string(ranks) +
           " ranks: " + kEqually;
  }
  if (options.skew > 0.0 && ranks > 2) {
    return "option --skew " + shortest(options.skew) +
           " does not go with -l, --in-place: " + kEqually + ", and with a skew on " +
           std::to_string(ranks) + " ranks they do not";
  }
  return std::nullopt;
}

/// Patterns that do not go together, or not with a library.
Refusal refuse_pattern(const Options& options) {
  if (options.by_distance && options.skew > 0.0) {
    return "option --by-distance does not go with --skew: both say how the shares grow";
  }
  const char* const pattern = options.skew > 0.0       ? "--skew"
                              : options.by_distance    ? "--by-distance"
                              : options.sparsity > 0.0 ? "--sparsity"
                                                       : nullptr;
  const bool has_matrix = !options.matrix_path.empty();
  if (has_matrix && pattern != nullptr) {
    return std::string("option --matrix does not go with ") + pattern +
           ": both say who sends how much";
  }
  if (options.versus_nccl_ce && (has_matrix || pattern != nullptr)) {
    return std::string("option --vs nccl-ce does not go with ") +
           (has_matrix ? "--matrix" : pattern) +
           ": NCCL's copy engines send every rank equally much";
  }
  return std::nullopt;
}

}  // namespace

int Options::iterations_for(std::size_t bytes) const {
  return iterations.value_or(bytes > kLargestSmallMessage ? kLargeIterations : kSmallIterations);
}

int Options::warmups_for(std::size_t bytes) const {
  return warmups.value_or(bytes > kLargestSmallMessage ? kLargeWarmups : kSmallWarmups);
}

int Options::checks_for(std::size_t bytes) {
  return bytes > kLargestSmallMessage ? kLargeChecks : kSmallChecks;
}

std::vector<Option> osu_options(Options& options) {
  return {
      {'h', "help", "", "print this text", set_switch(options.help)},
      {'v', "version", "", "print the version", set_switch(options.version)},
      {'f', "full", "", "add columns: fastest and slowest rank, iterations",
       set_switch(options.full)},
      {'m', "message-size", "[MIN:]MAX",
       "bytes per peer: MIN, doubled up to MAX (default 1:1048576);\nMIN: alone keeps MAX's "
       "default",
       [&options](std::string_view text) { return read_sizes(options, text); }},
      {'i', "iterations", "N", "timed calls per size (default 1000; 100 above 8192 bytes)",
       store_number<int>(options.iterations, 1, kMostIterations)},
      {'x', "warmup", "N", "calls before the timed ones (default 100; 10 above 8192 bytes)",
       store_number<int>(options.warmups, 0, kMostIterations)},
      {'M', "mem-limit", "BYTES",
       "skip sizes whose blocks for all peers exceed BYTES (default 536870912,\nwith -d cuda "
       "8589934592; at least 1048576)",
       store_number<std::size_t>(options.memory_limit, 0, kMostBytes)},
      {'c', "validation", "",
       "check every received byte of every call, with -d cuda of calls of their\nown; adds a "
       "column",
       set_switch(options.validate)},
      {'u', "validation-warmup", "N",
       "with -c on the host: untimed calls before each call (default 5, at\nmost 10)",
       store_number<int>(options.validation_warmups, 0, kMostValidationWarmups)},
      {'T', "type", "TYPE",
       "mpi_char (default), mpi_int, mpi_float or all; may be given again\nfor a further type",
       [&options](std::string_view text) { return read_elements(options, text); }},
  };
}

std::vector<Option> exchange_options(Options& options) {
  return {
      {'l', "in-place", "", "exchange within one buffer (MPI_IN_PLACE)",
       set_switch(options.in_place)},
      {'d', "device", "PLACE", "where the buffers are: host (default) or cuda",
       [&options](std::string_view text) { return read_place(options, text); }},
      {'\0', "cuda-graph", "[N]",
       "with -d cuda: record N calls (default 20) in a CUDA graph and replay it",
       [&options](std::string_view text) {
         options.graph_calls = kGraphCalls;
         return text.empty() ? std::string()
                             : store_number<int>(options.graph_calls, 1, kMostGraphCalls)(text);
       },
       true},
      {'\0', "vs", "LIBRARIES",
       "time mpi, nccl or nccl-ce too, or several with commas between them, in\n"
       "turns with causeway; adds columns; nccl-ce is NCCL's alltoall by copy\n"
       "engines, in buffers of its own",
       [&options](std::string_view text) { return read_rivals(options, text); }},
      {'\0', "plan", "", "time causeway through a plan made once per size too; adds columns",
       set_switch(options.plan)},
      {'\0', "registered", "", "register the buffers with causeway and NCCL before the calls",
       set_switch(options.registered)},
      {'\0', "max-ctas", "N", "at most N thread blocks for an exchange of causeway or NCCL",
       store_number<int>(options.max_ctas, 1, kMostCtas)},
      {'\0', "skew", "A",
       "the peer d ranks further on gets a share of 1 + A*d, scaled to keep\n"
       "the mean per peer; A from 0 to 1 (default 0)",
       store_fraction(options.skew)},
      {'\0', "by-distance", "",
       "as nccl-tests' alltoallv: the peer d ranks further on gets d shares, and\n"
       "a rank sends itself nothing; the mean per peer is kept",
       set_switch(options.by_distance)},
      {'\0', "sparsity", "F", "fraction of the pairs that exchange nothing, 0 to 1 (default 0)",
       store_fraction(options.sparsity)},
      {'\0', "matrix", "FILE",
       "a row per rank in FILE: the bytes that it sends to each rank; scaled to\n"
       "the means per peer that -m asks for, without -m taken as they are",
       store_path(options.matrix_path)},
      {'\0', "seed", "N", "chooses the empty pairs and the bytes that -c sends (default 1)",
       store_number<std::uint64_t>(options.seed, 0, kMostBytes)},
      {'\0', "csv", "FILE", "rank 0 writes the results to FILE as well",
       store_path(options.csv_path)},
  };
}

std::optional<std::string> finish_options(Options& options, int ranks) {
  if (options.elements.empty()) {
    options.elements.push_back(Element::kChar);
  }
  if (options.smallest > options.largest) {
    return "option -m, --message-size: MIN " + std::to_string(options.smallest) +
           " is larger than MAX " + std::to_string(options.largest);
  }
  const bool on_gpu = options.place == Place::kCuda;
  options.memory_limit = options.memory_limit.value_or(on_gpu ? kGpuMemory : kHostMemory);
  if (*options.memory_limit < kLeastMemory) {
    options.notes.push_back("option -M, --mem-limit: " + std::to_string(*options.memory_limit) +
                            " is too low, using " + std::to_string(kLeastMemory));
    options.memory_limit = kLeastMemory;
  }
  auto refusal = on_gpu ? std::nullopt : refuse_on_host(options);
  refusal = refusal ? refusal : refuse_in_place(options, ranks);
  return refusal ? refusal : refuse_pattern(options);
}

}  // namespace causeway::osu
