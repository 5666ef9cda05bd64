// What a sender does with the receiver's ring, and with memory that the receiver has named.
#pragma once

#include <causeway/device/hooks.hpp>
#include <causeway/device/message.hpp>

namespace causeway::device {

/// The largest payload of a first record, for elements of `granularity` bytes.
CAUSEWAY_FN constexpr std::uint64_t first_record_bytes(const ChannelShape& shape,
                                                       std::uint64_t bytes,
                                                       std::uint32_t granularity) {
  return round_down(smaller(bytes, shape.eager_bytes), granularity);
}

/// The size of a record's pieces, for elements of `granularity` bytes. Pieces of a few bytes would
/// take a multiple of their room in the ring.
CAUSEWAY_FN constexpr std::uint64_t record_piece_bytes(const ChannelShape& shape,
                                                       std::uint64_t wished,
                                                       std::uint32_t granularity) {
  const std::uint64_t least = granularity > kPayloadAlign ? granularity : kPayloadAlign;
  return round_down(wished < least ? least : smaller(wished, shape.eager_bytes), granularity);
}

namespace impl {

enum class Outcome : std::uint64_t { kDone, kRefused, kFailed };

/// True when the receiver has said that it takes nothing of an exchange, or has gone on to a later
/// one. It cannot have gone on past one in which it waits for this sender.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool is_refused(const SendChannel& channel, std::uint64_t sequence) {
  return reached(Device::load_acquire(&channel.first_words->refused), sequence) ||
         reached(Device::load_acquire(&channel.posts->posted), sequence + 1);
}

template <class G, class L, class P>
class RingSender {
 public:
  using Device = typename L::Device;

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN RingSender(const G& group, const L& link, const SendChannel& channel,
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

  /// Sends a share of more than nothing, or that this rank declines.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool run(const Share& share) {
    if (!send_share(share)) return false;
    if (leads()) {
      channel_.home->position = position_;
      channel_.home->seen = freed_;
    }
    return true;
  }

 private:
  CAUSEWAY_FN bool leads() const { return group_.rank() == 0; }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool send_share(const Share& share) {
    user_ = share.user;
    if constexpr (ReadsProcesses<Device> && HasSource<P>) {
      const bool pulled = share.protocol == Protocol::kPull && hook_.granularity() <= kPullPiece;
      if (pulled) return offer(share);
    }
    Post post{0, nullptr};
    const bool direct = share.protocol == Protocol::kDirect;
    bool asked = direct && look_for_post(post);
    if (direct && !asked && share.piece_bytes == 0 && shape_.ll_bytes > 0) {
      // Lane 0's header has the receiver post, whatever it takes.
      if (!await_post(post)) return false;
      asked = true;
    }
    if (post.to != nullptr) return send_rest(share, 0, post);
    // While a post is on its way that may say where the bytes go, few take the longer way.
    const std::uint64_t unasked =
        direct && !asked ? smaller(share.bytes, share.piece_bytes) : share.bytes;
    const std::uint64_t first = first_record_bytes(shape_, unasked, hook_.granularity());
    const Outcome outcome = write_record(header_of(share, 0, first), true);
    if (outcome == Outcome::kRefused) {
      report_unwanted(share);
      return true;
    }
    if (outcome == Outcome::kFailed || first == share.bytes) return outcome == Outcome::kDone;

    if (!await_post(post)) return false;
    if (post.bytes == 0) {
      // A receiver that has taken the first record has reported it; one that asked for nothing may
      // never.
      if (!reached(freed_, position_)) report_unwanted(share);
      return true;
    }
    // Of no bytes too: the receiver waits for it, and so its post stays while this rank reads it.
    return send_rest(share, first, post);
  }

  /// What a receiver has announced: how many bytes of the message it takes, and where this rank may
  /// store them; null where it may not.
  struct Post {
    std::uint64_t bytes;
    std::byte* to;
  };

  CAUSEWAY_FN std::uint64_t accepted(const Share& share, const Post& post) const {
    return accepted_bytes(share.offset, share.bytes, post.bytes, hook_.granularity());
  }

  /// The header of a record with bytes [done, done + bytes) of a share.
  CAUSEWAY_FN RecordHeader header_of(const Share& share, std::uint64_t done,
                                     std::uint64_t bytes) const {
    const std::uint32_t granularity = hook_.granularity();
    const bool direct = share.protocol == Protocol::kDirect;
    return {
        sequence_,
        share.message_bytes,
        share.bytes,
        share.offset + done,
        bytes,
        record_piece_bytes(shape_, direct ? shape_.eager_bytes : share.piece_bytes, granularity),
        granularity,
        share.protocol == Protocol::kDeclined ? Protocol::kDeclined : Protocol::kStaged,
        share.lanes,
        share.tag};
  }

  /// Sends what a receiver takes of a share and has not got in the first `done` bytes.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool send_rest(const Share& share, std::uint64_t done, const Post& post) {
    const std::uint64_t wanted = accepted(share, post);
    const RecordHeader header = header_of(share, done, wanted > done ? wanted - done : 0);
    if (share.protocol == Protocol::kDirect && post.to != nullptr) {
      return write_in_place(header, post.to);
    }
    return write_record(header, false) == Outcome::kDone;
  }

