// What a sender does with lines: it stores a message's header and a share that goes in lines.
#pragma once

#include <causeway/device/hooks.hpp>
#include <causeway/device/ll128.hpp>

namespace causeway::device {

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
  std::uint32_t lanes;                    ///< lanes that the message is spread over
  std::uint32_t tag;                      ///< operation
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

/// True when a share of some bytes is to travel in lines.
CAUSEWAY_FN constexpr bool goes_by_ll(const ChannelShape& shape, const Share& share) {
  return share.bytes <= room_by_ll(shape, share.protocol);
}

/// How a lane's share goes.
enum class Route : std::uint32_t { kNothing, kLl, kLl128, kRing };

CAUSEWAY_FN constexpr Route route_of(const ChannelShape& shape, const Share& share) {
  const bool declines = share.protocol == Protocol::kDeclined;
  if (share.bytes == 0 && !declines) return Route::kNothing;
  if (shape.ll_bytes == 0 || !(declines || goes_by_ll(shape, share))) return Route::kRing;
  return share.protocol == Protocol::kLl128 ? Route::kLl128 : Route::kLl;
}

namespace impl {

/// A share's header in lines, but for the words that are of the channel's state; and where the
/// slots begin that it goes to.
struct HeaderAhead {
  LlLine* slots;
  std::uint64_t slot_lines;
  std::uint64_t words[2];
  std::uint64_t last_word;
};

}  // namespace impl

/// What sending a share begins with, worked out and read ahead, each thread its part.
struct SendAhead {
  Route route = Route::kNothing;
  impl::HeaderAhead header{};
  impl::HeldWords words{};
  bool has_words = false;
  std::uint64_t sequence = 0;  ///< of the exchange
  std::uint64_t heard = 0;     ///< of the peer's messages; an older value serves too
};

/// Works out what does not depend on the exchange.
CAUSEWAY_TEMPLATE
template <class L, class P>
CAUSEWAY_FN void prepare_send(const L& link, const SendChannel& channel, const Share& share,
                              const P& hook, SendAhead& ahead) {
  const ChannelShape& shape = channel.shape;
  const bool whole = share.bytes == 0 || goes_by_ll(shape, share);
  const LineHeader header{share.message_bytes,
                          0,
                          0,
                          whole ? static_cast<std::uint32_t>(share.offset) : 0,
                          whole ? static_cast<std::uint32_t>(share.bytes) : 0,
                          hook.granularity(),
                          share.tag,
                          share.lanes,
                          whole ? share.protocol : Protocol::kStaged};
  ahead.route = route_of(shape, share);
  ahead.header = {reinterpret_cast<LlLine*>(link.window(shape.lines_offset)),
                  shape.slot_bytes / sizeof(LlLine),
                  {header_word(header, 0), header_word(header, 1)},
                  header_word(header, 3)};
}

/// Reads what sending a share in lines begins with, before its channel is looked at: `heard` is
/// that of the state of lane 0's receive end for the same peer. For paired exchanges.
CAUSEWAY_TEMPLATE
template <class Device, Group G, class P>
CAUSEWAY_FN void read_ahead(const G& group, const Share& share, const std::uint64_t* heard,
                            const P& hook, SendAhead& ahead) {
  ahead.heard = Device::load_near(heard);
  if constexpr (HasSource<P>) {
    ahead.has_words = share.protocol == Protocol::kLl;
    if (ahead.has_words) {
      ahead.words = impl::load_words(group, hook.source(share.offset), share.bytes, group.rank());
    }
  }
}

namespace impl {

/// Waits until the peer is through with the slot of an exchange; false, with a report, when that
/// was given up.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN CAUSEWAY_CALL bool await_slot(const SendChannel& channel, const WaitControl& control,
                                          std::uint64_t sequence, bool paired) {
  Fault fault = Fault::kNone;
  if (poll_until<Device>(control, fault,
                         [&] { return slot_is_free<Device>(channel, sequence, paired); })) {
    return true;
  }
  const ChannelShape& shape = channel.shape;
  report_fault<Device>(control,
                       {fault, WaitFor::kCredit, shape.peer, shape.lane, sequence, sequence - 2,
                        Device::load_acquire(&channel.first_words->taken), 0});
  return false;
}

/// Stores a share's header in lines as soon as the peer is through with the slot, every thread its
/// part. The slot, or null for a thread that has given up.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN LlLine* store_header(const G& group, const SendChannel& channel,
                                 const WaitControl& control, std::uint64_t sequence,
                                 std::uint64_t heard, bool paired, const HeaderAhead& header) {
  if (!reached(heard, sequence - 1) && !await_slot<Device>(channel, control, sequence, paired)) {
    return nullptr;
  }
  LlLine* const slot = slot_of(header.slots, sequence, header.slot_lines);
  for (std::uint32_t i = group.rank(); i < kHeaderWords; i += group.size()) {
    std::uint64_t word = i == 0 ? header.words[0] : i == 1 ? header.words[1] : header.last_word;
    if (i == kPreviousWord) word = channel.state->last;
    if (i == kPreviousBytesWord) word = channel.state->last_bytes;
    Device::store_line(slot + i, word, sequence);
  }
  return slot;
}

