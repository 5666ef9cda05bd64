// The tuner: how each message is to travel, by rules. Pure: no MPI, no device.
#pragma once

#include "device_id.hpp"
#include "tuning_rules.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace causeway {

/// The most thread blocks of their own for what a rank sends itself, whatever rules say.
inline constexpr std::uint32_t kMostSelfBlocks = 32;

/// What the tuner is told of a message.
struct MessageFacts {
  Operation operation;
  device::LinkKind link;
  std::uint64_t bytes;
  std::uint32_t ctas;  ///< thread blocks that the launch may have
  bool lines;          ///< whether it may travel in lines; of what a rank sends itself, whether all
                       ///< other messages of the launch do
  bool direct;         ///< whether it may be stored straight into the receiver's memory
  bool engine = false;  ///< whether copy engines may move it
  bool ll128 = false;   ///< whether it may travel in lines of ll128
  bool pull = false;    ///< whether the receiver can read it where it lies

  friend bool operator==(const MessageFacts&, const MessageFacts&) = default;
};

/// What the tuner says; the parts mean what they mean in a rule.
struct Choice {
  Protocol protocol;
  std::uint32_t lanes;
  std::uint64_t lane_bytes;
  std::uint64_t chunk;
  std::uint32_t threads;
};

/// Lanes that messages of each pair may have.
struct PairLanes {
  std::uint32_t most = 1;
  /// Lanes of each pair that can have a thread block each.
  std::uint32_t at_once = 64;
  /// Lanes of each pair with which two launches have room on a GPU: the second may then come while
  /// the first runs, a third to half of a microsecond sooner.
  std::uint32_t beside_next = 64;
};

/// Lanes that each pair of `ranks` ranks gets where nobody wishes for a number. Launches on the
/// device may have `blocks` thread blocks, at least 1; on GPUs as measured between H200s and H100s.
std::uint32_t default_lanes(DeviceKind device, std::uint32_t ranks, std::uint32_t blocks);

/// What launches of up to `blocks` thread blocks make of a pair's `lanes` lanes, between `ranks`
/// ranks that are all on one host, or not.
PairLanes pair_lanes(std::uint32_t lanes, std::uint32_t ranks, std::uint32_t blocks, bool one_host);

/// Whether ranks of the host device can have a processor each.
enum class Processors { kOwn, kShared };

/// The rules of a device's built-in table. A row each for a link and a protocol that serves it, all
/// parts of a choice set; the one for staged comes first and is for messages of any size.
std::vector<TuningRule> built_in_rules(DeviceKind device, PairLanes lanes = {},
                                       Processors processors = Processors::kOwn);

/// The built-in table and the rules on top of it, of which later ones win over earlier ones. Each
/// rank may have its own: receivers learn from headers what senders chose.
class Tuner {
 public:
  explicit Tuner(DeviceKind device, std::span<const TuningRule> rules = {}, PairLanes lanes = {},
                 Processors processors = Processors::kOwn);

  /// This one with rules on top of its own.
  Tuner with(std::span<const TuningRule> rules) const;

  DeviceKind device() const { return device_; }
  Choice choose(const MessageFacts& message) const;

 private:
  void add(std::span<const TuningRule> rules);

  DeviceKind device_;
  std::array<std::vector<TuningRule>, 3> rules_;  ///< by link, in ascending order of precedence
};

/// That of the host device without further rules.
const Tuner& host_tuner();

}  // namespace causeway
