// receive: one rank's part in taking a lane's share of a message from a peer.
#pragma once

#include <causeway/device/near.hpp>
#include <causeway/device/receive_ll.hpp>

namespace causeway::device {

/// What receive() found.
struct Received {
  bool ok;              ///< false when a wait was given up
  std::uint32_t lanes;  ///< lanes from here on carry nothing of the message, and need no further
                        ///< call

  CAUSEWAY_FN explicit operator bool() const { return ok; }
};

namespace impl {

/// Publishes the request. One thread; repeating it from several lanes is harmless.
CAUSEWAY_TEMPLATE
template <class L>
CAUSEWAY_FN void post(const L& link, const ChannelShape& shape, std::uint64_t sequence,
                      const Request& request) {
  const auto word = [&](std::uint64_t offset) { return shape.posts_offset + offset; };
  link.store(word(offsetof(ReceiverWords, posted_bytes)), request.bytes);
  if constexpr (L::kKind != LinkKind::kNetwork) {
    link.store(word(offsetof(ReceiverWords, posted_region)), request.region);
    link.store(word(offsetof(ReceiverWords, posted_offset)), request.region_offset);
  }
  link.signal(word(offsetof(ReceiverWords, posted)), sequence);
}

template <class G, class L, class C>
class RingReceiver {
 public:
  using Device = typename L::Device;

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN RingReceiver(const G& group, const L& link, const ReceiveChannel& channel,
                           const WaitControl& control, const C& hook)
      : group_(group),
        link_(link),
        channel_(channel),
        shape_(channel.shape),
        control_(control),
        hook_(hook),
        position_(channel.state->position),
        sequence_(channel.state->sequence + 1),
        written_(channel.state->seen),
        forgiven_(channel.state->forgiven) {}

  /// Takes the message's records, after a post where `capacity` is above the eager limit.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN Received run(const Request& request) {
    if (request.forgives) forgiven_ = sequence_;
    user_ = request.user;
    if (!receive_records(request)) return {false, lanes_};
    group_.sync();
    if (leads()) {
      channel_.home->position = position_;
      channel_.home->seen = written_;
    }
    return {true, lanes_};
  }

 private:
  enum class Next : std::uint64_t { kRecord, kNothing, kFailed };

  CAUSEWAY_FN bool leads() const { return group_.rank() == 0; }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool receive_records(const Request& request) {
    for (;;) {
      const Next next = await_header();
      if (next == Next::kNothing) lanes_ = shape_.lane;
      if (next != Next::kRecord) return next == Next::kNothing;
      const RecordHeader header = header_at(channel_, position_);
      if (!valid(header)) return corrupt(header);
      if (reached(header.sequence, sequence_ + 1)) return true;
      if (header.sequence == sequence_) return take_message(header, request);
      // Left from an exchange in which this rank had asked for nothing. Lane 0, which every message
      // has, reports it; with lines, its header there has told.
      if (shape_.ll_bytes == 0 && shape_.lane == 0 && header.protocol != Protocol::kDeclined &&
          !reached(forgiven_, header.sequence)) {
        report(Fault::kTruncated, WaitFor::kNothing, header.sequence, header.message_bytes, 0);
      }
      if (!take_record(header, 0)) return false;
    }
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool take_message(const RecordHeader& header, const Request& request) {
    const std::uint64_t capacity = request.bytes;
    lanes_ = header.lanes;
    if (header.protocol == Protocol::kDeclined) {
      report(Fault::kDeclined, WaitFor::kNothing, sequence_, 0, 0);
    } else if (header.message_bytes > capacity) {
      report(Fault::kTruncated, WaitFor::kNothing, sequence_, header.message_bytes, capacity);
    }
    if (!take_record(header, capacity)) return false;
    if (header.protocol == Protocol::kDirect || header.bytes == header.lane_bytes) return true;
    // The sender waits for a post. With lines, lane 0 has made it at the sight of its header.
    if (leads() && shape_.ll_bytes == 0 && !posts_unasked(shape_, request)) {
      post(link_, shape_, sequence_, request);
    }
    const Next next = await_header();
    if (next == Next::kFailed) return false;
    const RecordHeader rest = header_at(channel_, position_);
    if (next == Next::kNothing || !valid(rest) || rest.sequence != sequence_) return corrupt(rest);
    return take_record(rest, capacity);
  }

  /// Hands a record's payload to the hook, up to what fits in capacity, and frees its place.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool take_record(const RecordHeader& header, std::uint64_t capacity) {
    std::uint64_t cursor =
        place(position_, sizeof(RecordHeader), shape_.ring_bytes) + sizeof(RecordHeader);
    if (header.protocol == Protocol::kDirect) {
      // The bytes are where they belong.
      if (leads()) signal(offsetof(ReceiverWords, freed), cursor);
      position_ = cursor;
      return true;
    }
    std::uint64_t done = 0;
    std::uint64_t slot = 0;
    do {
      const Piece piece = next_piece(header, done, cursor, shape_.ring_bytes);
      if (!await_payload(piece.end)) return false;
      const std::uint64_t offset = header.offset + done;
      const std::uint64_t taken = accepted_bytes(offset, piece.bytes, capacity, header.granularity);
      if (taken > 0) {
        hook_.consume(Context<G>{group_, shape_.peer, shape_.lane, slot, offset, taken, user_},
                      ring(piece.at));
      }
      group_.sync();
      if (leads()) signal(offsetof(ReceiverWords, freed), piece.end);
      cursor = piece.end;
      done += piece.bytes;
      ++slot;
    } while (done < header.bytes);
    position_ = cursor;
    return true;
  }