/// Where a whole share's bytes lie, which a hook may have to form first.
CAUSEWAY_TEMPLATE
template <class G, class P>
CAUSEWAY_FN const std::byte* form_share(const G& group, const SendChannel& channel,
                                        const Share& share, const P& hook) {
  if (share.bytes == 0) return channel.scratch;
  if constexpr (HasSource<P>) {
    return hook.source(share.offset);
  } else {
    const ChannelShape& shape = channel.shape;
    hook.produce(
        Context<G>{group, shape.peer, shape.lane, 0, share.offset, share.bytes, share.user},
        channel.scratch);
    group.sync();
    return channel.scratch;
  }
}

/// Sends a whole share in lines, or that this rank declines. Every thread waits for itself.
CAUSEWAY_TEMPLATE
template <class Device, class G, class P>
CAUSEWAY_FN void send_by_ll(const G& group, const SendChannel& channel, const Share& share,
                            const WaitControl& control, const P& hook, const SendAhead& ahead) {
  const std::byte* const from = form_share(group, channel, share, hook);
  // The first words are on their way while the header is made.
  const HeldWords held = HasSource<P> && ahead.has_words
                             ? ahead.words
                             : load_words(group, from, share.bytes, group.rank());
  LlLine* const slot = store_header<Device>(group, channel, control, ahead.sequence, ahead.heard,
                                            share.paired, ahead.header);
  if (slot == nullptr) return;
  store_lines<Device>(group, payload_of(slot), ahead.sequence, from, share.bytes, held);
}

/// The same in lines of ll128. A call of its own, with values, so that what the caller has stays in
/// registers.
CAUSEWAY_TEMPLATE
template <class Device, class G, class P>
CAUSEWAY_FN CAUSEWAY_CALL void send_by_ll128(G group, const SendChannel& channel, Share share,
                                             const WaitControl& control, P hook,
                                             std::uint64_t sequence, std::uint64_t heard,
                                             HeaderAhead header) {
  const std::byte* const from = form_share(group, channel, share, hook);
  const HeldParts<G> held =
      load_ll128_rows(group, from, share.bytes, Ll128Parts<G>(group).first_row());
  LlLine* const slot =
      store_header<Device>(group, channel, control, sequence, heard, share.paired, header);
  // The threads of a warp store together, or none of them does.
  if (!all_of<Device, G>(slot != nullptr)) return;
  const ChannelShape& shape = channel.shape;
  const Fault fault = store_ll128<Device>(group, ll128_lines_of(slot, shape), sequence, from,
                                          share.bytes, held, control);
  if (fault != Fault::kNone) {
    report_fault<Device>(control, {fault, WaitFor::kWarp, shape.peer, shape.lane, sequence,
                                   sequence, sequence - 1, 0});
  }
}

}  // namespace impl

}  // namespace causeway::device
