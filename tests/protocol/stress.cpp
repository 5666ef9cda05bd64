// Stress: many random exchanges of any operation on two communicators, every byte checked.
#include "stress.hpp"

#include "blocks.hpp"
#include "seed.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace causeway::test {

namespace {

constexpr std::uint64_t kGap = 24;
constexpr std::byte kGuard{0x5A};

std::vector<std::byte> random_bytes(Random& random, std::uint64_t bytes) {
  std::vector<std::byte> pool(bytes);
  for (std::uint64_t i = 0; i + 8 <= bytes; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(&pool[i], &word, sizeof word);
  }
  return pool;
}

std::string first_difference(const char* what, std::uint64_t exchange, int from,
                             const std::byte* got, const std::byte* expected, std::uint64_t bytes) {
  const auto at = static_cast<std::uint64_t>(std::mismatch(got, got + bytes, expected).first - got);
  return "exchange " + std::to_string(exchange) + ": wrong " + what + " " + std::to_string(at) +
         " of " + std::to_string(bytes) + " from rank " + std::to_string(from);
}

/// Which ranks have a message for which in an exchange, the same on all ranks: all for all, each
/// for one, or some for some.
class Edges {
 public:
  Edges(Random& shared, std::size_t ranks, std::uint64_t exchange)
      : kind_(static_cast<Kind>(shared() % 4)), ranks_(ranks) {
    tag_ = static_cast<std::int32_t>(exchange & 0x7fffffff);
    shift_ = shared() % ranks;
    for (std::size_t i = 0; i < ranks * ranks; ++i) there_.push_back(shared() % 3 != 0);
  }

  bool has(std::size_t from, std::size_t to) const {
    if (kind_ == kShift && to != (from + shift_) % ranks_) return false;
    return kind_ <= kAll || there_[from * ranks_ + to];
  }

  /// Null for an alltoallv.
  const Pattern* pattern_of(std::size_t rank) {
    if (kind_ <= kAll) return nullptr;
    std::vector<Edge> sends;
    std::vector<Edge> receives;
    for (std::uint32_t peer = 0; peer < ranks_; ++peer) {
      if (has(rank, peer)) sends.push_back({peer, peer});
      if (has(peer, rank)) receives.push_back({peer, peer});
    }
    const auto operation =
        kind_ == kShift ? kernels::Operation::kSendrecv : kernels::Operation::kNeighbor;
    pattern_ = pattern_of_edges(operation, static_cast<int>(rank), static_cast<int>(ranks_), sends,
                                receives);
    if (pattern_.rounds.empty()) pattern_.rounds.emplace_back();
    if (kind_ == kShift) {
      pattern_.tags = {kernels::tag_of_message(tag_), kernels::tag_of_message(tag_)};
    }
    return &pattern_;
  }

 private:
  enum Kind { kAll = 1, kShift, kSome };  ///< 0 is kAll too

  Kind kind_;
  std::size_t ranks_;
  std::int32_t tag_;
  std::size_t shift_;
  std::vector<bool> there_;
  Pattern pattern_;
};

}  // namespace

bool parse_stress_options(int argc, char** argv, StressOptions* options) {
  options->seed = test_seed();
  std::uint64_t ranks = static_cast<std::uint64_t>(options->ranks);
  const std::pair<const char*, std::uint64_t*> known[] = {{"--exchanges", &options->exchanges},
                                                          {"--ring", &options->ring_bytes},
                                                          {"--start", &options->start_count},
                                                          {"--seed", &options->seed},
                                                          {"--ranks", &ranks}};
  for (int i = 1; i < argc; i += 2) {
    const auto match = std::find_if(std::begin(known), std::end(known), [&](const auto& option) {
      return std::strcmp(option.first, argv[i]) == 0;
    });
    char* end = nullptr;
    if (match != std::end(known) && i + 1 < argc)
      *match->second = std::strtoull(argv[i + 1], &end, 10);
    if (end != nullptr && *end == '\0' && end != argv[i + 1]) continue;
    std::fprintf(stderr, "%s: takes --exchanges, --ring, --start, --seed, --ranks and a number\n",
                 argv[i]);
    return false;
  }
  options->ranks = static_cast<int>(ranks);
  return true;
}

StressResult run_stress(const StressOptions& options, const int (&ranks_of)[2], int ranks,
                        const StressExchange& exchange) {
  const std::uint64_t most = 4 * options.ring_bytes;
  const auto size = static_cast<std::size_t>(ranks);
  Random shared(options.seed);
  const std::vector<std::byte> pool = random_bytes(shared, 2 * most + 4096);
  std::vector<std::byte> received(size * (most + 2 * kGap));
  const std::vector<std::byte> guard(kGap, kGuard);
  std::vector<Extent> send(size);
  std::vector<Extent> receive(size);
  std::vector<Extent> source(size);
  std::vector<std::uint64_t> through[2];
  through[0].resize(size);
  through[1].resize(size);
  StressResult result;
  std::uint64_t calls[2] = {};
  for (std::uint64_t e = 0; e < options.exchanges && result.problem.empty(); ++e) {
    const int c = static_cast<int>(shared() % 2);
    const bool through_rings = !is_registered(++calls[c]);
    const auto me = static_cast<std::size_t>(ranks_of[c]);
    Edges edges(shared, size, e);
    std::uint64_t at = shared() % 16;
    for (std::size_t from = 0; from < size; ++from) {
      for (std::size_t to = 0; to < size; ++to) {
        const std::uint64_t drawn = log_uniform(shared, most);
        const std::uint64_t bytes = edges.has(from, to) ? drawn : 0;
        const Extent piece{static_cast<std::int64_t>(shared() % (pool.size() - bytes)), bytes};
        if (from == me) send[to] = piece;
        if (to != me) continue;
        source[from] = piece;
        at += kGap;
        receive[from] = {static_cast<std::int64_t>(at), bytes};
        std::memcpy(&received[at - kGap], guard.data(), kGap);
        at += bytes;
        std::memcpy(&received[at], guard.data(), kGap);
      }
    }
    result.problem = exchange(c, pool, received, {send, receive, edges.pattern_of(me)});
    for (std::size_t from = 0; from < size && result.problem.empty(); ++from) {
      const Extent& block = receive[from];
      const std::byte* const got = received.data() + block.offset;
      const std::byte* const expected = pool.data() + source[from].offset;
      const int rank = static_cast<int>(from);
      if (std::memcmp(got, expected, block.bytes) != 0) {
        result.problem = first_difference("byte", e, rank, got, expected, block.bytes);
      } else if (std::memcmp(got - kGap, guard.data(), kGap) != 0) {
        result.problem = first_difference("guard byte", e, rank, got - kGap, guard.data(), kGap);
      } else if (std::memcmp(got + block.bytes, guard.data(), kGap) != 0) {
        result.problem =
            first_difference("guard byte", e, rank, got + block.bytes, guard.data(), kGap);
      }
      result.bytes += block.bytes;
      if (from != me && through_rings) through[c][from] += block.bytes;
    }
    ++result.exchanges;
  }
  result.fewest_wraps = ~std::uint64_t{0};
  for (int c = 0; c < 2; ++c) {
    for (std::size_t from = 0; from < size; ++from) {
      if (from == static_cast<std::size_t>(ranks_of[c])) continue;
      result.fewest_wraps = std::min(result.fewest_wraps, through[c][from] / options.ring_bytes);
    }
  }
  return result;
}

}  // namespace causeway::test
