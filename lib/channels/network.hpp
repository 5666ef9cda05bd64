// Network: what links a rank to ranks on other hosts.
#pragma once

#include "bootstrap.hpp"
#include "facts.hpp"
#include "failure.hpp"
#include "network_blocks.hpp"

#include <causeway/device/link.hpp>

#include <atomic>
#include <functional>
#include <memory>

namespace causeway {

/// The network end of one rank of a communicator: blocks for channels with ranks on other hosts,
/// and the port that carries posts between them. A thread of the process drives it, so that peers
/// are answered whatever the rank does; waiting threads drive it too. Memory that is never used is
/// never touched, and peers are connected to on first use.
class Network : public device::NetworkPort {
 public:
  virtual ~Network() = default;
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Whether this build has a network.
  static bool available();

  /// What can be said of it.
  static NetworkFacts facts();

  /// Collective over all ranks of the topology. On failure every rank gets the same error. The
  /// others outlive the network.
  static Status create(Bootstrap& bootstrap, const Topology& topology,
                       const NetworkSettings& settings, DeviceMemory& backend,
                       std::unique_ptr<Network>* network);

  /// Between this rank and others: `tell` has failures told that came from ranks of other hosts or
  /// that the network has found, also one that was before; `seen` says, as an abort word, of one
  /// that this rank has found or been told of otherwise, which goes to the other hosts. Both are
  /// called on any thread; they do not wait and do not post.
  virtual void on_failure(std::function<void(Failure)> tell,
                          std::function<std::uint64_t()> seen) = 0;

  /// Waits until the ranks of other hosts know of the failure that `seen` says, for two seconds at
  /// most: a rank that ends after that is not taken for the one that has failed. Once; one thread
  /// at a time.
  virtual void await_spread() = 0;

  /// Makes the network look now for what nobody has told it: a failure seen, posts in the ring.
  virtual void wake() = 0;

  /// Ends it; what was posted still goes out. Local: links that break afterwards on a peer's side
  /// do not fail it. Nothing may be posted later.
  virtual void leave() = 0;

  /// Before each launch of a device that posts in the ring, and once any are in a graph that may be
  /// replayed: until they are over, the network keeps looking for posts. Wakes it.
  void expect_launch() {
    launches_.fetch_add(1);
    wake();
  }
  void expect_replays() {
    replays_ = true;
    wake();
  }

  /// Lets the device at the rings of all channels to or from a peer. Before their first use.
  Status open_rings(int rank, bool outgoing) { return blocks_.open_rings(rank, outgoing); }

  /// What the peer writes of a channel, as the device polls it.
  const std::byte* words(int rank, std::uint32_t lane, bool outgoing) const {
    return blocks_.words_as_seen(rank, lane, outgoing);
  }

  /// Where the device counts the launches that are over.
  std::uint64_t* launches_over() const { return blocks_.launches_over_as_seen(); }

  /// This rank's ring of a channel from a peer.
  std::byte* ring(int rank, std::uint32_t lane) const { return blocks_.ring(rank, lane, false); }

  /// A channel end's link, for the device.
  device::LinkHandle link(int rank, std::uint32_t lane, bool outgoing) const {
    return {device::LinkKind::kNetwork,
            blocks_.ring(rank, lane, outgoing) - device::NetworkPost::kRing,
            port_as_seen_,
            static_cast<std::uint32_t>(rank),
            lane,
            outgoing};
  }

 protected:
  Network() : NetworkPort{} {}

  /// Makes the blocks and the ring of posts.
  Status make_blocks(const Topology& topology, const NetworkSettings& settings,
                     DeviceMemory& backend);

  /// Whether the device may post. Without a call of CUDA: one can wait for a kernel that waits for
  /// the network.
  bool expects_posts() const { return replays_ || launches_ != blocks_.launches_over(); }

  NetworkBlocks blocks_;

 private:
  std::atomic<std::uint64_t> launches_ = 0;
  std::atomic<bool> replays_ = false;
  Memory port_memory_;
  NetworkPort* port_as_seen_ = nullptr;  ///< by the device: this, or a copy in its own memory
};

}  // namespace causeway
