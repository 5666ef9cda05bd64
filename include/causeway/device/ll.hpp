// The ll protocol: stores that carry data and the flag that says it is there.
#pragma once

#include <causeway/device/group.hpp>
#include <causeway/device/message.hpp>

namespace causeway::device {

/// What begins a message on a channel with lines: all that the receiver needs to know of it. Lane 0
/// of a pair has one in every exchange with bytes, every other lane in those in which it carries
/// bytes by lines. The message's bytes follow in lines, or come through the ring.
struct LineHeader {
  std::uint64_t message_bytes;   ///< whole message, over all lanes; less than 2^48
  std::uint64_t previous;        ///< latest exchange before with bytes for the same receiver
  std::uint64_t previous_bytes;  ///< how many
  std::uint32_t offset;          ///< where in the message this lane's lines begin
  std::uint32_t bytes;           ///< that this lane's lines carry
  std::uint32_t granularity;     ///< bytes of an element
  std::uint32_t tag;
  std::uint32_t lanes;  ///< lanes that carry parts of the message; less than 256
  Protocol protocol;
};

/// Words of a header, each in a line of its own. The first ones say how the message comes; the
/// others are for who finds something unusual about it.
inline constexpr std::uint32_t kHeaderWords = 5;
inline constexpr std::uint32_t kFirstHeaderWords = 3;
/// Those that are of the sender's state.
inline constexpr std::uint32_t kPreviousWord = 2;
inline constexpr std::uint32_t kPreviousBytesWord = 4;
/// That with the whole tag; the first one says of what kind it is.
inline constexpr std::uint32_t kTagWord = 3;

/// What the first word has of a tag: all of one below 15.
inline constexpr std::uint32_t kProtocolBits = 4;
CAUSEWAY_FN constexpr std::uint32_t kind_of(std::uint32_t tag) {
  return is_announced(tag) ? 15 : tag & 15;
}

CAUSEWAY_FN constexpr std::uint64_t header_word(const LineHeader& header, std::uint32_t index) {
  if (index == 0) {
    return (header.message_bytes << 16) | (std::uint64_t{header.lanes} << 8) |
           (std::uint64_t{kind_of(header.tag)} << kProtocolBits) |
           static_cast<std::uint64_t>(header.protocol);
  }
  if (index == 1) return (std::uint64_t{header.offset} << 32) | header.bytes;
  if (index == kPreviousWord) return header.previous;
  if (index == kPreviousBytesWord) return header.previous_bytes;
  return (std::uint64_t{header.granularity} << 32) | header.tag;
}

CAUSEWAY_FN constexpr std::uint32_t header_lanes(std::uint64_t first_word) {
  return static_cast<std::uint32_t>(first_word >> 8) & 0xffU;
}
CAUSEWAY_FN constexpr Protocol header_protocol(std::uint64_t first_word) {
  return static_cast<Protocol>(first_word & ((1U << kProtocolBits) - 1));
}

CAUSEWAY_FN constexpr std::uint32_t header_bytes(std::uint64_t second_word) {
  return static_cast<std::uint32_t>(second_word);
}

CAUSEWAY_FN constexpr std::uint32_t header_tag(std::uint64_t tag_word) {
  return static_cast<std::uint32_t>(tag_word);
}

CAUSEWAY_FN constexpr LineHeader header_of(const std::uint64_t (&word)[kHeaderWords]) {
  return {word[0] >> 16,
          word[kPreviousWord],
          word[kPreviousBytesWord],
          static_cast<std::uint32_t>(word[1] >> 32),
          header_bytes(word[1]),
          static_cast<std::uint32_t>(word[kTagWord] >> 32),
          header_tag(word[kTagWord]),
          header_lanes(word[0]),
          header_protocol(word[0])};
}

/// Most bytes of a share that travels by a protocol of lines; 0 for others.
CAUSEWAY_FN constexpr std::uint64_t room_by_ll(const ChannelShape& shape, Protocol protocol) {
  if (protocol == Protocol::kLl) return shape.ll_bytes;
  return protocol == Protocol::kLl128 ? shape.ll128_bytes : 0;
}

/// Whether the sender may use the slot of sequence `sequence`: the receiver is through with the one
/// two messages earlier. It has said so; or it has begun a later paired exchange, which it shows by
/// what it sends in it on lane 0 itself, if only that it sends nothing. Messages that were sent or
/// received alone shift the numbers that the two directions have in a paired exchange.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool slot_is_free(const SendChannel& channel, std::uint64_t sequence, bool paired) {
  const PeerNews& news = channel.news;
  if (reached(Device::load_cached(&news.state->heard), sequence - 1)) return true;
  if (reached(Device::load_near(&news.state->heard), sequence - 1) ||
      reached(Device::load_acquire(&channel.first_words->taken), sequence - 2) ||
      reached(Device::load_acquire(&channel.first_words->refused), sequence - 2)) {
    return true;
  }
  const std::uint64_t alone = Device::load_near(&news.state->alone);
  const bool follows = alone != sequence - 1;  // a paired exchange
  if (!paired) {
    // Lane 0 changes what is looked at here; the other lanes go by what lane 0 has found.
    if (channel.shape.lane != 0) return reached(alone, sequence);
    // Whom a message is sent to alone says so itself, at the latest when it begins to receive the
    // next one.
    if (!follows) return false;
  }
  // The peer has begun this exchange, or the one before if that was paired too. Other lanes may be
  // through with this one: what is looked at does not change in paired exchanges. What came alone
  // since the one before was sent when that was over.
  const std::uint64_t other_way = sequence + Device::load_near(&news.state->lead);
  const std::uint64_t first = follows ? other_way - 1 : other_way;
  if (tells_of(Device::load_acquire(&news.words->told), first)) return true;
  // Later messages may have come there: flags of a slot only grow.
  return reached(Device::load_acquire(&slot_of(news.lines, first, channel.shape)->flag), first) ||
         reached(Device::load_acquire(&slot_of(news.lines, first + 1, channel.shape)->flag),
                 first + 1);
}

}  // namespace causeway::device
