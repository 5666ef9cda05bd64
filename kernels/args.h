// What launches are given: plain data that a kernel takes by value.
#pragma once

#include <causeway/device/communicator.hpp>
#include <causeway/device/layout.hpp>
#include <causeway/device/message.hpp>

namespace causeway::kernels {

/// Which operation an exchange is of. Its messages have this number for a tag, but for those of
/// kSendrecv: they have tags of the caller's.
enum class Operation : std::uint32_t { kAlltoallv = 1, kNeighbor = 2, kSendrecv = 3 };

/// The tag of an operation's messages; and of a message that its caller gives a tag, from 0 on.
CAUSEWAY_FN constexpr std::uint32_t tag_of(Operation operation) {
  return static_cast<std::uint32_t>(operation);
}
CAUSEWAY_FN constexpr std::uint32_t tag_of_message(std::int32_t tag) {
  return device::kAnnounced | static_cast<std::uint32_t>(tag);
}

/// A message to one peer: where its block begins, in bytes from sendbuf, and how it is to travel.
struct SendItem {
  std::int64_t offset;
  std::uint64_t bytes;
  std::uint64_t lane_bytes;   ///< that each lane carries, but for the last: a multiple of a line
  std::uint32_t piece_bytes;  ///< payload published at once; kDirect: most in the ring; at least 1
  std::uint32_t peer;         ///< rank
  std::uint16_t layout;       ///< of its elements, a place in ExchangeArgs::layouts; 0 where they
                              ///< lie side by side
  std::uint8_t lanes;         ///< lanes that share the block, the first ones; at least 1
  std::uint8_t protocol;      ///< a device::Protocol: kStaged, kLl, kLl128, kDirect or kPull
  bool paired;                ///< the peer sends this rank a message in the same exchange
};

/// What each of `lanes` lanes carries of a block of `bytes` bytes.
CAUSEWAY_FN constexpr std::uint64_t lane_bytes_of(std::uint64_t bytes, std::uint64_t lanes) {
  return device::round_up((bytes + lanes - 1) / lanes, device::kLineBytes);
}

/// A message from one peer: where its block goes, in bytes from recvbuf, and how many bytes are
/// asked for.
struct ReceiveItem {
  std::int64_t offset;
  std::uint64_t bytes;
  std::uint32_t lane_bytes;  ///< most bytes of a lane, as it will likely come
  std::uint32_t peer;        ///< rank
  std::uint16_t layout;      ///< as above
  std::uint8_t protocol;     ///< a device::Protocol, by which it will likely come
  bool paired;               ///< this rank sends the peer a message in the same exchange,
  bool answered;             ///< and that has some bytes
};

/// What a rank sends itself.
struct SelfItem {
  std::int64_t from;    ///< in bytes from sendbuf
  std::int64_t to;      ///< in bytes from recvbuf
  std::uint64_t bytes;  ///< that it sends
  std::uint64_t asked;  ///< that it asks for
  std::uint16_t from_layout;
  std::uint16_t to_layout;
};

/// How the thread blocks of a launch share the work: the first ones exchange with peers, and the
/// last ones move what the rank sends itself. A block may do both, the latter at the end.
struct BlockSplit {
  std::uint32_t blocks;            ///< of the launch; at least 1
  std::uint32_t peer_blocks;       ///< at least 1 where there are peers
  std::uint32_t first_self;        ///< less than `blocks`
  std::uint32_t threads = 0;       ///< of a block, on GPUs: a multiple of 64
  std::uint32_t send_threads = 0;  ///< of those, the first ones, which send; the others receive.
                                   ///< Whole warps
};

/// What a thread block does at once.
enum Role : std::uint32_t { kSends = 0, kReceives = 1 };

/// What one role of a thread block does: from lane `lane` on every `lane_step`-th lane of item
/// `item`, then of the item BlockSplit::peer_blocks behind it, and so on.
struct Visits {
  std::uint16_t item;  ///< at least the number of items where there is nothing to do
  std::uint16_t peer;  ///< of that item: read beside it, channels are found sooner
  std::uint8_t lane;
  std::uint8_t lane_step;
};

CAUSEWAY_FN constexpr Visits no_visits() { return {0xffff, 0, 0, 1}; }

/// The most ranks of a communicator: visits have 16 bits for a peer.
inline constexpr std::uint32_t kMostRanks = 0xffff;
/// The most lanes of a pair of ranks: more do not make it faster.
inline constexpr std::uint32_t kMostLanes = 64;
/// The most items of a role that go in a kernel's arguments. Longer lists are in device memory.
inline constexpr std::uint32_t kMostInlineItems = 16;

/// Visits of an item of short lists in four bytes: a launch takes longer the more arguments it has.
class ShortVisits {
 public:
  ShortVisits() = default;
  CAUSEWAY_FN explicit constexpr ShortVisits(const Visits& visits)
      : word_((visits.item < kMostInlineItems ? visits.peer : kNone) |
              (visits.item % kMostInlineItems) << kItemAt |
              static_cast<std::uint32_t>(visits.lane) << kLaneAt |
              (visits.lane_step - 1U) << kStepAt) {}