  CAUSEWAY_FN const std::byte* ring(std::uint64_t position) const {
    return channel_.ring + (position & (shape_.ring_bytes - 1));
  }

  CAUSEWAY_FN static bool valid(const RecordHeader& header) {
    const bool known = header.protocol == Protocol::kStaged ||
                       header.protocol == Protocol::kDirect ||
                       header.protocol == Protocol::kDeclined;
    return known && header.granularity > 0 && (header.piece_bytes > 0 || header.bytes == 0);
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool corrupt(const RecordHeader& header) const {
    report(Fault::kCorrupt, WaitFor::kHeader, sequence_, position_, header.sequence);
    return false;
  }

  /// Waits for a header, or for the word that the sender has no bytes for this exchange.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN Next await_header() {
    Next next = Next::kRecord;
    const std::uint64_t end =
        place(position_, sizeof(RecordHeader), shape_.ring_bytes) + sizeof(RecordHeader);
    if (leads() && !reached(written_, end)) {
      Fault fault = Fault::kNone;
      std::uint32_t rounds = 0;
      const bool left = link_.wait(&channel_.words->written, control_, fault, [&](auto written) {
        written_ = written;
        if (reached(written_, end)) return true;
        // Each further word is a further wait for memory.
        if (++rounds % Device::kRoundsPerLook != 0) return false;
        if (!is_told_of_nothing()) return false;
        // `written` is read after that word, which a sender stores after the records before it.
        look();
        if (!reached(written_, end)) next = Next::kNothing;
        return true;
      });
      if (!left) {
        report(fault, WaitFor::kHeader, sequence_, end, written_);
        next = Next::kFailed;
      }
    }
    return static_cast<Next>(group_.broadcast(static_cast<std::uint64_t>(next)));
  }

