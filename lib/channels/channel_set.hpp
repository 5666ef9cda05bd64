// The channels of a communicator: memory that the ranks of a host share, and the tables of ends.
#pragma once

#include "bootstrap.hpp"
#include "channel_layout.hpp"
#include "device_memory.hpp"
#include "failure.hpp"
#include "network.hpp"
#include "regions.hpp"
#include "topology.hpp"

#include <causeway/device/communicator.hpp>
#include <causeway/device/message.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace causeway {

/// What all ranks agreed on for their channels.
struct ChannelSettings {
  std::uint32_t lanes;
  std::uint64_t ring_bytes;   ///< a power of two
  std::uint64_t ll_bytes;     ///< most bytes of a lane's share in lines, a multiple of a line; or 0
  std::uint64_t ll128_bytes;  ///< the same in lines of ll128; 0 where ll_bytes is
  std::uint64_t start_count;
  std::uint64_t spares = 0;  ///< further sets whose memory is made with the first one's

  std::uint64_t slot_bytes() const {
    return ll_bytes == 0 ? 0 : device::slot_bytes(ll_bytes, ll128_bytes);
  }
  /// Of a hook that forms or takes what travels in lines.
  std::uint64_t scratch_bytes() const { return std::max(ll_bytes, ll128_bytes); }
};

/// Stores lines of ll128 to every peer of the host and loads its, while they do the same: *hold is
/// whether all came whole, as far as can be seen.
using Ll128Trial = std::function<Status(const device::Communicator& comm, bool* hold)>;

/// How far a rank has come in leaving a communicator.
enum class Stage : std::uint64_t {
  kHere = 0,
  kDeparted,  ///< it runs no more exchanges
  kClosed,    ///< it has let go of its peers' memory
};

/// Owns this rank's segment, its view of its peers' and the tables of channel ends, all in memory
/// of the communicator's device; and the abort words, which are host memory whatever the device.
class ChannelSet {
 public:
  /// Collective. On failure every rank gets the same error. The others outlive the set; `network`
  /// is null where all ranks run on one host.
  Status create(Bootstrap& bootstrap, const Topology& topology, DeviceMemory& backend,
                const RegionSet& registered, Network* network, const ChannelSettings& settings);

  /// Makes the `index`-th spare, from 1 on, of a set that was created with so many; of memory of
  /// the host. Local; others as above. Its memory is filled by renew().
  Status create_spare(const ChannelSet& first, std::uint64_t index, const Topology& topology,
                      DeviceMemory& backend, const RegionSet& registered);

  /// The device's view; the caller fills in the limits of its waits.
  device::Communicator handle() const { return handle_; }

  /// Largest payload of a first record.
  std::uint64_t eager_bytes() const { return settings_.ring_bytes / 4; }
  std::uint64_t ring_bytes() const { return settings_.ring_bytes; }
  /// Of this rank's segment.
  std::uint64_t segment_bytes() const { return layout_.bytes(); }

  std::uint64_t abort_word() const { return read_abort_word(abort_words_of(own())); }

  /// Tells this rank and every rank of its host that the communicator has failed.
  void set_abort_words(Failure failure);

  /// Says to the ranks of the host how far this one has come in leaving.
  void depart(Stage stage);

  /// Counts a call that all ranks make, and says which rank of the host has made fewer than this
  /// one, or -1.
  void count_call();
  int rank_behind() const;

  /// For when the process of a peer has ended; true when it had not departed before.
  bool peer_ended(int rank);

  /// Whether the process of a peer, or of any, has.
  bool has_ended(int rank) const { return ended_[index_of(rank)]; }
  bool any_ended() const;

  /// Has all be as create() left it, but for what has become of peers' processes. Local; after all
  /// ranks have departed, and before any goes on.
  Status renew();

  /// Waits until every rank of the host has come so far; false when one has ended without, or has
  /// not come in time.
  bool wait_for_all(Stage stage, std::chrono::seconds patience) const;

