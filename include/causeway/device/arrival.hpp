// Arrival: looks, without waiting, at how far a message between two ranks has come.
#pragma once

#include <causeway/device/impl/receive_ll.hpp>
#include <causeway/device/impl/send_ring.hpp>

namespace causeway::device {

/// Whether the sender of the next message on lane 0 has begun to send it, or there is none to wait
/// for: receive() then waits at most for what that sender is doing. Called by one thread, which
/// must be the only user of the channel's end. It may say no of a message behind one that this rank
/// did not ask for.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool has_come(const ReceiveChannel& channel, const Request& request) {
  if (request.bytes == 0 && !is_announced(request.tag)) return true;
  const ChannelShape& shape = channel.shape;
  const std::uint64_t sequence = channel.state->sequence + 1;
  if (shape.ll_bytes == 0) {
    const std::uint64_t written = Device::load_acquire(&channel.words->written);
    return impl::has_record<Device>(channel, sequence, written) ||
           tells_of_nothing(Device::load_acquire(&channel.first_words->told), sequence, shape.lane);
  }
  std::uint64_t words[kHeaderWords] = {};
  const LlLine* const slot = slot_of(channel.lines, sequence, shape);
  return impl::load_header<Device, kHeaderWords>(slot, sequence, words) ||
         impl::look_elsewhere<Device>(channel, sequence).found != impl::Found::kNotYet;
}

/// Whether await_pulled() of a share would not wait.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool is_pulled(const SendChannel& channel, const Share& share) {
  return route_of(channel.shape, share) != Route::kRing ||
         reached(Device::load_acquire(&channel.words->freed), channel.home->position) ||
         impl::is_refused<Device>(channel, channel.home->sequence);
}

}  // namespace causeway::device