  /// True when the lane carries no bytes of this message, or the sender has gone on to a later one.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool is_told_of_nothing() const {
    return tells_of_nothing(Device::load_acquire(&channel_.first_words->told), sequence_,
                            shape_.lane);
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void look() { written_ = Device::load_acquire(&channel_.words->written); }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool await_payload(std::uint64_t end) {
    bool left = true;
    if (leads() && !reached(written_, end)) {
      Fault fault = Fault::kNone;
      left = link_.wait(&channel_.words->written, control_, fault, [&](auto written) {
        written_ = written;
        return reached(written, end);
      });
      if (!left) report(fault, WaitFor::kPayload, sequence_, end, written_);
    }
    return group_.broadcast(left ? 1 : 0) != 0;
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void signal(std::uint64_t word, std::uint64_t value) const {
    link_.signal(shape_.words_offset + word, value);
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void report(Fault fault, WaitFor wait_for, std::uint64_t sequence,
                          std::uint64_t needed, std::uint64_t seen) const {
    if (!leads()) return;
    report_fault<Device>(control_,
                         {fault, wait_for, shape_.peer, shape_.lane, sequence, needed, seen, 0});
  }

  const G& group_;
  const L& link_;
  const ReceiveChannel& channel_;
  const ChannelShape& shape_;
  const WaitControl& control_;
  const C& hook_;
  void* user_ = nullptr;
  std::uint32_t lanes_ = kUnknownLanes;
  std::uint64_t position_;
  const std::uint64_t sequence_;
  std::uint64_t written_;  // the leader's alone
  std::uint64_t forgiven_;
};

CAUSEWAY_TEMPLATE
template <class G, class L, class C>
CAUSEWAY_FN CAUSEWAY_CALL Received receive_through_ring(G group, L link,
                                                        const ReceiveChannel& channel,
                                                        Request request, const WaitControl& control,
                                                        C hook) {
  return RingReceiver<G, L, C>(group, link, channel, control, hook).run(request);
}

}  // namespace impl

/// Receives one lane's share of the message that channel.shape.peer sends in this exchange. All
/// threads of the group call it with the same arguments; when it returns, the hook has consumed the
/// share. The share's size and layout are the sender's to say. A surplus is drained and reported as
/// kTruncated. Lanes are served as send() has it: by one group, or by several, each from its own
/// first lane on, up to the lane that `lanes` of what it returns says. Not ok when a wait was given
/// up: the reports then say why, and the channel cannot be used again. `ahead` is of
/// prepare_receive() for this request, with the exchange's sequence.
CAUSEWAY_TEMPLATE
template <Group G, class L, class C>
CAUSEWAY_FN Received receive(const G& group, const L& link, const ReceiveChannel& channel,
                             const Request& request, const WaitControl& control, const C& hook,
                             const ReceiveAhead& ahead) {
  static_assert(Link<L>);
  static_assert(ConsumeHook<C, G>);
  using Device = typename L::Device;
  const ChannelShape& shape = channel.shape;
  const std::uint64_t sequence = ahead.sequence;
  impl::Sighting seen{impl::Found::kRing, impl::kUnknownLanes};
  if (request.bytes == 0) {
    seen = {impl::Found::kNothing, 0};
    if (group.rank() == 0 && shape.lane == 0) {
      link.signal(shape.posts_offset + offsetof(ReceiverWords, refused), sequence);
    }
  } else {
    if (ahead.lined && request.acknowledges && group.rank() == 0 && shape.lane == 0) {
      link.signal(shape.posts_offset + offsetof(ReceiverWords, taken), sequence - 1);
    }
    if (ahead.posts_early) impl::post(link, shape, sequence, request);
    if (ahead.lined) {
      seen = impl::receive_by_ll<Device>(group, channel, request, control, hook, ahead);
    }
    if (seen.found == impl::Found::kRing) {
      // A sender that wants to store in place waits for where.
      if (ahead.lined && group.rank() == 0 && shape.lane == 0 && !ahead.posts_early) {
        impl::post(link, shape, sequence, request);
      }
      const Received received =
          impl::receive_through_ring(group, link, channel, request, control, hook);
      if (!received) seen.found = impl::Found::kFailed;
      seen.lanes = smaller(seen.lanes, received.lanes);
    }
  }
  sync_before_changes(group);
  const bool ok = seen.found != impl::Found::kFailed;
  if (group.rank() == 0 && ok) {
    ChannelState& state = *channel.home;
    state.sequence = sequence;
    if (request.forgives) state.forgiven = sequence;
    if (request.bytes > 0) {
      state.last = sequence;
      if (request.paired) Device::store_near(&state.heard, sequence - channel.state->lead);
    }
    if (ahead.lined && !request.paired && shape.lane == 0) Device::add(&state.lead, 1);
  }
  const std::uint32_t next = shape.lane + request.lane_step;
  if (ok && next >= seen.lanes) {
    pass_over(group, shape, channel.home, next, request.lane_step, sequence);
  }
  // All have met since they took it, and meet before they bring the next channel near.
  if (HasNearMemory<G> && seen.found == impl::Found::kTaken) return {true, seen.lanes};
  return {group.all(ok), seen.lanes};
}

CAUSEWAY_TEMPLATE
template <Group G, class L, class C>
CAUSEWAY_FN Received receive(const G& group, const L& link, const ReceiveChannel& channel,
                             const Request& request, const WaitControl& control, const C& hook) {
  ReceiveAhead ahead = prepare_receive(group, channel, request);
  ahead.sequence = channel.state->sequence + 1;
  return receive(group, link, channel, request, control, hook, ahead);
}

}  // namespace causeway::device
