// NetworkBlocks: what the network channels of a rank lie in, and the ring that its device posts in.
#pragma once

#include "device_memory.hpp"
#include "topology.hpp"

#include <causeway/device/channel.hpp>

#include <cstdint>
#include <vector>

namespace causeway {

/// What all ranks agreed on for their channels over the network.
struct NetworkSettings {
  std::uint32_t lanes;
  std::uint64_t ring_bytes;
  std::uint64_t start_count;
  std::uint64_t link_timeout_seconds;  ///< 0 waits for ever
};

/// Host memory of one rank: words and rings of its channels with ranks on other hosts, in both
/// directions, and a ring of posts. Rings are address space that becomes memory when it is used.
class NetworkBlocks {
 public:
  /// `topology` and `backend`, whose device addresses the memory, outlive the blocks.
  Status create(const Topology& topology, const NetworkSettings& settings, DeviceMemory& backend);

  /// A channel's ring: this rank's copy of the peer's where it is `outgoing`, else its own.
  std::byte* ring(int rank, std::uint32_t lane, bool outgoing) const {
    return rings_.get() + ring_at(rank, lane, outgoing);
  }

  /// What the peer writes of a channel, device::ReceiverWords where it is `outgoing`, else
  /// device::SenderWords; and the same as the device addresses it.
  std::byte* words(int rank, std::uint32_t lane, bool outgoing) const {
    return words_.get() + words_at(rank, lane, outgoing);
  }
  const std::byte* words_as_seen(int rank, std::uint32_t lane, bool outgoing) const {
    return words_as_seen_.get() + words_at(rank, lane, outgoing);
  }

  /// Lets the device at the rings of all channels to or from a peer, which host threads have
  /// always.
  Status open_rings(int rank, bool outgoing);

  /// Stores what a peer has posted: bytes, then the word, which it releases. False, and nothing is
  /// stored, when it does not fit the channel that it names.
  bool store(int source, const device::NetworkPost& post, const std::byte* data, std::size_t bytes);

  /// The ring of posts, as the device addresses it.
  const device::PostRing& post_ring() const { return post_ring_; }

  /// Takes the next post out of the ring if there is one. One thread at a time.
  bool take(device::NetworkPost* post);

  /// How many launches the device has counted as over, and where it counts.
  std::uint64_t launches_over() const;
  std::uint64_t* launches_over_as_seen() const {
    return reinterpret_cast<std::uint64_t*>(posts_as_seen_.get() + device::kLineBytes);
  }

  /// Keeps what posts are sent from.
  const Memory& owner() const { return rings_; }

 private:
  Status make_post_ring();
  std::uint64_t index_of(int rank) const { return index_[static_cast<std::size_t>(rank)]; }
  std::uint64_t rings_at(int rank, bool outgoing) const {
    return (2 * index_of(rank) + (outgoing ? 1 : 0)) * bytes_of_rings_;
  }
  std::uint64_t ring_at(int rank, std::uint32_t lane, bool outgoing) const {
    return rings_at(rank, outgoing) + lane * settings_.ring_bytes;
  }
  std::uint64_t words_at(int rank, std::uint32_t lane, bool outgoing) const {
    return ((index_of(rank) * settings_.lanes + lane) * 2 + (outgoing ? 1 : 0)) *
           device::kLineBytes;
  }

  DeviceMemory* backend_ = nullptr;
  NetworkSettings settings_{};
  std::vector<std::uint64_t> index_;  ///< by rank: of those on other hosts
  std::uint64_t bytes_of_rings_ = 0;  ///< to or from one peer, whole pages
  Memory rings_;
  std::vector<Memory> rings_as_seen_;  ///< by index and direction; null until they are opened
  Memory words_;
  Memory words_as_seen_;

  Memory posts_;  ///< lines of `taken` and of launches over, on the next page the slots
  Memory posts_as_seen_;
  Memory counts_;  ///< tickets and seen
  device::PostRing post_ring_{};
};

}  // namespace causeway
