// Which options go together, and what depends on several of them or on the size.
#include "numbers.hpp"
#include "options.hpp"

#include <cstdint>
#include <functional>
#include <numeric>

namespace causeway::osu {
namespace {

constexpr std::size_t kLeastMemory = std::size_t{1} << 20;
constexpr std::size_t kHostMemory = std::size_t{512} << 20;
constexpr std::size_t kGpuMemory = std::size_t{8} << 30;

constexpr int kSmallIterations = 1000;
constexpr int kLargeIterations = 100;
constexpr int kSmallWarmups = 100;
constexpr int kLargeWarmups = 10;
constexpr int kSmallChecks = 20;
constexpr int kLargeChecks = 5;

using Refusal = std::optional<std::string>;

/// What has to be on a GPU.
Refusal refuse_on_host(const Options& options) {
  const char* const name = options.graph_calls > 0  ? "--cuda-graph"
                           : options.versus_nccl    ? "--vs nccl"
                           : options.versus_nccl_ce ? "--vs nccl-ce"
                                                    : nullptr;
  return name == nullptr ? Refusal() : std::string("option ") + name + " needs -d, --device cuda";
}

/// What has to be on the host.
Refusal refuse_on_gpu(const Options& options) {
  return options.immediate ? Refusal(
                                 "option --immediate does not go with -d, --device cuda: calls "
                                 "there are on a stream")
                           : Refusal();
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

/// Grids that the ranks do not make.
Refusal refuse_grid(const Options& options, int ranks) {
  if (options.dimensions.empty()) {
    return std::nullopt;
  }
  if (options.ring) {
    return "option --halo does not go with --ring: both say which grid";
  }
  const auto needed = std::accumulate(options.dimensions.begin(), options.dimensions.end(),
                                      std::int64_t{1}, std::multiplies<>());
  return needed == ranks
             ? Refusal()
             : "option --halo: a grid of " + product_of(options.dimensions) + " needs " +
                   std::to_string(needed) + " ranks, there are " + std::to_string(ranks);
}

/// Patterns that do not go together, or not with a library.
Refusal refuse_pattern(const Options& options) {
  if (options.ring && options.one_way) {
    return "option --ring does not go with --uni: both say who sends to whom";
  }
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
  auto refusal = on_gpu ? refuse_on_gpu(options) : refuse_on_host(options);
  refusal = refusal ? refusal : refuse_in_place(options, ranks);
  refusal = refusal ? refusal : refuse_grid(options, ranks);
  return refusal ? refusal : refuse_pattern(options);
}

}  // namespace causeway::osu
