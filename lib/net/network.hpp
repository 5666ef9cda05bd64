// Network: what links a rank to ranks on other hosts.
#pragma once

#include "../bootstrap.hpp"
#include "../device_backend.hpp"
#include "../facts.hpp"
#include "../failure.hpp"
#include "../topology.hpp"

#include <causeway/device/link.hpp>

#include <functional>
#include <memory>

namespace causeway {

/// What all ranks agreed on for their channels over the network.
struct NetworkSettings {
  std::uint32_t lanes;
  std::uint64_t ring_bytes;
  std::uint64_t start_count;
  std::uint64_t link_timeout_seconds;  ///< 0 waits for ever
};

/// Offsets in the blocks that both ends of a channel have. A sender's block begins with what its
/// receiver writes, device::ReceiverWords, a receiver's with device::SenderWords; behind lies the
/// ring, in the sender's block as it is to become in the receiver's.
struct NetworkBlock {
  static constexpr std::uint64_t kWords = 0;
  static constexpr std::uint64_t kRing = device::kLineBytes;
};

/// The network end of one rank of a communicator: blocks for channels with ranks on other hosts,
/// and the port that carries posts between them. A thread of the process drives it, so that peers
/// are answered whatever the rank does; waiting threads drive it too. Memory that is never used is
/// never touched, and peers are connected to on first use.
class Network : public device::NetworkPort {
 public:
  virtual ~Network() = default;

  /// Whether this build has a network.
  static bool available();

  /// What can be said of it.
  static NetworkFacts facts();

  /// Collective over all ranks of the topology. On failure every rank gets the same error.
  static Status create(Bootstrap& bootstrap, const Topology& topology,
                       const NetworkSettings& settings, std::unique_ptr<Network>* network);

  /// Blocks of the channel to and from a rank on another host; links whose windows they are.
  virtual std::byte* send_block(int rank, std::uint32_t lane) = 0;
  virtual std::byte* receive_block(int rank, std::uint32_t lane) = 0;

  /// Whom to tell, on any thread, of links that break and of failures that ranks of other hosts
  /// tell, also of one that was before. `tell` does not wait and does not post.
  virtual void on_failure(std::function<void(Failure)> tell) = 0;

  /// Tells the ranks of other hosts of a failure, once. Does not wait. Any thread.
  virtual void spread(Failure failure) = 0;

  /// Waits until the ranks of other hosts know of the failure too, for two seconds at most: a rank
  /// that ends after that is not taken for the one that has failed. Once; one thread at a time.
  virtual void await_spread() = 0;

  /// Ends it; what was posted still goes out. Local: links that break afterwards on a peer's side
  /// do not fail it. Nothing may be posted later.
  virtual void leave() = 0;

  device::LinkHandle send_link(int rank, std::uint32_t lane) {
    return {device::LinkKind::kNetwork,
            send_block(rank, lane),
            this,
            static_cast<std::uint32_t>(rank),
            lane,
            true};
  }
  device::LinkHandle receive_link(int rank, std::uint32_t lane) {
    return {device::LinkKind::kNetwork,
            receive_block(rank, lane),
            this,
            static_cast<std::uint32_t>(rank),
            lane,
            false};
  }
};

}  // namespace causeway
