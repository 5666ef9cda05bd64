// The device's view of a communicator: its ranks and the channels to them.
#pragma once

#include <causeway/device/channel.hpp>

namespace causeway::device {

/// The occupancy of a communicator that was detached. Launches that graphs then replay leave before
/// they write anything. No launch counts groups up to that bit, nor does its number make this.
inline constexpr unsigned long long kDetachedOccupancy = 0x1c000;
inline constexpr unsigned long long kDetachedBit = 0x8000;

/// A plain handle that kernels and host threads take by value. It and the tables that it points to
/// belong to the communicator, lie in memory of its device, and live until it is detached.
struct Communicator {
  std::uint32_t rank;
  std::uint32_t size;
  std::uint32_t lanes;            ///< channels to each peer
  const SendChannel* send;        ///< [size * lanes]; channel (peer, lane) at peer * lanes + lane
  const ReceiveChannel* receive;  ///< [size * lanes], likewise
  ChannelState* states;           ///< [size * lanes * 2]: of a channel's send end, then receive end
  unsigned long long* occupancy;  ///< which launch has the channels; 0 for none
  std::uint64_t* launches_over;   ///< host memory that counts launches; null without a network
  WaitControl control;

  /// States of the channels with a peer: of lane 0's send end, its receive end, and so on.
  CAUSEWAY_FN ChannelState* states_of(std::uint32_t peer) const {
    return states + 2 * std::size_t{peer} * lanes;
  }
  CAUSEWAY_FN const SendChannel& send_channel(std::uint32_t peer, std::uint32_t lane) const {
    return send[std::size_t{peer} * lanes + lane];
  }
  CAUSEWAY_FN const ReceiveChannel& receive_channel(std::uint32_t peer, std::uint32_t lane) const {
    return receive[std::size_t{peer} * lanes + lane];
  }
};

}  // namespace causeway::device
