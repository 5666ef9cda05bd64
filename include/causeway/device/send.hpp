// send: one rank's part in moving a lane's share of a message to a peer.
#pragma once

#include <causeway/device/channel.hpp>
#include <causeway/device/hooks.hpp>

namespace causeway::device {

/// One lane's share of a message: bytes [offset, offset + bytes) of message_bytes.
struct Share {
  std::uint64_t message_bytes;
  std::uint64_t offset;       ///< a multiple of the hook's granularity
  std::uint64_t bytes;        ///< likewise; 0 announces that this lane carries nothing
  std::uint64_t piece_bytes;  ///< largest piece wished for; cut to the channel's eager limit
  std::uint32_t lanes;        ///< lanes that the message is spread over
  std::uint32_t tag;          ///< operation
  Protocol protocol = Protocol::kStaged;
  void* user = nullptr;  ///< handed to the hook
};

/// The largest payload of a first record, for elements of `granularity` bytes.
CAUSEWAY_FN constexpr std::uint64_t first_record_bytes(const ChannelShape& shape,
                                                       std::uint64_t bytes,
                                                       std::uint32_t granularity) {
  return round_down(smaller(bytes, shape.eager_bytes), granularity);
}

/// True when send() of a share of `bytes` would run to its end without waiting for the receiver.
/// Called by one thread, which must be the only user of the channel's end.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool sends_at_once(const SendChannel& channel, std::uint64_t bytes,
                               std::uint32_t granularity) {
  if (bytes == 0) return true;
  const ChannelShape& shape = channel.shape;
  if (first_record_bytes(shape, bytes, granularity) < bytes) return false;
  // A header and a payload, each behind a gap at the ring's end at worst.
  const std::uint64_t end =
      channel.state->position + 2 * sizeof(RecordHeader) + 2 * round_up(bytes, kPayloadAlign);
  if (has_credit(end, channel.state->seen, shape.ring_bytes)) return true;
  channel.state->seen = Device::load_acquire(&channel.words->freed);
  return has_credit(end, channel.state->seen, shape.ring_bytes);
}

namespace impl {

enum class Outcome : std::uint64_t { kDone, kRefused, kFailed };

template <class G, class L, class P>
class Sender {
 public:
  using Device = typename L::Device;

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN Sender(const G& group, const L& link, const SendChannel& channel,
                     const WaitControl& control, const P& hook)
      : group_(group),
        link_(link),
        channel_(channel),
        shape_(channel.shape),
        control_(control),
        hook_(hook),
        position_(channel.state->position),
        sequence_(channel.state->sequence + 1),
        freed_(channel.state->seen) {}

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool run(const Share& share) {
    if (share.bytes == 0 && share.protocol == Protocol::kStaged) {
      if (leads()) link_.signal(shape_.words_offset + offsetof(SenderWords, nothing), sequence_);
    } else if (!send_share(share)) {
      return false;
    }
    group_.sync();
    if (leads()) {
      channel_.state->position = position_;
      channel_.state->sequence = sequence_;
      channel_.state->seen = freed_;
    }
    group_.sync();
    return true;
  }

 private:
  CAUSEWAY_FN bool leads() const { return group_.rank() == 0; }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool send_share(const Share& share) {
    const std::uint32_t granularity = hook_.granularity();
    const std::uint64_t first = first_record_bytes(shape_, share.bytes, granularity);
    const std::uint64_t piece =
        round_down(smaller(share.piece_bytes, shape_.eager_bytes), granularity);
    RecordHeader header{sequence_, share.message_bytes, share.bytes,    share.offset, first,
                        piece,     granularity,         share.protocol, share.lanes,  share.tag};
    user_ = share.user;
    const Outcome outcome = write_record(header, true);
    if (outcome == Outcome::kRefused) {
      report_unwanted(share);
      return true;
    }
    if (outcome == Outcome::kFailed || first == share.bytes) return outcome == Outcome::kDone;

    std::uint64_t capacity = 0;
    if (!await_post(capacity)) return false;
    // A receiver that takes the first record reports the rest; one that asked for nothing may
    // never.
    if (capacity == 0 && !reached(freed_, position_)) report_unwanted(share);
    const std::uint64_t accepted = accepted_bytes(share.offset, share.bytes, capacity, granularity);
    if (accepted <= first) return true;
    header.offset += first;
    header.bytes = accepted - first;
    return write_record(header, false) == Outcome::kDone;
  }

