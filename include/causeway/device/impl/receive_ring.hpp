// What a receiver does with its ring: it takes records out, and says how much it takes.
#pragma once

#include <causeway/device/ahead.hpp>

namespace causeway::device {

namespace impl {

/// Publishes the request. One thread; repeating it from several lanes is harmless.
CAUSEWAY_TEMPLATE
template <class L>
CAUSEWAY_FN void post(const L& link, const ChannelShape& shape, std::uint64_t sequence,
                      const Request& request) {
  const auto word = [&](std::uint64_t offset) { return shape.posts_offset + offset; };
  // Of nothing the sender takes no notice: of a message that is longer, a byte is lost.
  link.store(word(offsetof(ReceiverWords, posted_bytes)), request.bytes > 0 ? request.bytes : 1);
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
      if (next == Next::kNothing) {
        lanes_ = shape_.lane;
        miss(request);
      }
      if (next != Next::kRecord) return next == Next::kNothing;
      const RecordHeader header = header_at(channel_, position_);
      if (!valid(header)) return corrupt(header);
      if (reached(header.sequence, sequence_ + 1)) {
        miss(request);
        return true;
      }
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
    const bool declined = header.protocol == Protocol::kDeclined;
    if (hears()) hear(header, request, declined);
    if (declined) report(Fault::kDeclined, WaitFor::kNothing, sequence_, 0, 0);
    if (header.protocol != Protocol::kDeclined && header.message_bytes > capacity) {
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

  /// Whether records tell of messages here: with lines, lane 0's header there has told.
  CAUSEWAY_FN bool hears() const { return leads() && shape_.ll_bytes == 0 && shape_.lane == 0; }

  /// Says what a message is, and reports one of another kind.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void hear(const RecordHeader& header, const Request& request, bool declined) const {
    if (request.info != nullptr) *request.info = {header.message_bytes, header.tag};
    const Fault fault = fault_of_tag(request, header.tag);
    if (is_wanted(request, header.tag) || (declined && !is_fatal(fault))) return;
    report(fault, WaitFor::kNothing, sequence_, request.tag, header.tag);
  }

  /// Reports that no message came where one was to.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void miss(const Request& request) const {
    if (!hears() || !is_announced(request.tag)) return;
    report(Fault::kOutOfStep, WaitFor::kNothing, sequence_, request.tag, 0);
  }

  /// Hands a record's payload to the hook, up to what fits in capacity, and frees its place.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool take_record(const RecordHeader& header, std::uint64_t capacity) {
    std::uint64_t cursor =
        place(position_, sizeof(RecordHeader), shape_.ring_bytes) + sizeof(RecordHeader);
    if (!in_ring(header.protocol)) {
      if (header.protocol == Protocol::kPull && !pull(header, capacity)) return false;
      // Now the bytes are where they belong.
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

  /// Reads a payload where it lies, up to what fits in capacity.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool pull(const RecordHeader& header, std::uint64_t capacity) {
    if constexpr (ReadsProcesses<Device>) {
      const std::uint64_t taken =
          accepted_bytes(header.offset, header.bytes, capacity, header.granularity);
      const auto* const from = reinterpret_cast<const std::byte*>(header.piece_bytes);
      if constexpr (HasDestination<C>) {
        const bool reads = leads() && taken > 0;
        return group_.all(!reads || read(hook_.destination(header.offset), from, taken));
      } else {
        return pull_in_pieces(header, from, taken);
      }
    }
    return false;
  }

  /// The same for hooks that take bytes from elsewhere.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool pull_in_pieces(const RecordHeader& header, const std::byte* from,
                                  std::uint64_t bytes) {
    alignas(kPayloadAlign) std::byte piece[kPullPiece];
    const std::uint64_t whole = round_down(kPullPiece, header.granularity);
    // The leader's serves all.
    const auto* const shared = reinterpret_cast<const std::byte*>(
        group_.broadcast(reinterpret_cast<std::uintptr_t>(piece)));
    std::uint64_t slot = 0;
    for (std::uint64_t done = 0; done < bytes; done += whole) {
      const std::uint64_t part = smaller(bytes - done, whole);
      const bool there = !leads() || read(piece, from + done, part);
      if (!group_.all(there)) return false;
      hook_.consume(
          Context<G>{group_, shape_.peer, shape_.lane, slot++, header.offset + done, part, user_},
          shared);
      group_.sync();
    }
    return true;
  }

  /// Whether any rank in reach has been told that the communicator fails.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool is_failing() const {
    for (std::uint32_t i = 0; i < control_.abort_word_count; ++i) {
      if (Device::load_acquire(control_.abort_words[i]) != 0) return true;
    }
    return false;
  }

  /// Reads from the sender's process. One thread. A sender that was told of a failure, or has
  /// ended, may have left before: this rank is told soon too.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool read(std::byte* to, const std::byte* from, std::uint64_t bytes) {
    const int error = Device::read_process(shape_.process, to, from, bytes);
    const bool left = error == Device::kNoProcess || is_failing();
    if (error == 0 && !left) return true;
    Fault fault = Fault::kUnreadable;
    if (left) poll_until<Device>(control_, fault, [] { return false; });
    report(fault, WaitFor::kPayload, sequence_, bytes, static_cast<std::uint64_t>(error));
    return false;
  }

  CAUSEWAY_FN const std::byte* ring(std::uint64_t position) const {
    return channel_.ring + (position & (shape_.ring_bytes - 1));
  }

  CAUSEWAY_FN static bool valid(const RecordHeader& header) {
    const bool pulls = ReadsProcesses<Device> && header.protocol == Protocol::kPull &&
                       header.granularity <= kPullPiece;
    const bool known = header.protocol == Protocol::kStaged ||
                       header.protocol == Protocol::kDirect ||
                       header.protocol == Protocol::kDeclined || pulls;
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

}  // namespace causeway::device