  CAUSEWAY_FN constexpr Visits get() const {
    const std::uint32_t peer = word_ & kNone;
    const std::uint32_t item = word_ >> kItemAt & (kMostInlineItems - 1);
    return {static_cast<std::uint16_t>(peer == kNone ? kNone : item),
            static_cast<std::uint16_t>(peer),
            static_cast<std::uint8_t>(word_ >> kLaneAt & (kMostLanes - 1)),
            static_cast<std::uint8_t>((word_ >> kStepAt) + 1)};
  }

 private:
  static constexpr std::uint32_t kNone = 0xffff;
  static constexpr unsigned kItemAt = 16;
  static constexpr unsigned kLaneAt = 20;
  static constexpr unsigned kStepAt = 26;
  static_assert(kNone >= kMostRanks && kMostInlineItems == 16 && kMostLanes == 64);

  std::uint32_t word_;
};

/// The most threads of a block on GPUs: as many as can have registers for all that they do.
inline constexpr std::uint32_t kMostThreads = 512;

/// How many of them receive where peers store what they send straight into this rank's memory, and
/// there is nothing to do but to hear of it.
inline constexpr std::uint32_t kThreadsThatHear = 32;

/// How a launch on a GPU meets its neighbours on the stream. One that comes early takes
/// multiprocessors and waits there until all before it is over.
struct Overlap {
  bool with_previous = true;  ///< it may come while the launch before it ends, or earlier where
                              ///< that one lets it
  bool with_next = false;     ///< it lets the next launch come as soon as it runs itself
};

struct ExchangeArgs {
  BlockSplit split;
  std::uint32_t sends;     ///< items
  std::uint32_t receives;  ///< items
  bool declined;           ///< take no part: tell every peer so, send and take nothing
  const std::byte* sendbuf;
  std::byte* recvbuf;
  device::Communicator comm;
  const device::Layout* layouts;  ///< memory of the device; null where no block has one
  std::uint64_t region;  ///< that recvbuf's blocks lie in, for peers to write to; or kNoRegion
  std::uint64_t region_offset;  ///< of recvbuf in it; blocks may lie before recvbuf
  Operation operation;
  std::uint32_t send_tag;     ///< of the messages that this rank sends
  std::uint32_t receive_tag;  ///< of those that it asks for
  Overlap overlap = {};
  bool any_tag = false;                 ///< of a caller's will do instead
  bool any_source = false;              ///< so will any peer instead of the one of the only item
  device::MessageInfo* info = nullptr;  ///< where to say what came, or null: of the last message,
                                        ///< in memory that the device can write
  SelfItem self;
};

/// Whether an exchange's lists go in a kernel's arguments.
constexpr bool has_inline_lists(const ExchangeArgs& args) {
  return args.sends <= kMostInlineItems && args.receives <= kMostInlineItems;
}

/// The work of an exchange. Items of each role are in ascending order of hops: of how many ranks,
/// counted round the communicator, the receiver is behind the sender. The memory is the device's
/// that runs the exchange, and its owner keeps it meanwhile.
struct WorkLists {
  const SendItem* send;        ///< [ExchangeArgs::sends], of as many different peers
  const ReceiveItem* receive;  ///< [ExchangeArgs::receives], likewise
  const Visits* visits;        ///< [2 * BlockSplit::peer_blocks]: of those blocks for kSends, and
                               ///< then for kReceives. Null where they are short
  const ShortVisits* short_visits = nullptr;  ///< instead, where has_inline_lists()

  /// What a block does in one role.
  CAUSEWAY_FN constexpr Visits visits_of(const ExchangeArgs& args, Role role,
                                         std::uint32_t block) const {
    const std::uint32_t blocks = args.split.peer_blocks;
    if (block >= blocks) return no_visits();
    const std::uint32_t place = role * blocks + block;
    return short_visits != nullptr ? short_visits[place].get() : visits[place];
  }
};

}  // namespace causeway::kernels
