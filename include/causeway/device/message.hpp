// What the two ends of a message are told: a share that a lane carries, and what is asked for.
#pragma once

#include <causeway/device/channel.hpp>
#include <causeway/device/wait.hpp>

namespace causeway::device {

/// Tags say what a message is of: both ends of it give the same, and a receiver that finds another
/// reports it. Those with kAnnounced are of messages that are matched one by one: each has a
/// header, also one of no bytes, and its receiver waits for it, also one that asks for no bytes.
/// Others are below 15; of them a message of no bytes has no header, and a receiver that asks for
/// none waits for nothing.
inline constexpr std::uint32_t kAnnounced = std::uint32_t{1} << 31;

CAUSEWAY_FN constexpr bool is_announced(std::uint32_t tag) { return (tag & kAnnounced) != 0; }

/// What a receiver has heard of a message.
struct MessageInfo {
  std::uint64_t bytes;  ///< of the message, also where the receiver took less
  std::uint32_t tag;
  std::uint32_t source = 0;  ///< rank, said where any could have sent it
};

/// One lane's share of a message: bytes [offset, offset + bytes) of message_bytes. The shares of a
/// message go by one protocol; by one of lines where each fits in its lane's.
struct Share {
  std::uint64_t message_bytes;
  std::uint64_t offset;  ///< a multiple of the hook's granularity
  std::uint64_t bytes;   ///< likewise; 0 announces that this lane carries nothing
  /// Largest piece wished for, cut to the channel's eager limit, and no less than 16 bytes or an
  /// element. With kDirect the most that goes through the ring before the post is there, 0 on
  /// channels with lines for nothing.
  std::uint64_t piece_bytes;
  std::uint32_t lanes;  ///< lanes that the message is spread over
  std::uint32_t tag;
  Protocol protocol = Protocol::kStaged;  ///< kDirect where the receiver's post allows it
  void* user = nullptr;                   ///< handed to the hook
  /// The exchange is paired: this rank also receives from that peer in it, and both ends say so. A
  /// message each way, an empty one too, tells that what came before is over. A message that is
  /// sent alone does not: its receiver says so.
  bool paired = false;
  /// The group sees to this lane and every lane_step-th one behind it; other groups to those
  /// between.
  std::uint32_t lane_step = 1;
};

/// What a rank asks of a peer in one exchange.
struct Request {
  std::uint64_t bytes;    ///< most bytes of the message, over all lanes; 0 waits for nothing
  bool forgives = false;  ///< what comes unasked, now or from earlier exchanges, is no fault
  bool any_tag = false;   ///< of those with kAnnounced
  std::uint32_t tag = 0;  ///< of the message; 0 takes any
  void* user = nullptr;   ///< handed to the hook
  bool paired = false;    ///< as the sender's Share says
  /// Say as this begins that all before is over. Not needed in a paired exchange in which this rank
  /// sends bytes to that peer.
  bool acknowledges = true;
  std::uint32_t lane_step = 1;  ///< as the sender's, for the groups that receive
  /// How the message will likely come. Where that is in lines, every thread looks out for its own;
  /// it may come otherwise, and later then.
  Protocol expects = Protocol::kStaged;
  std::uint32_t lane_bytes = UINT32_MAX;  ///< most bytes of a lane then
  /// Where the sender may store the message itself: a region of this rank's, by name, and the
  /// message's place in it. For hooks that would store it just there.
  std::uint64_t region = kNoRegion;
  std::uint64_t region_offset = 0;
  MessageInfo* info = nullptr;  ///< where to say what came, or null; memory that the device can
                                ///< write
};

/// Whether a message with a tag is one that was asked for.
CAUSEWAY_FN constexpr bool is_wanted(const Request& request, std::uint32_t tag) {
  return tag == request.tag || request.tag == 0 || (request.any_tag && is_announced(tag));
}

/// What is wrong where a message with a tag is not one that was asked for. One of another operation
/// stands where its own does not come any more, or not yet: from there on the two ends would take
/// each other's messages for others than they are.
CAUSEWAY_FN constexpr Fault fault_of_tag(const Request& request, std::uint32_t tag) {
  return is_announced(request.tag) && is_announced(tag) ? Fault::kMismatched : Fault::kOutOfStep;
}

/// What receive() found.
struct Received {
  bool ok;              ///< false when a wait was given up
  std::uint32_t lanes;  ///< lanes from here on carry nothing of the message, and need no further
                        ///< call

  CAUSEWAY_FN explicit operator bool() const { return ok; }
};

}  // namespace causeway::device
