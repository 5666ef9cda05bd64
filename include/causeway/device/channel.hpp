// Channels: one-way lanes between two ranks, and the words that control the flow on them.
#pragma once

#include <causeway/device/link.hpp>

#include <type_traits>

namespace causeway::device {

/// How the payload that follows a header travels.
enum class Protocol : std::uint32_t {
  kStaged = 1,    ///< in the receiver's ring, behind the header
  kDeclined = 2,  ///< not at all: the sender cannot take part in this exchange
  kLl = 3,        ///< in lines, each with a flag of its own
  kDirect = 4,    ///< straight into the receiver's memory, before the header
  kLl128 = 5,     ///< in lines of memory, each with a flag of its own
  kPull = 6,      ///< it stays where it is until the receiver has read it there
};

/// A receiver whose hook takes bytes from elsewhere reads as many at a time with kPull, in whole
/// elements.
inline constexpr std::uint64_t kPullPiece = 16 * 1024;

/// Whether payloads lie in rings, behind their headers.
CAUSEWAY_FN constexpr bool in_ring(Protocol protocol) {
  return protocol != Protocol::kDirect && protocol != Protocol::kPull;
}

/// Data and the flag that comes with it: stored and loaded whole. A flag is the sequence of the
/// exchange that wrote the line, so that an older one is never taken for it.
struct alignas(16) LlLine {
  std::uint64_t data;
  std::uint64_t flag;
};

/// The same in a line of memory: the flag is its last word.
struct alignas(kLineBytes) Ll128Line {
  std::uint64_t data[kLineBytes / sizeof(std::uint64_t) - 1];
  std::uint64_t flag;
};

/// Lines of ll128 of a share of `bytes` bytes, less than 4 GiB.
CAUSEWAY_FN constexpr std::uint32_t ll128_lines_in(std::uint64_t bytes) {
  constexpr std::uint32_t kEach = sizeof(Ll128Line::data);
  return (static_cast<std::uint32_t>(bytes) + kEach - 1) / kEach;
}

/// A header's lines are a line of memory of their own.
inline constexpr std::uint32_t kHeaderLines = kLineBytes / sizeof(LlLine);

/// Memory of one slot: a header, lines for `ll_bytes` bytes of a message, a multiple of 64, and
/// lines of ll128 for `ll128_bytes`. Slots begin on lines of memory.
CAUSEWAY_FN constexpr std::uint64_t slot_bytes(std::uint64_t ll_bytes, std::uint64_t ll128_bytes) {
  return kHeaderLines * sizeof(LlLine) + ll_bytes / sizeof(std::uint64_t) * sizeof(LlLine) +
         std::uint64_t{ll128_lines_in(ll128_bytes)} * sizeof(Ll128Line);
}

/// Begins every record in a ring: all that the receiver needs to know of it.
///
/// A message is what one rank sends another in one exchange; a lane carries a part of it, in one or
/// two records. The first holds as much as the eager limit allows and is sent unasked. Where that
/// is not all, the second holds the rest, up to what the receiver has posted that it takes: none
/// at all, if so.
struct RecordHeader {
  std::uint64_t sequence;       ///< exchange of this pair that the record belongs to
  std::uint64_t message_bytes;  ///< whole message, over all lanes
  std::uint64_t lane_bytes;     ///< this lane's part of it, over both records
  std::uint64_t offset;         ///< where in the message the record's payload begins
  std::uint64_t bytes;          ///< payload of this record
  std::uint64_t piece_bytes;    ///< the payload lies in pieces of this size, the last one smaller;
                                ///< kPull: where it lies, an address in the sender's process
  std::uint32_t granularity;    ///< bytes of an element; no piece ends inside one
  Protocol protocol;
  std::uint32_t lanes;  ///< lanes that carry parts of this message
  std::uint32_t tag;    ///< operation that sent it
};
static_assert(sizeof(RecordHeader) == 64 && sizeof(RecordHeader) % kPayloadAlign == 0);

/// Words in the receiver's memory that only the sender writes. All count up and are never reset.
struct alignas(kLineBytes) SenderWords {
  std::uint64_t written;  ///< ring position up to which bytes have arrived
  std::uint64_t told;     ///< lane 0's: of the latest message of nothing, or without lines of the
                          ///< latest that not all lanes carry; see told()
};

/// Words in the sender's memory that only the receiver writes. All but those of a post count up.
struct alignas(kLineBytes) ReceiverWords {
  std::uint64_t freed;          ///< ring position up to which bytes have been taken out
  std::uint64_t refused;        ///< lane 0's: latest sequence of which the receiver takes no bytes
  std::uint64_t posted;         ///< latest sequence for which the next three were announced
  std::uint64_t posted_bytes;   ///< message bytes that the receiver asked for in it
  std::uint64_t posted_region;  ///< where the sender may store them: a region's name, or kNoRegion
  std::uint64_t posted_offset;  ///< in that region, where the message begins
  std::uint64_t taken;  ///< lane 0's: all lanes are through with the lines of messages up to this
                        ///< sequence; said where no message the other way tells it
};

/// A side's own place on a channel, in its own device memory, so that a replayed launch goes on
/// where the one before it ended.
struct alignas(kLineBytes) ChannelState {
  std::uint64_t position;    ///< ring position of the next record
  std::uint64_t sequence;    ///< last exchange that this side has finished
  std::uint64_t seen;        ///< last value read of the other side's count: freed or written
  std::uint64_t forgiven;    ///< receiver: what came up to this exchange unasked is no fault
  std::uint64_t last;        ///< last exchange with bytes: sent, or asked for and some came
  std::uint64_t last_bytes;  ///< sender: of the message in it
  // Of a pair that has lines, in lane 0's receive end. Sequences here are the send end's.
  std::uint64_t lead;   ///< messages received alone, less those sent alone
  std::uint64_t heard;  ///< last paired exchange of which the peer's message was seen
  std::uint64_t alone;  ///< last message sent alone
};

/// Regions are memory that ranks have registered for others to write to. A name is a number that
/// no other registration on the communicator has had or will have, and behind it, in the low bits,
/// a place in tables of kMostRegions.
inline constexpr std::uint64_t kNoRegion = 0;
inline constexpr std::uint32_t kRegionPlaceBits = 8;
inline constexpr std::uint32_t kMostRegions = 1U << kRegionPlaceBits;

CAUSEWAY_FN constexpr std::uint32_t region_place(std::uint64_t name) {
  return static_cast<std::uint32_t>(name) & (kMostRegions - 1);
}

/// A peer's region as this rank addresses it. Of another name, or none, it is not the one meant.
struct RegionView {
  std::uint64_t name;
  std::byte* base;
  std::uint64_t bytes;
};

/// What a peer sends on lane 0 in paired exchanges tells how far it has come. All in this rank's
/// memory.
struct PeerNews {
  ChannelState* state;  ///< of the receive end
  const SenderWords* words;
  const LlLine* lines;
};

/// What both ends of a channel know. Fixed when the communicator is attached.
struct ChannelShape {
  std::uint64_t ring_offset;   ///< of the ring, in the receiver's segment
  std::uint64_t words_offset;  ///< of the words that this end writes, in the other's segment
  std::uint64_t ring_bytes;    ///< a power of two
  std::uint64_t eager_bytes;   ///< most payload of a first record; at most a quarter of the ring
  std::uint32_t peer;          ///< rank in the communicator
  std::uint32_t lane;
  std::uint64_t posts_offset;  ///< receiver: of the words for posts, in the other's segment
  std::uint64_t ll_bytes;      ///< most bytes of a share that travels in lines; 0 where none does
  std::uint64_t lines_offset;  ///< sender: of the slots, in the other's segment
  std::uint64_t ll128_bytes;   ///< most bytes of a share in lines of ll128; 0 where ll_bytes is, or
                               ///< where they do not stay whole
  std::uint64_t slot_bytes;    ///< of one of two slots
  std::uint32_t pair_lanes;    ///< lanes that the pair of ranks has
  std::int32_t process = 0;    ///< the peer's, as the system numbers them; 0 where it is this one
};

/// The sender's end. Owned by the communicator; one group uses it at a time.
struct SendChannel {
  ChannelShape shape;
  LinkHandle link;
  const ReceiverWords* words;  ///< this rank's memory; polled
  const ChannelState* state;   ///< as it was when an exchange began: the same, or a copy near by
  ChannelState* home;          ///< where the next exchange finds it
  const ReceiverWords* first_words;  ///< lane 0's
  const ReceiverWords* posts;        ///< this rank's memory: lane 0's, or without lines its own
  PeerNews news;                     ///< of the same peer; without lines not used
  const RegionView* regions;  ///< [kMostRegions] of the peer's, by place; null for network links
  std::byte* scratch;  ///< this rank's memory for a share in lines: for hooks that form bytes
};

/// The receiver's end. Owned by the communicator; one group uses it at a time.
struct ReceiveChannel {
  ChannelShape shape;
  LinkHandle link;
  const SenderWords* words;   ///< this rank's memory; polled
  std::byte* ring;            ///< this rank's memory
  const ChannelState* state;  ///< as it was when an exchange began: the same, or a copy near by
  ChannelState* home;         ///< where the next exchange finds it
  const LlLine* lines;        ///< this rank's memory: two slots
  const LlLine* first_lines;  ///< lane 0's
  const SenderWords* first_words;  ///< lane 0's
  std::byte* scratch;              ///< this rank's memory, as the sender's: for hooks
};

/// Lines of a slot.
CAUSEWAY_FN constexpr std::uint64_t slot_lines(const ChannelShape& shape) {
  return shape.slot_bytes / sizeof(LlLine);
}

/// The slot that message `sequence` uses, of a channel's two that begin at `lines`. A slot is taken
/// again two messages later: by then the receiver is through with it when it has begun to receive
/// the one between.
template <class Line>
CAUSEWAY_FN constexpr Line* slot_of(Line* lines, std::uint64_t sequence, std::uint64_t slot_lines) {
  return lines + (sequence & 1) * slot_lines;
}
template <class Line>
CAUSEWAY_FN constexpr Line* slot_of(Line* lines, std::uint64_t sequence,
                                    const ChannelShape& shape) {
  return slot_of(lines, sequence, slot_lines(shape));
}

/// Where in a slot the lines with a message's bytes begin, and those of ll128.
template <class Line>
CAUSEWAY_FN constexpr Line* ll_lines_of(Line* slot) {
  return slot + kHeaderLines;
}
template <class Line>
CAUSEWAY_FN inline auto* ll128_lines_of(Line* slot, const ChannelShape& shape) {
  using Line128 = std::conditional_t<std::is_const_v<Line>, const Ll128Line, Ll128Line>;
  return reinterpret_cast<Line128*>(ll_lines_of(slot) + shape.ll_bytes / sizeof(LlLine::data));
}

/// True when count `a` has reached count `b`, also after either has wrapped.
CAUSEWAY_FN constexpr bool reached(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(a - b) >= 0;
}

/// Has the ends of a pair's lanes that carry nothing of a message come as far as the one that
/// carries its part: of those behind its own that its group sees to, the first one is `next`.
/// `state` is of the group's own lane. All threads of the group call it.
template <class G>
CAUSEWAY_FN void pass_over(const G& group, const ChannelShape& shape, ChannelState* state,
                           std::uint32_t next, std::uint32_t step, std::uint64_t sequence) {
  for (std::uint32_t lane = next + group.rank() * step; lane < shape.pair_lanes;
       lane += group.size() * step) {
    // The states of a pair's send ends alternate with those of its receive ends.
    state[2 * (lane - shape.lane)].sequence = sequence;
  }
}

/// Where `bytes` that must lie in one piece go when the ring is full up to `position`: there, or at
/// the ring's start when they would straddle its end. Both sides work it out from the same numbers.
CAUSEWAY_FN constexpr std::uint64_t place(std::uint64_t position, std::uint64_t bytes,
                                          std::uint64_t ring_bytes) {
  const std::uint64_t offset = position & (ring_bytes - 1);
  return offset + bytes <= ring_bytes ? position : position + (ring_bytes - offset);
}

/// Where the next record's header lies in the ring of a receiver that has come to `position`.
CAUSEWAY_FN inline const RecordHeader& header_at(const ReceiveChannel& channel,
                                                 std::uint64_t position) {
  const std::uint64_t at = place(position, sizeof(RecordHeader), channel.shape.ring_bytes);
  return *reinterpret_cast<const RecordHeader*>(channel.ring +
                                                (at & (channel.shape.ring_bytes - 1)));
}

/// What a sender tells of message `sequence`, which the first `lanes` lanes carry: of one of
/// nothing, 0; of others only where a receiver does not learn it from lines. Less than 256 lanes,
/// so that sequences have 56 bits there.
inline constexpr std::uint32_t kLanesBits = 8;
inline constexpr std::uint64_t kLanesMask = (std::uint64_t{1} << kLanesBits) - 1;

CAUSEWAY_FN constexpr std::uint64_t told(std::uint64_t sequence, std::uint32_t lanes) {
  return (sequence << kLanesBits) | lanes;
}

/// True when a sender's word is of message `sequence` or a later one.
CAUSEWAY_FN constexpr bool tells_of(std::uint64_t word, std::uint64_t sequence) {
  return reached(word & ~kLanesMask, told(sequence, 0));
}

/// True when it says that a lane carries nothing of message `sequence`, or that the sender has gone
/// on to a later one.
CAUSEWAY_FN constexpr bool tells_of_nothing(std::uint64_t word, std::uint64_t sequence,
                                            std::uint32_t lane) {
  return tells_of(word, sequence + 1) || (tells_of(word, sequence) && lane >= (word & kLanesMask));
}

/// True when a sender may write up to position `end`.
CAUSEWAY_FN constexpr bool has_credit(std::uint64_t end, std::uint64_t freed,
                                      std::uint64_t ring_bytes) {
  return end - freed <= ring_bytes;
}

/// Where one piece of a record's payload lies: ring positions, and offsets in the message.
struct Piece {
  std::uint64_t at;
  std::uint64_t end;  ///< position after it and its padding
  std::uint64_t bytes;
};

/// The piece that begins `done` bytes into a record whose payload so far ends at `cursor`.
CAUSEWAY_FN constexpr Piece next_piece(const RecordHeader& header, std::uint64_t done,
                                       std::uint64_t cursor, std::uint64_t ring_bytes) {
  const std::uint64_t bytes = smaller(header.piece_bytes, header.bytes - done);
  const std::uint64_t padded = round_up(bytes, kPayloadAlign);
  const std::uint64_t at = place(cursor, padded, ring_bytes);
  return {at, at + padded, bytes};
}

/// Position that a record of `bytes` bytes in pieces of `piece_bytes` needs credit up to, when the
/// ring is full up to `position`: its end, or where its pieces straddle the ring's end up to one
/// piece more.
CAUSEWAY_FN constexpr std::uint64_t end_of_record(std::uint64_t position, std::uint64_t bytes,
                                                  std::uint64_t piece_bytes,
                                                  std::uint64_t ring_bytes) {
  const std::uint64_t payload =
      place(position, sizeof(RecordHeader), ring_bytes) + sizeof(RecordHeader);
  if (bytes <= piece_bytes) {
    const std::uint64_t padded = round_up(bytes, kPayloadAlign);
    return place(payload, padded, ring_bytes) + padded;
  }
  const std::uint64_t each = round_up(piece_bytes, kPayloadAlign);
  const std::uint64_t whole = bytes / piece_bytes;
  const std::uint64_t padded = whole * each + round_up(bytes - whole * piece_bytes, kPayloadAlign);
  const bool straddles = (payload & (ring_bytes - 1)) + padded > ring_bytes;
  return payload + padded + (straddles ? each : 0);
}

/// How many bytes of a lane's part, [offset, offset + lane_bytes) of a message, the receiver takes
/// when it asked for `capacity` bytes of the message: whole elements only.
CAUSEWAY_FN constexpr std::uint64_t accepted_bytes(std::uint64_t offset, std::uint64_t lane_bytes,
                                                   std::uint64_t capacity,
                                                   std::uint32_t granularity) {
  if (capacity <= offset) return 0;
  if (capacity - offset >= lane_bytes) return lane_bytes;
  return round_down(capacity - offset, granularity);
}

}  // namespace causeway::device
