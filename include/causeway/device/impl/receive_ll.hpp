// What a receiver does with lines: it waits for a message's header and takes a share that comes in
// lines.
#pragma once

#include <causeway/device/impl/few_ll.hpp>

namespace causeway::device {

namespace impl {

/// What a receiver has found of a message. kTaken: lines, and all threads know that each has what
/// is its own of them.
enum class Found : std::uint64_t { kNotYet, kTaken, kLl, kLl128, kRing, kNothing, kFailed };

CAUSEWAY_FN constexpr bool in_lines(Found found) {
  return found >= Found::kTaken && found <= Found::kLl128;
}

struct Sighting {
  Found found;
  std::uint32_t lanes;  ///< that carry the message
};

/// Whether the next record in the ring is of this exchange; `written` is what the count was a
/// moment ago.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool has_record(const ReceiveChannel& channel, std::uint64_t sequence,
                            std::uint64_t written) {
  const std::uint64_t position = channel.state->position;
  const std::uint64_t end =
      place(position, sizeof(RecordHeader), channel.shape.ring_bytes) + sizeof(RecordHeader);
  return reached(written, end) && reached(Device::load_acquire(&channel.words->written), end) &&
         header_at(channel, position).sequence == sequence;
}

/// Loads the first `Words` words of a header once; true when all are there.
CAUSEWAY_TEMPLATE
template <class Device, std::uint32_t Words>
CAUSEWAY_FN bool load_header(const LlLine* slot, std::uint64_t sequence,
                             std::uint64_t (&words)[kHeaderWords]) {
  bool here = true;
  CAUSEWAY_UNROLL
  for (std::uint32_t i = 0; i < Words; ++i) {
    const bool word_here = Device::load_line(slot + i, sequence, words[i]);
    here = here && word_here;
  }
  return here;
}

/// What the header of the channel itself says.
CAUSEWAY_FN constexpr Sighting sighting_of(const std::uint64_t (&words)[kHeaderWords],
                                           const ChannelShape& shape) {
  const std::uint32_t lanes = header_lanes(words[0]);
  if (shape.lane >= lanes && shape.lane > 0) return {Found::kNothing, lanes};
  const Protocol protocol = header_protocol(words[0]);
  if (protocol == Protocol::kStaged) return {Found::kRing, lanes};
  return {protocol == Protocol::kLl128 ? Found::kLl128 : Found::kLl, lanes};
}

/// Looks once for what may come instead of a header of the channel itself: a record, or the word
/// that nothing comes.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN CAUSEWAY_CALL Sighting look_elsewhere(const ReceiveChannel& channel,
                                                  std::uint64_t sequence) {
  const ChannelShape& shape = channel.shape;
  const LlLine* const first = slot_of(channel.first_lines, sequence, shape);
  const bool nothing = tells_of(Device::load_near(&channel.first_words->told), sequence);
  std::uint64_t told = 0;
  bool is_told = false;
  std::uint64_t written = 0;
  if (shape.lane != 0) {
    written = Device::load_near(&channel.words->written);
    is_told = Device::load_line(first, sequence, told);
  }
  if (!is_told && nothing) {
    // The word may be a later exchange's; this one's header has come before it.
    Device::load_acquire(&channel.first_words->told);
    is_told = Device::load_line(first, sequence, told);
    if (!is_told) return {Found::kNothing, 0};
  }
  if (!is_told) {
    // Records need not wait for lane 0.
    const bool recorded = shape.lane != 0 && has_record<Device>(channel, sequence, written);
    return {recorded ? Found::kRing : Found::kNotYet, kUnknownLanes};
  }
  const std::uint32_t lanes = header_lanes(told);
  if (shape.lane == 0) return {Found::kNotYet, lanes};
  if (shape.lane >= lanes) return {Found::kNothing, lanes};
  const bool staged = header_protocol(told) == Protocol::kStaged;
  return {staged ? Found::kRing : Found::kNotYet, lanes};
}