  /// Gives back what this rank's part of memory took that is made together with others'. Peers may
  /// still write there, but nobody reads it.
  void give_pages_back();

  /// Lets go of the peers' segments. No launch is running or will.
  void close_peers();

  /// For graphs that outlive the set: makes launches do nothing from now on, and keeps what they
  /// read before they find that out.
  void leave_to_graphs();

  /// Never gives this rank's segment back: a peer may still write to it.
  void keep_own_segment() {
    if (segments_.empty()) return;
    static_cast<void>(guarded([&]() -> Status {
      new Memory(segments_[own()]);
      return {};
    }));
  }

  /// Faults that launches have reported and nobody has cleared. May be called while one runs.
  device::FaultReports reports() const;
  /// Whether there are any, and whether there is a fatal one.
  bool has_report() const;
  bool has_fatal_report() const;
  /// Makes room for others in place of those that `read` has, but for a fatal one. What came since
  /// stays.
  Status clear_reports(const device::FaultReports& read);

  /// Tries lines of ll128 out, if there are any: false in *hold where some do not stay whole
  /// between this rank and a peer. Collective; nobody has exchanged anything yet.
  Status try_ll128(Bootstrap& bootstrap, const Ll128Trial& trial, bool* hold);

  /// Where launches may say what message came, as the device sees it; and what they said.
  device::MessageInfo* heard_by_device() const { return &as_seen(own())->heard; }
  device::MessageInfo heard() const { return control_of(own())->heard; }

  /// Has the tables say that no share travels in lines of ll128. No launch is running.
  Status forgo_ll128();

 private:
  /// Host memory of one rank that its peers map: one page.
  struct Control {
    std::uint64_t abort_word;
    std::uint64_t stage;
    std::uint64_t calls;
    alignas(device::kLineBytes) device::FaultReports reports;
    device::MessageInfo heard;
  };

  struct Offers;

  /// Of a set among those that are made together.
  std::uint64_t segment_stride() const { return device::round_up(layout_.bytes(), kPageBytes); }
  std::uint64_t bytes_of_controls() const { return (1 + settings_.spares) * kPageBytes; }
  std::uint64_t bytes_of_segments() const {
    return settings_.spares == 0 ? layout_.bytes() : (1 + settings_.spares) * segment_stride();
  }

  Status open_peers(Bootstrap& bootstrap, int control, const MemoryOffer& segment);
  Status open_peer(std::size_t index, const Offers& offers);
  Status fill_own_segment();
  Status fill_words();
  Status fill_states();
  Status fill_lines(std::uint64_t lanes);
  Status fill_tables();

  Control* as_seen(std::size_t index) const {
    return reinterpret_cast<Control*>(controls_as_seen_[index].get());
  }
  std::size_t index_of(int rank) const {
    const auto& ranks = topology_->host_ranks();
    return static_cast<std::size_t>(std::ranges::find(ranks, rank) - ranks.begin());
  }
  std::size_t own() const { return static_cast<std::size_t>(topology_->host_rank()); }
  Control* control_of(std::size_t index) const {
    return reinterpret_cast<Control*>(controls_[index].get());
  }
  Stage stage_of(std::size_t index) const;
  std::uint64_t calls_of(std::size_t index) const;
  std::uint64_t* abort_words_of(std::size_t index) const { return &control_of(index)->abort_word; }

  const Topology* topology_ = nullptr;
  DeviceMemory* backend_ = nullptr;
  const RegionSet* registered_ = nullptr;
  Network* network_ = nullptr;
  ChannelSettings settings_{};
  ChannelLayout layout_;
  std::vector<Memory> controls_;                ///< by host rank
  std::vector<Memory> controls_as_seen_;        ///< by host rank, as the device addresses them
  std::vector<Memory> segments_;                ///< by host rank
  std::unique_ptr<std::atomic<bool>[]> ended_;  ///< by host rank: its process has
  Memory tables_;
  Memory scratch_;  ///< for hooks: of every channel with lines, its send and its receive end's
  device::Communicator handle_{};
};

}  // namespace causeway
