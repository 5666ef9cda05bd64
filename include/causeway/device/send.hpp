// send: one rank's part in moving a lane's share of a message to a peer.
#pragma once

#include <causeway/device/impl/send_ll.hpp>
#include <causeway/device/impl/send_ring.hpp>
#include <causeway/device/near.hpp>

namespace causeway::device {

/// True when send() of a share would run to its end without waiting for the receiver; one with
/// kPull has to have a hook with a source. Called by one thread, which must be the only user of the
/// channel's end.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool sends_at_once(const SendChannel& channel, const Share& share,
                               std::uint32_t granularity) {
  const std::uint64_t bytes = share.bytes;
  const ChannelShape& shape = channel.shape;
  const Route route = route_of(shape, share);
  if (route == Route::kNothing) return true;
  if (shape.ll_bytes > 0 &&
      !slot_is_free<Device>(channel, channel.state->sequence + 1, share.paired)) {
    return false;
  }
  if (route != Route::kRing) return true;
  const bool pulled = share.protocol == Protocol::kPull;
  const std::uint64_t in_ring = pulled ? 0 : bytes;
  if (share.protocol == Protocol::kDirect ||
      first_record_bytes(shape, in_ring, granularity) < in_ring) {
    return false;
  }
  const std::uint64_t end =
      end_of_record(channel.state->position, in_ring,
                    record_piece_bytes(shape, share.piece_bytes, granularity), shape.ring_bytes);
  if (has_credit(end, channel.state->seen, shape.ring_bytes)) return true;
  channel.home->seen = Device::load_acquire(&channel.words->freed);
  return has_credit(end, channel.home->seen, shape.ring_bytes);
}

/// Sends one lane's share of a message to channel.shape.peer, which calls receive() on the other
/// end for the same exchange. All threads of the group call it with the same arguments, and return
/// when the hook's bytes have been taken from where they were, but for shares with kPull, of which
/// await_pulled() says so; the receiver may still be reading its ring or its lines. It waits for
/// ring space and, for shares above the eager limit, for the receiver's post; lines are free when
/// the receiver has begun to receive the message before this one, or at the latest when it begins
/// to receive this one.
///
/// The first share.lanes lanes of the pair carry the message, each of them some bytes. Lane 0 tells
/// the receiver of every message, so it sends in each, also where its share is empty. A group calls
/// it for its lanes in ascending order: one of all, or one of several of which each begins at a
/// lane of its own and says in share.lane_step how many they are. Each calls it for its first lane,
/// whether that carries anything or not, and for its others below share.lanes; the rest come as far
/// without a call. Groups that share the lanes of a message meet before any of them begins the
/// pair's next one; before and after a paired exchange those that send and those that receive meet
/// too. Between two paired exchanges both ranks have the same messages sent alone. False when a
/// wait was given up: the reports then say why, and the channel cannot be used again. `ahead` is of
/// prepare_send() for this share, with the exchange's sequence, and may be of read_ahead().
CAUSEWAY_TEMPLATE
template <Group G, class L, class P>
CAUSEWAY_FN bool send(const G& group, const L& link, const SendChannel& channel, const Share& share,
                      const WaitControl& control, const P& hook, const SendAhead& ahead) {
  static_assert(Link<L>);
  static_assert(ProduceHook<P, G>);
  using Device = typename L::Device;
  const ChannelShape& shape = channel.shape;
  const std::uint64_t sequence = ahead.sequence;
  bool sent = true;
  if (ahead.route == Route::kLl) {
    sent = impl::send_by_ll<Device>(group, channel, share, control, hook, ahead);
  } else if (ahead.route == Route::kLl128) {
    sent = impl::send_by_ll128<Device>(group, channel, share, control, hook, sequence, ahead.heard,
                                       ahead.header);
  } else if (ahead.route == Route::kNothing) {
    if (group.rank() == 0 && shape.lane == 0) {
      link.signal(shape.words_offset + offsetof(SenderWords, told), told(sequence, 0));
    }
  } else {
    if (shape.ll_bytes > 0 && shape.lane == 0) {
      const LlLine* const slot = impl::store_header<Device>(
          group, channel, control, sequence, ahead.heard, share.paired, ahead.header);
      if (!group.all(slot != nullptr)) return false;
    } else if (group.rank() == 0 && shape.lane == 0 && share.lanes < shape.pair_lanes) {
      link.signal(shape.words_offset + offsetof(SenderWords, told), told(sequence, share.lanes));
    }
    if (!impl::send_through_ring(group, link, channel, share, control, hook)) return false;
  }
  sync_before_changes(group);
  if (group.rank() == 0 && sent) {
    ChannelState& state = *channel.home;
    state.sequence = sequence;
    if (share.bytes > 0) {
      state.last = sequence;
      state.last_bytes = share.message_bytes;
    }
    if (shape.ll_bytes > 0 && shape.lane == 0 && !share.paired) {
      Device::store_near(&channel.news.state->alone, sequence);
      Device::add(&channel.news.state->lead, ~std::uint64_t{0});
    }
  }
  const std::uint32_t next = shape.lane + share.lane_step;
  if (sent && next >= share.lanes) {
    pass_over(group, shape, channel.home, next, share.lane_step, sequence);
  }
  return group.all(sent);
}

CAUSEWAY_TEMPLATE
template <Group G, class L, class P>
CAUSEWAY_FN bool send(const G& group, const L& link, const SendChannel& channel, const Share& share,
                      const WaitControl& control, const P& hook) {
  SendAhead ahead;
  prepare_send(link, channel, share, hook, ahead);
  ahead.sequence = channel.state->sequence + 1;
  ahead.heard = ahead.sequence - 2;
  return send(group, link, channel, share, control, hook, ahead);
}

/// Waits until the receiver has read a share with kPull, which send() has sent last on the channel,
/// or takes nothing of it, and reports that. Called by one thread. False when the wait was given
/// up: the reports then say why.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool await_pulled(const SendChannel& channel, const Share& share,
                              const WaitControl& control) {
  if (route_of(channel.shape, share) != Route::kRing) return true;
  const std::uint64_t position = channel.home->position;
  const std::uint64_t sequence = channel.home->sequence;
  std::uint64_t& freed = channel.home->seen;
  const auto report = [&](Fault fault, std::uint64_t needed, std::uint64_t seen) {
    report_fault<Device>(control, {fault, WaitFor::kCredit, channel.shape.peer, channel.shape.lane,
                                   sequence, needed, seen, 0});
  };
  const auto look = [&] {
    freed = Device::load_acquire(&channel.words->freed);
    return reached(freed, position);
  };
  Fault fault = Fault::kNone;
  const bool left = poll_until<Device>(
      control, fault, [&] { return look() || impl::is_refused<Device>(channel, sequence); });
  if (!left) report(fault, position, freed);
  // It may have been freed between the two looks.
  if (left && !look()) report(Fault::kTruncated, share.message_bytes, 0);
  return left;
}

}  // namespace causeway::device