/// Takes a share out of lines as it comes, up to what fits in the request. False, with a report,
/// when this thread gave up.
CAUSEWAY_TEMPLATE
template <class Device, class G, class C>
CAUSEWAY_FN bool take_lines(const G& group, const ReceiveChannel& channel, std::uint64_t sequence,
                            const LineHeader& header, const Request& request,
                            const WaitControl& control, const C& hook) {
  const ChannelShape& shape = channel.shape;
  const std::uint64_t taken =
      accepted_bytes(header.offset, header.bytes, request.bytes, header.granularity);
  std::byte* to = channel.scratch;
  if constexpr (HasDestination<C>) to = hook.destination(header.offset);
  const LlLine* const slot = slot_of(channel.lines, sequence, shape);
  Fault fault = Fault::kNone;
  bool here = true;
  if (header.protocol != Protocol::kLl128) {
    here = load_lines<Device>(group, ll_lines_of(slot), sequence, to, taken, control, fault);
  } else {
    fault = load_ll128<Device>(group, ll128_lines_of(slot, shape), sequence, to, taken, control);
    here = fault == Fault::kNone;
  }
  if (!here) {
    report_fault<Device>(control, {fault, WaitFor::kPayload, shape.peer, shape.lane, sequence,
                                   sequence, sequence - 1, 0});
  }
  if constexpr (!HasDestination<C>) {
    group.sync();
    if (taken > 0) {
      hook.consume(Context<G>{group, shape.peer, shape.lane, 0, header.offset, taken, request.user},
                   channel.scratch);
    }
  }
  return here;
}

/// Reports what a header shows to be wrong with a message, and says what it is.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN CAUSEWAY_CALL void report_message(const ReceiveChannel& channel, std::uint64_t sequence,
                                              LineHeader header, Request request,
                                              const WaitControl& control) {
  const ChannelShape& shape = channel.shape;
  const auto report = [&](Fault fault, std::uint64_t of, std::uint64_t needed, std::uint64_t got) {
    report_fault<Device>(control,
                         {fault, WaitFor::kNothing, shape.peer, shape.lane, of, needed, got, 0});
  };
  const ChannelState& state = *channel.state;
  const std::uint64_t forgiven = request.forgives ? sequence : state.forgiven;
  if (!reached(state.last, header.previous) && !reached(forgiven, header.previous)) {
    // It came since the last message that was asked for.
    report(Fault::kTruncated, header.previous, header.previous_bytes, 0);
  }
  if (request.info != nullptr) *request.info = {header.message_bytes, header.tag};
  const Fault fault = fault_of_tag(request, header.tag);
  const bool declined = header.protocol == Protocol::kDeclined;
  if (!is_wanted(request, header.tag) && (!declined || is_fatal(fault))) {
    report(fault, sequence, request.tag, header.tag);
  }
  if (declined) {
    report(Fault::kDeclined, sequence, 0, 0);
    return;
  }
  // What comes through the ring says there how much it is.
  if (header.protocol != Protocol::kStaged && header.message_bytes > request.bytes) {
    report(Fault::kTruncated, sequence, header.message_bytes, request.bytes);
  }
}

/// Looks whether there is anything wrong with a message, or to say of it. By one thread, with a
/// header of lane 0.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN void check_message(const ReceiveChannel& channel, std::uint64_t sequence,
                               const LineHeader& header, const Request& request,
                               const WaitControl& control) {
  if (!reached(channel.state->last, header.previous) || header.message_bytes > request.bytes ||
      header.protocol == Protocol::kDeclined || !is_wanted(request, header.tag) ||
      request.info != nullptr) {
    report_message<Device>(channel, sequence, header, request, control);
  }
}

CAUSEWAY_FN constexpr bool valid(const LineHeader& header, const ChannelShape& shape) {
  if (header.protocol == Protocol::kDeclined) return header.bytes == 0;
  return header.granularity > 0 && (header.bytes > 0 || header.message_bytes == 0) &&
         header.bytes <= room_by_ll(shape, header.protocol);
}

/// Polls of the expected lines between two checks for the alternatives: these come only where ranks
/// do not agree on the message, or on its protocol.
template <class Device>
inline constexpr std::uint32_t kRoundsPerGlance = 4 * Device::kRoundsPerLook;