  /// Says where a share lies. The receiver takes it from there.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool offer(const Share& share) {
    RecordHeader header = header_of(share, 0, share.bytes);
    header.protocol = Protocol::kPull;
    header.piece_bytes = reinterpret_cast<std::uintptr_t>(hook_.source(share.offset));
    const Outcome outcome = await_credit(end_of_header(), true);
    if (outcome == Outcome::kDone) write_header(header);
    if (outcome == Outcome::kRefused) report_unwanted(share);
    return outcome != Outcome::kFailed;
  }

  /// Stores a record's bytes where they belong, and then its header in the ring.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool write_in_place(RecordHeader header, std::byte* message) {
    header.protocol = Protocol::kDirect;
    if (await_credit(end_of_header(), false) != Outcome::kDone) return false;
    if (header.bytes > 0) {
      hook_.produce(
          Context<G>{group_, shape_.peer, shape_.lane, 0, header.offset, header.bytes, user_},
          message + header.offset);
    }
    write_header(header);
    return true;
  }

  CAUSEWAY_FN std::uint64_t end_of_header() const {
    return place(position_, sizeof(RecordHeader), shape_.ring_bytes) + sizeof(RecordHeader);
  }

  /// Writes a header that no payload follows in the ring, for which there is credit.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void write_header(const RecordHeader& header) {
    const std::uint64_t end = end_of_header();
    if (leads()) {
      *reinterpret_cast<RecordHeader*>(link_.window(ring(end - sizeof(RecordHeader)))) = header;
    }
    group_.sync();
    if (leads()) link_.signal(shape_.words_offset + offsetof(SenderWords, written), end);
    position_ = end;
  }

  /// Writes a header and its payload. A refusable record is published as a whole, once there is
  /// credit for all of it; until then a receiver that has gone past this exchange makes it void.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN Outcome write_record(const RecordHeader& header, bool refusable) {
    const std::uint64_t header_at = place(position_, sizeof(RecordHeader), shape_.ring_bytes);
    std::uint64_t cursor = header_at + sizeof(RecordHeader);
    const std::uint64_t record_end =
        refusable ? end_of_record(position_, header.bytes, header.piece_bytes, shape_.ring_bytes)
                  : 0;
    std::uint64_t done = 0;
    std::uint64_t slot = 0;
    do {
      const Piece piece = next_piece(header, done, cursor, shape_.ring_bytes);
      const Outcome outcome = await_credit(refusable ? record_end : piece.end, refusable);
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
      std::uint32_t rounds = 0;
      const bool left = link_.wait(&channel_.words->freed, control_, fault, [&](auto freed) {
        freed_ = freed;
        if (has_credit(end, freed, shape_.ring_bytes)) return true;
        const bool looks = refusable && ++rounds % Device::kRoundsPerLook == 0;
        if (looks && is_refused<Device>(channel_, sequence_)) outcome = Outcome::kRefused;
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
  CAUSEWAY_FN bool await_post(Post& post) {
    bool left = true;
    if (leads()) {
      Fault fault = Fault::kNone;
      std::uint64_t last = 0;
      std::uint32_t rounds = 0;
      left = link_.wait(&channel_.posts->posted, control_, fault, [&](auto posted) {
        last = posted;
        if (reached(posted, sequence_)) return true;
        // Each further word is a further wait for memory.
        return ++rounds % Device::kRoundsPerLook == 0 && is_refused<Device>(channel_, sequence_);
      });
      if (left && last == sequence_) post = read_post();
      freed_ = Device::load_acquire(&channel_.words->freed);
      if (!left) report(fault, WaitFor::kPost, sequence_, last);
    }
    post = given_to_all(post);
    return group_.broadcast(left ? 1 : 0) != 0;
  }

  /// True when it has already.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool look_for_post(Post& post) {
    bool posted = false;
    if (leads() && Device::load_acquire(&channel_.posts->posted) == sequence_) {
      posted = true;
      post = read_post();
    }
    post = given_to_all(post);
    return group_.broadcast(posted ? 1 : 0) != 0;
  }

  CAUSEWAY_FN Post given_to_all(const Post& post) const {
    const Words words =
        group_.broadcast(Words{{post.bytes, reinterpret_cast<std::uintptr_t>(post.to)}});
    return {words.word[0], reinterpret_cast<std::byte*>(words.word[1])};
  }

  /// A post that has been acquired. Its region may be one that this rank cannot write to, or knows
  /// no more.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN Post read_post() const {
    const std::uint64_t bytes = Device::load_far(&channel_.posts->posted_bytes);
    if constexpr (L::kKind == LinkKind::kNetwork) {
      return {bytes, nullptr};
    } else {
      const std::uint64_t name = Device::load_far(&channel_.posts->posted_region);
      const std::uint64_t offset = Device::load_far(&channel_.posts->posted_offset);
      if (name == kNoRegion) return {bytes, nullptr};
      const RegionView& region = channel_.regions[region_place(name)];
      const bool fits = offset <= region.bytes && bytes <= region.bytes - offset;
      return {bytes, region.name == name && fits ? region.base + offset : nullptr};
    }
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

CAUSEWAY_TEMPLATE
template <class G, class L, class P>
CAUSEWAY_FN CAUSEWAY_CALL bool send_through_ring(G group, L link, const SendChannel& channel,
                                                 Share share, const WaitControl& control, P hook) {
  return RingSender<G, L, P>(group, link, channel, control, hook).run(share);
}

}  // namespace impl

}  // namespace causeway::device
