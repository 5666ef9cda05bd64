// The channels of a communicator over shared memory, and their tables for the host device.
#pragma once

#include "bootstrap.hpp"
#include "channel_layout.hpp"
#include "failure.hpp"
#include "shared_segment.hpp"
#include "topology.hpp"

#include <causeway/device/communicator.hpp>

#include <memory>
#include <vector>

namespace causeway {

/// What all ranks agreed on for their channels.
struct ChannelSettings {
  std::uint32_t lanes;
  std::uint64_t ring_bytes;  ///< a power of two
  std::uint64_t start_count;
};

/// Owns this rank's segment, the mappings of its peers' and the tables of channel ends.
class ChannelSet {
 public:
  /// Collective. On failure every rank gets the same error.
  Status create(Bootstrap& bootstrap, const Topology& topology, const ChannelSettings& settings);

  /// The device's view. `control` is what its waits poll.
  device::Communicator handle(const device::WaitControl& control) const;

  /// Largest payload of a first record.
  std::uint64_t eager_bytes() const { return settings_.ring_bytes / 4; }
  std::uint64_t ring_bytes() const { return settings_.ring_bytes; }

  /// This rank's abort word.
  const std::uint64_t* abort_word() const { return &header(topology_->host_rank()).abort_word; }

  /// Tells this rank and every rank of its host that the communicator has failed.
  void set_abort_words(Failure failure);

 private:
  Status open_peers(Bootstrap& bootstrap);
  void fill_own_segment();
  void fill_tables();

  SegmentHeader& header(int host_rank) const {
    return *reinterpret_cast<SegmentHeader*>(segment(host_rank).data());
  }
  const SharedSegment& segment(int host_rank) const {
    return *segments_[static_cast<std::size_t>(host_rank)];
  }

  const Topology* topology_ = nullptr;
  ChannelSettings settings_{};
  ChannelLayout layout_;
  std::vector<std::shared_ptr<SharedSegment>> segments_;  ///< by host rank
  std::vector<device::SendChannel> send_;
  std::vector<device::ReceiveChannel> receive_;
  std::vector<device::ChannelState> states_;
};

}  // namespace causeway
