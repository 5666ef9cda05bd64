// What a receiver does with lines: it waits for a message's header and takes a share that comes in
// lines.
#pragma once

#include <causeway/device/hooks.hpp>
#include <causeway/device/wide_lines.hpp>

namespace causeway::device {

/// What a rank asks of a peer in one exchange.
struct Request {
  std::uint64_t bytes;    ///< most bytes of the message, over all lanes; 0 waits for nothing
  bool forgives = false;  ///< what comes unasked, now or from earlier exchanges, is no fault
  void* user = nullptr;   ///< handed to the hook
  /// Say to the sender that its lines were taken. Not needed where this rank sends to that peer,
  /// bytes or the word that there are none, in every exchange.
  bool acknowledges = true;
  /// How the message will likely come. Where that is in lines, every thread looks out for its own;
  /// it may come otherwise, and later then.
  Protocol expects = Protocol::kStaged;
  /// Where the sender may store the message itself: a region of this rank's, by name, and the
  /// message's place in it. For hooks that would store it just there.
  std::uint64_t region = kNoRegion;
  std::uint64_t region_offset = 0;
};

/// What receiving a share begins with, worked out ahead, for each thread.
struct ReceiveAhead {
  const Line* slots;  ///< where lines come
  std::uint64_t slot_lines;
  bool lined;
  bool posts_early;            ///< this thread, before it looks for the message
  bool expects;                ///< a word of its own, in lines
  bool looks_always;           ///< for the message to come otherwise than in lines
  std::uint64_t sequence = 0;  ///< of the exchange
};

namespace impl {

/// Whether a receiver says how much it takes, and where, before it is asked.
CAUSEWAY_FN constexpr bool posts(const ChannelShape& shape, std::uint64_t capacity) {
  return capacity > shape.eager_bytes;
}

/// What a receiver has found of a message.
enum class Found : std::uint64_t { kNotYet, kLines, kWideLines, kRing, kNothing, kFailed };

CAUSEWAY_FN constexpr bool in_lines(Found found) {
  return found == Found::kLines || found == Found::kWideLines;
}

inline constexpr std::uint32_t kUnknownLanes = 0xffff;

struct Sighting {
  Found found;
  std::uint32_t lanes;  ///< that carry the message
  LineHeader header;    ///< of those who looked, for lines and on lane 0
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

/// Loads a header once; true when all of it is there.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool load_header(const Line* slot, std::uint64_t sequence,
                             std::uint64_t (&words)[kHeaderWords]) {
  bool here = true;
  CAUSEWAY_UNROLL
  for (std::uint32_t i = 0; i < kHeaderWords; ++i) {
    const bool word_here = Device::load_line(slot + i, sequence, words[i]);
    here = here && word_here;
  }
  return here;
}

/// What the header of the channel itself says.
CAUSEWAY_FN constexpr Sighting sighting_of(const std::uint64_t (&words)[kHeaderWords],
                                           const ChannelShape& shape) {
  const std::uint32_t lanes = header_lanes(words[0]);
  if (shape.lane >= lanes && shape.lane > 0) return {Found::kNothing, lanes, {}};
  const Protocol protocol = header_protocol(words[0]);
  Found found = protocol == Protocol::kWideLines ? Found::kWideLines : Found::kLines;
  if (protocol == Protocol::kStaged) found = Found::kRing;
  return {found, lanes, header_of(words)};
}

/// Looks once for what may come instead of a header of the channel itself: a record, or the word
/// that nothing comes.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN Sighting look_elsewhere(const ReceiveChannel& channel, std::uint64_t sequence) {
  const ChannelShape& shape = channel.shape;
  const Line* const first = slot_of(channel.first_lines, sequence, shape);
  const bool nothing = reached(Device::load_near(&channel.first_words->nothing), sequence);
  std::uint64_t told = 0;
  bool is_told = false;
  std::uint64_t written = 0;
  if (shape.lane != 0) {
    written = Device::load_near(&channel.words->written);
    is_told = Device::load_line(first, sequence, told);
  }
  if (!is_told && nothing) {
    // The word may be a later exchange's; this one's header has come before it.
    Device::load_acquire(&channel.first_words->nothing);
    is_told = Device::load_line(first, sequence, told);
    if (!is_told) return {Found::kNothing, 0, {}};
  }
  if (!is_told) {
    // Records need not wait for lane 0.
    const bool recorded = shape.lane != 0 && has_record<Device>(channel, sequence, written);
    return {recorded ? Found::kRing : Found::kNotYet, kUnknownLanes, {}};
  }
  const std::uint32_t lanes = header_lanes(told);
  if (shape.lane == 0) return {Found::kNotYet, lanes, {}};
  if (shape.lane >= lanes) return {Found::kNothing, lanes, {}};
  const bool staged = header_protocol(told) == Protocol::kStaged;
  return {staged ? Found::kRing : Found::kNotYet, lanes, {}};
}

/// Takes a share out of lines as it comes, up to what fits in the request. False, with a report,
/// when this thread gave up.
CAUSEWAY_TEMPLATE
template <class Device, class G, class C>
CAUSEWAY_FN bool take_lines(const G& group, const ReceiveChannel& channel, std::uint64_t sequence,
                            const Sighting& seen, const Request& request, bool has_early,
                            std::uint64_t early, const WaitControl& control, const C& hook) {
  const LineHeader& header = seen.header;
  const ChannelShape& shape = channel.shape;
  const std::uint64_t taken =
      accepted_bytes(header.offset, header.bytes, request.bytes, header.granularity);
  std::byte* to = channel.scratch;
  if constexpr (HasDestination<C>) to = hook.destination(header.offset);
  const Line* const slot = slot_of(channel.lines, sequence, shape);
  Fault fault = Fault::kNone;
  bool here = true;
  if (seen.found == Found::kLines) {
    here = load_lines<Device>(group, payload_of(slot), sequence, to, taken, has_early, early,
                              control, fault);
  } else {
    fault =
        load_wide_lines<Device>(group, wide_lines_of(slot, shape), sequence, to, taken, control);
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

/// Reports what a header shows to be wrong with counts. By one thread.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN void check_counts(const ReceiveChannel& channel, std::uint64_t sequence,
                              const Sighting& seen, const Request& request,
                              const WaitControl& control) {
  const ChannelShape& shape = channel.shape;
  const LineHeader& header = seen.header;
  const auto report = [&](Fault fault, std::uint64_t of, std::uint64_t needed, std::uint64_t got) {
    report_fault<Device>(control,
                         {fault, WaitFor::kNothing, shape.peer, shape.lane, of, needed, got, 0});
  };
  const ChannelState& state = *channel.state;
  const std::uint64_t forgiven = request.forgives ? sequence : state.forgiven;
  if (shape.lane != 0 || seen.found == Found::kNothing) return;
  if (!reached(state.last, header.previous) && !reached(forgiven, header.previous)) {
    // It came since the last message that was asked for.
    report(Fault::kTruncated, header.previous, header.previous_bytes, 0);
  }
  if (!in_lines(seen.found)) return;
  if (header.protocol == Protocol::kDeclined) {
    report(Fault::kDeclined, sequence, 0, 0);
  } else if (header.message_bytes > request.bytes) {
    report(Fault::kTruncated, sequence, header.message_bytes, request.bytes);
  }
}

CAUSEWAY_FN constexpr bool valid(const LineHeader& header, const ChannelShape& shape) {
  if (header.protocol == Protocol::kDeclined) return header.bytes == 0;
  return header.granularity > 0 && header.bytes > 0 &&
         header.bytes <= room_in_lines(shape, header.protocol);
}

/// Waits for the message of an exchange on a channel with lines, and takes this lane's share of it
/// where it comes in lines. What it returns is alike for all threads, but for kFailed: then some may
/// have their part of the lines.
CAUSEWAY_TEMPLATE
template <class Device, class G, class C>
CAUSEWAY_FN Sighting receive_in_lines(const G& group, const ReceiveChannel& channel,
                                      const Request& request, const WaitControl& control,
                                      const C& hook, const ReceiveAhead& ahead) {
  const ChannelShape& shape = channel.shape;
  const std::uint64_t sequence = ahead.sequence;
  const Line* const slot = ahead.slots + (sequence & 1) * ahead.slot_lines;
  // While the header is on its way, each thread watches the line that will likely be its own, and
  // every thread the header: what all see they need not tell each other, and threads of a warp that
  // do the same wait for memory once.
  const bool expects = ahead.expects;
  std::uint64_t early = 0;
  bool has_early = false;
  std::uint64_t words[kHeaderWords] = {};
  bool here = false;
  std::uint32_t rounds = 0;
  Fault fault = Fault::kNone;
  Sighting seen{};
  const bool through = poll_until<Device>(control, fault, [&] {
    // All of these loads are on their way together.
    if (expects) has_early = load_line<Device>(payload_of(slot) + group.rank(), sequence, early);
    here = load_header<Device>(slot, sequence, words);
    if (here) {
      return has_early || !expects || header_protocol(words[0]) != Protocol::kLines ||
             group.rank() >= words_in(header_bytes(words[1]));
    }
    if (++rounds % Device::kRoundsPerLook != 0 && !ahead.looks_always) return false;
    seen = look_elsewhere<Device>(channel, sequence);
    return seen.found != Found::kNotYet;
  });
  if (here) seen = sighting_of(words, shape);
  const auto fail = [&](Fault which, WaitFor wait_for, std::uint64_t got) {
    report_fault<Device>(control,
                         {which, wait_for, shape.peer, shape.lane, sequence, sequence, got, 0});
    seen.found = Found::kFailed;
  };
  if (!through) {
    fail(fault, here ? WaitFor::kPayload : WaitFor::kHeader, channel.state->heard);
  } else if (in_lines(seen.found) && !valid(seen.header, shape)) {
    fail(Fault::kCorrupt, WaitFor::kHeader, static_cast<std::uint64_t>(seen.header.protocol));
  }
  const bool checks = group.rank() == group.size() - 1;
  if (group.all(in_lines(seen.found))) {
    const bool took = take_lines<Device>(group, channel, sequence, seen, request, has_early, early,
                                         control, hook);
    if (checks) check_counts<Device>(channel, sequence, seen, request, control);
    if (!took) seen.found = Found::kFailed;
    return seen;
  }
  // Threads may have seen different parts of what there is instead: the leader's counts.
  const std::uint64_t news =
      group.broadcast(static_cast<std::uint64_t>(seen.found) | (std::uint64_t{seen.lanes} << 8));
  const auto found = static_cast<Found>(news & 0xffU);
  if (checks && found == seen.found) {
    check_counts<Device>(channel, sequence, seen, request, control);
  }
  // Where it has seen lines, another has given up.
  seen.found = in_lines(found) ? Found::kFailed : found;
  seen.lanes = static_cast<std::uint32_t>(news >> 8);
  return seen;
}

}  // namespace impl

/// Works out what does not depend on the exchange.
CAUSEWAY_TEMPLATE
template <Group G>
CAUSEWAY_FN ReceiveAhead prepare_receive(const G& group, const ReceiveChannel& channel,
                                         const Request& request) {
  const ChannelShape& shape = channel.shape;
  const bool lined = shape.line_bytes > 0;
  // Nobody waits for the post of a message in lines.
  const bool otherwise = room_in_lines(shape, request.expects) == 0;
  return {channel.lines,
          shape.slot_bytes / sizeof(Line),
          lined,
          group.rank() == 0 && (!lined || shape.lane == 0) && otherwise &&
              impl::posts(shape, request.bytes),
          request.expects == Protocol::kLines &&
              group.rank() < impl::words_in(smaller(request.bytes, shape.line_bytes)),
          otherwise};
}

}  // namespace causeway::device
