// Tuning rules: what they are for, what they say, and how they are written. Pure: no MPI, no
// device.
#pragma once

#include "status.hpp"

#include <args.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace causeway {

/// What rules tell apart of the calls that move messages.
using Operation = kernels::Operation;

/// How messages may travel: in the ways of channels, or of planned exchanges past them.
enum class Protocol : std::uint32_t {
  kStaged = static_cast<std::uint32_t>(device::Protocol::kStaged),
  kLl = static_cast<std::uint32_t>(device::Protocol::kLl),
  kLl128 = static_cast<std::uint32_t>(device::Protocol::kLl128),
  kDirect = static_cast<std::uint32_t>(device::Protocol::kDirect),
  kPull = static_cast<std::uint32_t>(device::Protocol::kPull),
  kEngine = 16,  ///< copy engines move it; no device::Protocol
};

/// Numbers from `least` to `most`, both among them.
struct Range {
  static constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t least = 0;
  std::uint64_t most = kEndless;

  constexpr bool holds(std::uint64_t number) const { return least <= number && number <= most; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// How some messages are to travel. What is unset, other rules say.
struct TuningRule {
  // Which messages: by operation and link, unset for any, by their bytes, and by the thread blocks
  // that a launch may have.
  std::optional<Operation> operation;
  std::optional<device::LinkKind> link;
  Range bytes;
  Range ctas;
  /// Where it can serve: else an earlier rule's does. What else a rule with a protocol says is for
  /// messages that travel by that protocol.
  std::optional<Protocol> protocol;
  std::optional<std::uint32_t> lanes;       ///< at most
  std::optional<std::uint64_t> lane_bytes;  ///< of a message for each of its lanes, at least
  /// Staged: bytes that are published at once, 0 for as many as can. Direct: bytes that go through
  /// the ring until the receiver has said where the others go, 0 for none.
  std::optional<std::uint64_t> chunk;
  std::optional<std::uint32_t>
      threads;  ///< of a thread block; a launch has the most of any message

  friend bool operator==(const TuningRule&, const TuningRule&) = default;
};

/// Appends the rules of a line to *rules. They are separated by semicolons; # begins a comment:
///
///     operation:link:bytes[:ctas=range]:key=value[,key=value]...
///
/// operation is alltoallv, neighbor, sendrecv or *; link is self, memory, network or *; bytes and
/// range are N, N-, -N, N-M or *, where numbers take K, M and G; keys are protocol (ll, ll128,
/// staged, direct, pull, engine), lanes, lane_bytes, chunk and threads. Errors begin with `where`.
Status parse_rules(const std::string& where, std::string_view line, std::vector<TuningRule>* rules);

/// Appends the rules of a file's lines to *rules; errors name file and line.
Status read_rules(const std::string& path, std::vector<TuningRule>* rules);

/// How rules call things.
const char* name_of(Operation operation);
const char* name_of(device::LinkKind link);

/// Rules as lines of text that parse_rules() takes, each line with its end.
std::string rules_text(std::span<const TuningRule> rules);

}  // namespace causeway
