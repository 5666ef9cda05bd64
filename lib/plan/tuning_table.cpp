// The built-in tables of the tuner, as measured on hosts and on H200s.
#include "tuner.hpp"

#include <args.h>

#include <algorithm>

namespace causeway {

namespace {

using device::LinkKind;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr Range kAnySize{};
/// Largest message for which half the threads suffice; they start sooner.
constexpr std::uint64_t kTiny = 512;

constexpr TuningRule row(LinkKind link, Protocol protocol, Range bytes, std::uint32_t lanes,
                         std::uint64_t lane_bytes, std::uint64_t chunk, std::uint32_t threads) {
  return {std::nullopt, link, bytes, {}, protocol, lanes, lane_bytes, chunk, threads};
}

/// A lane of its own costs a block another wait; below 16 KiB it costs more than it moves.
constexpr TuningRule kNetworkStaged =
    row(LinkKind::kNetwork, Protocol::kStaged, kAnySize, 64, 16 * kKiB, 0, kernels::kMostThreads);
constexpr TuningRule kMemoryStaged =
    row(LinkKind::kMemory, Protocol::kStaged, kAnySize, 64, 16 * kKiB, 0, kernels::kMostThreads);
constexpr TuningRule kSelfStaged = row(LinkKind::kSelf, Protocol::kStaged, kAnySize,
                                       kMostSelfBlocks, 16 * kKiB, 0, kernels::kMostThreads);

/// Lines are worth several lanes sooner: each thread of a receiver looks out for two words while
/// the header is on its way, and with up to 2 KiB a lane those are all. Each warp takes as many
/// instructions to set up, which counts where all messages go in lines. Blocks for what a rank
/// sends itself are worth it sooner there too.
constexpr std::uint64_t kWatched = 2 * kKiB;
constexpr TuningRule kMemoryLines =
    row(LinkKind::kMemory, Protocol::kLl, kAnySize, 64, kWatched, 0, 256);
constexpr TuningRule kShortMemoryLines =
    row(LinkKind::kMemory, Protocol::kLl, {0, 32 * kKiB}, 32, kKiB, 0, 256);
constexpr TuningRule kTinyMemoryLines =
    row(LinkKind::kMemory, Protocol::kLl, {0, kTiny}, 1, kKiB, 0, 128);
constexpr TuningRule kSelfBesideLines =
    row(LinkKind::kSelf, Protocol::kLl, {0, 8 * kMiB}, kMostSelfBlocks, 8 * kKiB, 0, 256);
constexpr TuningRule kTinySelfBesideLines =
    row(LinkKind::kSelf, Protocol::kLl, {0, kTiny}, 1, 8 * kKiB, 0, 128);

/// On the host device lines of ll128 are there for who asks for them.
constexpr TuningRule kHostLl128 =
    row(LinkKind::kMemory, Protocol::kLl128, kAnySize, 16, 4 * kKiB, 0, kernels::kMostThreads);
constexpr TuningRule kHostDirect = row(LinkKind::kMemory, Protocol::kDirect, kAnySize, 64,
                                       16 * kKiB, 16 * kKiB, kernels::kMostThreads);

/// Of the lines of ll128 of a lane 128 threads hold 8 KiB at once.
constexpr TuningRule cuda_ll128(Range bytes, std::uint32_t lanes) {
  return row(LinkKind::kMemory, Protocol::kLl128, bytes, lanes, 8 * kKiB, 0, 256);
}
/// Between two GPUs, fewer lanes leave room for the next launch: the number of lanes, and the
/// largest message for which that is faster.
constexpr std::uint32_t kSomeLanes = 44;
constexpr std::uint64_t kMostForSomeLanes = 2 * kMiB;
/// Where room for the next launch takes many lanes: most bytes in each for which that is faster.
constexpr std::uint64_t kMostBesideNext = 32 * kKiB;
/// With more bytes in a lane lines of ll128 are slower than all else.
constexpr std::uint64_t kMostInLl128Lane = 256 * kKiB;
/// With more bytes lines of ll, of which half is flags, are slower however many lanes there are.
constexpr std::uint64_t kMostInLlLane = 64 * kKiB;

constexpr TuningRule for_sendrecv(TuningRule rule) {
  rule.operation = kernels::Operation::kSendrecv;
  return rule;
}
/// A message that is alone in its launch, as measured between two H100s: 64 lanes of ll128 take 3 %
/// longer at 1 to 8 MiB than these, and 44 take 14 % longer at 512 KiB. From the other size on,
/// going direct is faster, by 8 % at that size, and a bit more when some goes through the ring at
/// once.
constexpr std::uint32_t kLanesAlone = 56;
constexpr std::uint64_t kDirectAlone = 16 * kMiB;
constexpr std::uint64_t kDirectAtOnce = 16 * kKiB;

constexpr TuningRule host_pull(std::uint64_t least) {
  return row(LinkKind::kMemory, Protocol::kPull, {least, Range::kEndless}, 64, 16 * kKiB, 0,
             kernels::kMostThreads);
}

/// One copy instead of two is worth a system call from the sizes below on, as measured with 2, 4
/// and 8 ranks on 2 processors. A sender waits until its message has been read: where ranks take
/// turns on a processor, a message in the ring spares one turn, as long as it fits there. With many
/// messages for each rank they wait for each other as it is.
std::vector<TuningRule> host_rules(Processors processors) {
  std::vector<TuningRule> rules{kNetworkStaged, kMemoryStaged,     kHostDirect, kHostLl128,
                                kMemoryLines,   kShortMemoryLines, kSelfStaged, kSelfBesideLines};
  if (processors == Processors::kOwn) {
    rules.push_back(host_pull(8 * kKiB));
  } else {
    rules.push_back(host_pull(256 * kKiB + 1));
    rules.push_back(host_pull(16 * kKiB));
    rules.back().operation = kernels::Operation::kAlltoallv;
  }
  return rules;
}

/// As measured between 2, 3 and 4 H200s. Copy engines serve where a rule asks for them: between two
/// H200s they take 1.4 times as long.
std::vector<TuningRule> cuda_rules(PairLanes lanes) {
  const std::uint32_t beside_next = std::min(lanes.most, lanes.beside_next);
  std::vector<TuningRule> rules{kNetworkStaged, kMemoryStaged, kSelfStaged, kSelfBesideLines,
                                kTinySelfBesideLines};
  for (TuningRule lines : {kMemoryLines, kShortMemoryLines, kTinyMemoryLines}) {
    lines.lanes = std::min(*lines.lanes, lanes.beside_next);
    rules.push_back(lines);
  }
  // Going direct takes two trips more: as fast as staged at 64 KiB a lane, and faster above.
  constexpr std::uint32_t kDirectLanes = 64;
  constexpr std::uint64_t kDirectLane = 64 * kKiB;
  const std::uint64_t direct =
      std::max(512 * kKiB, std::min(lanes.most, kDirectLanes) * kDirectLane);
  rules.push_back(row(LinkKind::kMemory, Protocol::kDirect, {direct, Range::kEndless}, kDirectLanes,
                      kDirectLane, 0, kernels::kMostThreads));
  // Lines of ll128 are faster than either, as far as they serve, and than lines of ll of which a
  // receiver cannot watch for all at once.
  const std::uint64_t ll128_from = std::min(kMostInLlLane, beside_next * kWatched) + 1;
  const std::uint64_t most_ll128 = std::min(lanes.most, lanes.at_once) * kMostInLl128Lane;
  rules.push_back(cuda_ll128({ll128_from, most_ll128}, lanes.at_once));
  rules.push_back(cuda_ll128({ll128_from, std::min(most_ll128, kMostForSomeLanes)},
                             std::min(lanes.at_once, kSomeLanes)));
  if (beside_next < kSomeLanes) {
    rules.push_back(cuda_ll128({ll128_from, beside_next * kMostBesideNext}, beside_next));
  }
  rules.push_back(
      for_sendrecv(cuda_ll128({ll128_from, most_ll128}, std::min(lanes.at_once, kLanesAlone))));
  rules.push_back(for_sendrecv(row(LinkKind::kMemory, Protocol::kDirect,
                                   {std::max(direct, kDirectAlone), Range::kEndless}, kDirectLanes,
                                   kDirectLane, kDirectAtOnce, kernels::kMostThreads)));
  return rules;
}

}  // namespace

std::uint32_t default_lanes(DeviceKind device, std::uint32_t ranks, std::uint32_t blocks) {
  if (device != DeviceKind::kCuda || ranks == 1) return 1;
  constexpr std::uint32_t kFewBlocks = 32;
  constexpr std::uint32_t kLanesOfFewBlocks = 8;
  const std::uint32_t peers = ranks - 1;
  // Of many blocks some are left for what a rank sends itself: where it sends each peer as much,
  // they keep up with the links at the 12 GB/s that a block copies beside lines.
  const std::uint32_t left = std::min(blocks / 9, blocks / (4 * peers));
  const std::uint32_t lanes =
      std::clamp<std::uint32_t>((blocks - left) / peers, 1, kernels::kMostLanes);
  if (blocks <= peers || blocks > kFewBlocks) return lanes;
  // Of few blocks most may have to serve one peer, each with a lane. A multiple, so that blocks
  // that share a peer have equally many.
  return lanes * std::max(1U, std::min(blocks - peers + 1, kLanesOfFewBlocks) / lanes);
}

PairLanes pair_lanes(std::uint32_t lanes, std::uint32_t ranks, std::uint32_t blocks,
                     bool one_host) {
  PairLanes result{.most = lanes};
  if (ranks == 1) return result;
  const std::uint32_t peers = ranks - 1;
  result.at_once = std::clamp(blocks / peers, 1U, result.at_once);
  // What comes over the network is not in lines, and then nothing comes early.
  if (one_host) result.beside_next = std::clamp(blocks / 2 / peers, 1U, result.beside_next);
  return result;
}

std::vector<TuningRule> built_in_rules(DeviceKind device, PairLanes lanes, Processors processors) {
  return device == DeviceKind::kCuda ? cuda_rules(lanes) : host_rules(processors);
}

}  // namespace causeway
