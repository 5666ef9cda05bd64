// The built-in tables of the tuner, as measured on hosts and on H200s.
#include "tuner.hpp"

#include <args.h>

namespace causeway {

namespace {

using device::LinkKind;

constexpr std::uint64_t kKiB = 1024;
constexpr Range kAnySize{};
/// Up to so many bytes half as many threads are as fast, and come sooner.
constexpr std::uint64_t kTiny = 512;

constexpr TuningRule row(LinkKind link, Protocol protocol, Range bytes, std::uint32_t lanes,
                         std::uint64_t lane_bytes, std::uint64_t chunk, std::uint32_t threads) {
  return {std::nullopt, link, bytes, {}, protocol, lanes, lane_bytes, chunk, threads};
}

/// A lane of its own costs a block another wait; below 16 KiB it costs more than it moves. Lines
/// are worth several lanes sooner: each thread of a receiver looks out for two words while the
/// header is on its way, and with up to 2 KiB a lane those are all. Each warp takes as many
/// instructions to set up, which counts where all messages go in lines. Blocks for what a rank
/// sends itself are worth it sooner there too.
constexpr TuningRule kNetworkStaged =
    row(LinkKind::kNetwork, Protocol::kStaged, kAnySize, 64, 16 * kKiB, 0, kernels::kMostThreads);
constexpr TuningRule kMemoryStaged =
    row(LinkKind::kMemory, Protocol::kStaged, kAnySize, 64, 16 * kKiB, 0, kernels::kMostThreads);
constexpr TuningRule kMemoryLines =
    row(LinkKind::kMemory, Protocol::kLines, kAnySize, 64, 2 * kKiB, 0, 256);
constexpr TuningRule kShortMemoryLines =
    row(LinkKind::kMemory, Protocol::kLines, {0, 32 * kKiB}, 32, kKiB, 0, 256);
constexpr TuningRule kTinyMemoryLines =
    row(LinkKind::kMemory, Protocol::kLines, {0, kTiny}, 1, kKiB, 0, 128);
/// On the host device wide lines are there for who asks for them.
constexpr TuningRule kHostWideLines =
    row(LinkKind::kMemory, Protocol::kWideLines, kAnySize, 16, 4 * kKiB, 0, kernels::kMostThreads);
/// 128 threads hold 8 KiB of a lane at once. Two launches of so many lanes, and of some blocks for
/// what a rank sends itself, have room on a GPU, so that each comes while the one before it runs:
/// between two H100s or H200s that is worth more than further lanes.
constexpr TuningRule kCudaWideLines = row(LinkKind::kMemory, Protocol::kWideLines,
                                          {64 * kKiB + 1, Range::kEndless}, 44, 8 * kKiB, 0, 256);
constexpr TuningRule kSelfStaged = row(LinkKind::kSelf, Protocol::kStaged, kAnySize,
                                       kMostSelfBlocks, 16 * kKiB, 0, kernels::kMostThreads);
constexpr TuningRule kSelfBesideLines =
    row(LinkKind::kSelf, Protocol::kLines, {0, 4 * kKiB* kKiB}, kMostSelfBlocks, 8 * kKiB, 0, 256);
constexpr TuningRule kTinySelfBesideLines =
    row(LinkKind::kSelf, Protocol::kLines, {0, kTiny}, 1, 8 * kKiB, 0, 128);

/// On H200s going direct is as fast as staged at 64 KiB a lane, and faster above; wide lines are
/// faster than either, as far as they serve.
constexpr TuningRule kHostDirect = row(LinkKind::kMemory, Protocol::kDirect, kAnySize, 64,
                                       16 * kKiB, 16 * kKiB, kernels::kMostThreads);
constexpr TuningRule kCudaDirect =
    row(LinkKind::kMemory, Protocol::kDirect, {512 * kKiB, Range::kEndless}, 64, 64 * kKiB, 0,
        kernels::kMostThreads);

constexpr TuningRule kHostRules[] = {kNetworkStaged, kMemoryStaged,   kHostDirect,
                                     kHostWideLines, kMemoryLines,    kShortMemoryLines,
                                     kSelfStaged,    kSelfBesideLines};
/// Copy engines serve where a rule asks for them: between two H200s they take 1.4 times as long.
constexpr TuningRule kCudaRules[] = {
    kNetworkStaged, kMemoryStaged,  kMemoryLines, kShortMemoryLines, kTinyMemoryLines,
    kCudaDirect,    kCudaWideLines, kSelfStaged,  kSelfBesideLines,  kTinySelfBesideLines};

}  // namespace

std::span<const TuningRule> built_in_rules(DeviceKind device) {
  if (device == DeviceKind::kCuda) return kCudaRules;
  return kHostRules;
}

}  // namespace causeway