/// Whether a header is of all that is asked for, by the protocol that is expected, and nothing is
/// wrong with it.
CAUSEWAY_FN constexpr bool is_usual(const std::uint64_t (&words)[kHeaderWords],
                                    const ReceiveAhead& ahead, const Request& request,
                                    std::uint64_t last) {
  constexpr std::uint64_t kLanes = std::uint64_t{0xff} << 8;
  const std::uint64_t lane_end = (words[1] >> 32) + header_bytes(words[1]);
  return (words[0] & ~kLanes) == ahead.usual && lane_end <= request.bytes &&
         reached(last, words[kPreviousWord]) &&
         (!is_announced(request.tag) || header_tag(words[kTagWord]) == request.tag);
}

/// Takes a message that comes as it likely will, in short code, and in one place. While the header
/// is on its way, each thread watches the lines that will likely be its own, and every thread the
/// header: what all see they need not tell each other, and threads of a warp that do the same wait
/// for memory once. False for all when the message is another, or some thread gave up, in which
/// case `fault` says why.
CAUSEWAY_TEMPLATE
template <class Device, class Watch, class G, class C>
CAUSEWAY_FN bool take_usual(const G& group, const ReceiveChannel& channel, const Request& request,
                            const WaitControl& control, const C& hook, const ReceiveAhead& ahead,
                            Fault& fault, std::uint32_t& lanes) {
  const std::uint64_t sequence = ahead.sequence;
  const std::uint64_t last = channel.state->last;
  const bool looks_at_tag = is_announced(request.tag);
  const LlLine* const slot = slot_of(ahead.slots, sequence, ahead.slot_lines);
  Watch watch(group, ahead, slot, channel.shape);
  std::uint64_t words[kHeaderWords] = {};
  bool has_all = false;
  std::uint32_t rounds = 0;
  const bool through = Watch::poll(control, fault, [&] {
    // All of these loads are on their way together.
    watch.look(sequence);
    const bool has_tag =
        !looks_at_tag || load_line<Device>(slot + kTagWord, sequence, words[kTagWord]);
    if (load_header<Device, kFirstHeaderWords>(slot, sequence, words) && has_tag) {
      has_all = watch.has_all(header_bytes(words[1]));
      return has_all || header_protocol(words[0]) != Watch::kProtocol;
    }
    return ++rounds % kRoundsPerGlance<Device> == 0 &&
           look_elsewhere<Device>(channel, sequence).found != Found::kNotYet;
  });
  if (through) fault = Fault::kNone;
  const std::uint32_t bytes = header_bytes(words[1]);
  const bool usual = Watch::all(has_all && Watch::lines_in(bytes) <= ahead.words &&
                                is_usual(words, ahead, request, last));
  if (usual) watch.store(hook.destination(words[1] >> 32), bytes);
  lanes = header_lanes(words[0]);
  return group.all(usual);
}

