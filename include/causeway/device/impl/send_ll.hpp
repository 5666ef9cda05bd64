// What a sender does with lines: it stores a message's header and a share that goes in lines.
#pragma once

#include <causeway/device/ahead.hpp>

namespace causeway::device {

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

/// Sends a whole share in lines, or that this rank declines. Every thread waits for itself; false
/// for one that has given up.
CAUSEWAY_TEMPLATE
template <class Device, class G, class P>
CAUSEWAY_FN bool send_by_ll(const G& group, const SendChannel& channel, const Share& share,
                            const WaitControl& control, const P& hook, const SendAhead& ahead) {
  const std::byte* const from = form_share(group, channel, share, hook);
  // The first words are on their way while the header is made.
  const HeldWords held = HasSource<P> && ahead.has_words
                             ? ahead.words
                             : load_words(group, from, share.bytes, group.rank());
  LlLine* const slot = store_header<Device>(group, channel, control, ahead.sequence, ahead.heard,
                                            share.paired, ahead.header);
  if (slot == nullptr) return false;
  store_lines<Device>(group, ll_lines_of(slot), ahead.sequence, from, share.bytes, held);
  return true;
}

/// The same in lines of ll128. A call of its own, with values, so that what the caller has stays in
/// registers.
CAUSEWAY_TEMPLATE
template <class Device, class G, class P>
CAUSEWAY_FN CAUSEWAY_CALL bool send_by_ll128(G group, const SendChannel& channel, Share share,
                                             const WaitControl& control, P hook,
                                             std::uint64_t sequence, std::uint64_t heard,
                                             HeaderAhead header) {
  const std::byte* const from = form_share(group, channel, share, hook);
  const HeldParts<G> held =
      load_ll128_rows(group, from, share.bytes, Ll128Parts<G>(group).first_row());
  LlLine* const slot =
      store_header<Device>(group, channel, control, sequence, heard, share.paired, header);
  // The threads of a warp store together, or none of them does.
  if (!all_of<Device, G>(slot != nullptr)) return false;
  const ChannelShape& shape = channel.shape;
  const Fault fault = store_ll128<Device>(group, ll128_lines_of(slot, shape), sequence, from,
                                          share.bytes, held, control);
  if (fault != Fault::kNone) {
    report_fault<Device>(control, {fault, WaitFor::kWarp, shape.peer, shape.lane, sequence,
                                   sequence, sequence - 1, 0});
  }
  return fault == Fault::kNone;
}

}  // namespace impl

}  // namespace causeway::device
