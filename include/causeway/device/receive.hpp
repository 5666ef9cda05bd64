// receive: one rank's part in taking a lane's share of a message from a peer.
#pragma once

#include <causeway/device/impl/receive_ll.hpp>
#include <causeway/device/impl/receive_ring.hpp>
#include <causeway/device/near.hpp>

namespace causeway::device {

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
  if (request.bytes == 0 && !is_announced(request.tag)) {
    seen = {impl::Found::kNothing, 0};
    if (group.rank() == 0 && shape.lane == 0) {
      link.signal(shape.posts_offset + offsetof(ReceiverWords, refused), sequence);
    }
  } else {
    if (request.info != nullptr && group.rank() == 0 && shape.lane == 0) {
      *request.info = {request.bytes, request.tag};
    }
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
    if (request.bytes > 0 || is_announced(request.tag)) {
      // Where nothing came, what came unasked before is still to be reported.
      if (seen.found != impl::Found::kNothing) state.last = sequence;
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