  /// Writes a header and its payload. While nothing of a refusable record is published, a receiver
  /// that has gone past this exchange makes it void.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN Outcome write_record(const RecordHeader& header, bool refusable) {
    const std::uint64_t header_at = place(position_, sizeof(RecordHeader), shape_.ring_bytes);
    std::uint64_t cursor = header_at + sizeof(RecordHeader);
    std::uint64_t done = 0;
    std::uint64_t slot = 0;
    do {
      const Piece piece = next_piece(header, done, cursor, shape_.ring_bytes);
      const Outcome outcome = await_credit(piece.end, refusable && done == 0);
      if (outcome != Outcome::kDone) return outcome;
      if (done == 0) {
        if (leads()) *reinterpret_cast<RecordHeader*>(link_.window(ring(header_at))) = header;
        link_.commit(group_, ring(header_at), sizeof(RecordHeader));
      }
      if (piece.bytes > 0) {
        hook_.produce(Context<G>{group_, shape_.peer, shape_.lane, slot, header.offset + done,
                                 piece.bytes, user_},
                      link_.window(ring(piece.at)));
        link_.commit(group_, ring(piece.at), piece.bytes);
      }
      group_.sync();
      if (leads()) link_.signal(shape_.words_offset + offsetof(SenderWords, written), piece.end);
      cursor = piece.end;
      done += piece.bytes;
      ++slot;
    } while (done < header.bytes);
    position_ = cursor;
    return Outcome::kDone;
  }

  CAUSEWAY_FN std::uint64_t ring(std::uint64_t position) const {
    return shape_.ring_offset + (position & (shape_.ring_bytes - 1));
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN Outcome await_credit(std::uint64_t end, bool refusable) {
    Outcome outcome = Outcome::kDone;
    if (leads() && !has_credit(end, freed_, shape_.ring_bytes)) {
      Fault fault = Fault::kNone;
      const bool left = link_.wait(&channel_.words->freed, control_, fault, [&](auto freed) {
        freed_ = freed;
        if (has_credit(end, freed, shape_.ring_bytes)) return true;
        if (refusable && refused()) outcome = Outcome::kRefused;
        return outcome == Outcome::kRefused;
      });
      if (!left) {
        report(fault, WaitFor::kCredit, end - shape_.ring_bytes, freed_);
        outcome = Outcome::kFailed;
      }
    }
    return static_cast<Outcome>(group_.broadcast(static_cast<std::uint64_t>(outcome)));
  }

  /// Waits until the receiver has said how many bytes of this message it takes.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool await_post(std::uint64_t& capacity) {
    bool left = true;
    if (leads()) {
      Fault fault = Fault::kNone;
      std::uint64_t last = 0;
      left = link_.wait(&channel_.words->posted, control_, fault, [&](auto posted) {
        last = posted;
        return reached(posted, sequence_) || refused();
      });
      if (left && last == sequence_) capacity = Device::load_acquire(&channel_.words->posted_bytes);
      freed_ = Device::load_acquire(&channel_.words->freed);
      if (!left) report(fault, WaitFor::kPost, sequence_, last);
    }
    capacity = group_.broadcast(capacity);
    return group_.broadcast(left ? 1 : 0) != 0;
  }

  /// True when the receiver has said that it takes nothing (more), or has gone on to a later
  /// exchange. It cannot have gone on past one in which it waits for this sender.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool refused() const {
    return reached(Device::load_acquire(&channel_.words->refused), sequence_) ||
           reached(Device::load_acquire(&channel_.words->posted), sequence_ + 1);
  }

  /// Reports that the receiver asked for nothing of this message.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void report_unwanted(const Share& share) const {
    if (share.protocol == Protocol::kDeclined) return;
    report(Fault::kTruncated, WaitFor::kCredit, share.message_bytes, 0);
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void report(Fault fault, WaitFor wait_for, std::uint64_t needed,
                          std::uint64_t seen) const {
    if (!leads()) return;
    report_fault<Device>(control_,
                         {fault, wait_for, shape_.peer, shape_.lane, sequence_, needed, seen, 0});
  }

  const G& group_;
  const L& link_;
  const SendChannel& channel_;
  const ChannelShape& shape_;
  const WaitControl& control_;
  const P& hook_;
  void* user_ = nullptr;
  std::uint64_t position_;
  const std::uint64_t sequence_;
  std::uint64_t freed_;  // the leader's alone
};

}  // namespace impl

/// Sends one lane's share of a message to channel.shape.peer, which calls receive() on the other
/// end for the same exchange. All threads of the group call it with the same arguments, and return
/// when the hook's bytes have been taken from where they were; the receiver may still be reading
/// its ring. It waits for ring space and, for shares above the eager limit, for the receiver's
/// post. False when a wait was given up: the reports then say why, and the channel cannot be used
/// again.
CAUSEWAY_TEMPLATE
template <Group G, class L, class P>
CAUSEWAY_FN bool send(const G& group, const L& link, const SendChannel& channel, const Share& share,
                      const WaitControl& control, const P& hook) {
  static_assert(Link<L>);
  static_assert(ProduceHook<P, G>);
  return impl::Sender<G, L, P>(group, link, channel, control, hook).run(share);
}

}  // namespace causeway::device