/// Waits for what comes, and takes it if in lines, however it comes in them. The leader looks,
/// unless it has given up already for a fault.
CAUSEWAY_TEMPLATE
template <class Device, class G, class C>
CAUSEWAY_FN CAUSEWAY_CALL Sighting take_any(G group, const ReceiveChannel& channel, Request request,
                                            const WaitControl& control, C hook,
                                            std::uint64_t sequence, bool looks_always,
                                            Fault fault) {
  const ChannelShape& shape = channel.shape;
  Sighting seen{};
  std::uint64_t words[kHeaderWords] = {};
  LineHeader header{};
  if (group.rank() == 0) {
    const LlLine* const slot = slot_of(channel.lines, sequence, shape);
    std::uint32_t rounds = 0;
    bool here = false;
    const auto report = [&](Fault which, std::uint64_t got) {
      report_fault<Device>(
          control, {which, WaitFor::kHeader, shape.peer, shape.lane, sequence, sequence, got, 0});
      seen.found = Found::kFailed;
    };
    const bool through = fault == Fault::kNone && poll_until<Device>(control, fault, [&] {
                           here = load_header<Device, kHeaderWords>(slot, sequence, words);
                           if (here) return true;
                           if (++rounds % Device::kRoundsPerLook != 0 && !looks_always)
                             return false;
                           seen = look_elsewhere<Device>(channel, sequence);
                           return seen.found != Found::kNotYet;
                         });
    header = header_of(words);
    if (here) seen = sighting_of(words, shape);
    if (!through) {
      report(fault, channel.state->heard);
    } else if (in_lines(seen.found) && !valid(header, shape)) {
      report(Fault::kCorrupt, static_cast<std::uint64_t>(header.protocol));
    } else if (here && shape.lane == 0) {
      check_message<Device>(channel, sequence, header, request, control);
    } else if (seen.found == Found::kNothing && shape.lane == 0 && is_announced(request.tag)) {
      report_fault<Device>(control, {Fault::kOutOfStep, WaitFor::kNothing, shape.peer, shape.lane,
                                     sequence, request.tag, 0, 0});
    }
  }
  const Words news = group.broadcast(
      Words{{static_cast<std::uint64_t>(seen.found) | (std::uint64_t{seen.lanes} << 8) |
                 (std::uint64_t{header.granularity} << 32),
             words[1]}});
  seen.found = static_cast<Found>(news.word[0] & 0xffU);
  seen.lanes = static_cast<std::uint32_t>(news.word[0] >> 8) & 0xffffffU;
  if (!in_lines(seen.found)) return seen;
  header.granularity = static_cast<std::uint32_t>(news.word[0] >> 32);
  header.offset = static_cast<std::uint32_t>(news.word[1] >> 32);
  header.bytes = header_bytes(news.word[1]);
  header.protocol = seen.found == Found::kLl128 ? Protocol::kLl128 : Protocol::kLl;
  if (!take_lines<Device>(group, channel, sequence, header, request, control, hook)) {
    seen.found = Found::kFailed;
  }
  return seen;
}

/// Takes what comes in few lines of ll128 as it likely will, or however it comes.
CAUSEWAY_TEMPLATE
template <class Device, class G, class C>
CAUSEWAY_FN CAUSEWAY_CALL Sighting take_ll128(G group, const ReceiveChannel& channel,
                                              Request request, const WaitControl& control, C hook,
                                              ReceiveAhead ahead) {
  Fault fault = Fault::kNone;
  std::uint32_t lanes = 0;
  if (take_usual<Device, FewLl128<Device, G>>(group, channel, request, control, hook, ahead, fault,
                                              lanes)) {
    return {Found::kTaken, lanes};
  }
  return take_any<Device>(group, channel, request, control, hook, ahead.sequence,
                          ahead.looks_always, fault);
}

/// Waits for the message of an exchange on a channel with lines, and takes this lane's share of it
/// where it comes in lines. What it returns is alike for all threads, but for kFailed: then some
/// may have their part of the lines.
CAUSEWAY_TEMPLATE
template <class Device, class G, class C>
CAUSEWAY_FN Sighting receive_by_ll(const G& group, const ReceiveChannel& channel,
                                   const Request& request, const WaitControl& control,
                                   const C& hook, const ReceiveAhead& ahead) {
  Fault fault = Fault::kNone;
  if constexpr (HasDestination<C>) {
    std::uint32_t lanes = 0;
    if (ahead.rows == 1 && take_usual<Device, FewLl<Device, 1, G>>(group, channel, request, control,
                                                                   hook, ahead, fault, lanes)) {
      return {Found::kTaken, lanes};
    }
    if (ahead.rows == 2 && take_usual<Device, FewLl<Device, 2, G>>(group, channel, request, control,
                                                                   hook, ahead, fault, lanes)) {
      return {Found::kTaken, lanes};
    }
    if (ahead.rows == kInLl128) {
      return take_ll128<Device>(group, channel, request, control, hook, ahead);
    }
  }
  return take_any<Device>(group, channel, request, control, hook, ahead.sequence,
                          ahead.looks_always, fault);
}

}  // namespace impl

}  // namespace causeway::device
