// Communicator::State: what a communicator is made of.
#pragma once

#include "channel_set.hpp"
#include "communicator.hpp"
#include "layout_tables.hpp"
#include "plan.hpp"
#include "staging.hpp"
#include "topology.hpp"
#include "watchdog.hpp"

#include <mutex>

namespace causeway {

/// Made by set_up(), in communicator_attach.cpp; the rest is in communicator.cpp.
class Communicator::State {
 public:
  ~State();

  /// Collective. On failure every rank gets the same error.
  Status set_up(Bootstrap& bootstrap, const Config& config, const Status& config_status);

  /// Makes a call when it is its turn. Of a failure that it finds all ranks know when it returns.
  template <typename Call>
  Status in_turn(Call&& call) {
    const std::lock_guard lock(turn_);
    const Status status = call();
    if (network && channels.abort_word() != 0) network->await_spread();
    return status;
  }

  /// These two are called by whoever has the turn. Without buffers the rank takes no part.
  Status exchange(const Buffers* buffers);
  Status enqueue(const Buffers* buffers, void* stream);

  /// Fails the communicator on every rank.
  void fail(Failure failure);

  /// What has made the communicator unusable.
  Status failure() const;

  Topology topology;
  std::unique_ptr<DeviceBackend> backend;
  ChannelSet channels;
  std::unique_ptr<Network> network;  ///< null where all ranks run on one host
  PlanLimits limits{};
  device::Communicator handle{};

 private:
  struct Wishes;

  Status set_up_device(Bootstrap& bootstrap, const Config& config, Wishes agreed,
                       const std::vector<Wishes>& all);
  void watch_peers();
  Status describe(const Buffers* buffers, Exchange* exchange);
  Status open_rings(const Buffers* buffers);
  bool posts_in_ring() const { return network && backend->kind() != DeviceKind::kHost; }
  Status check_for_stream(const Buffers& buffers, const void* stream) const;
  Status result();

  std::mutex turn_;
  std::vector<device::LinkKind> links_;  ///< by rank
  AlltoallvPlan plan_;
  LayoutTables layouts_;
  Staging staging_;
  bool complete_ = false;  ///< all ranks are set up
  std::uint64_t timeout_seconds_ = 0;
  std::vector<std::unique_ptr<Watch>> watches_;  ///< of peers; they end before what they tell
};

}  // namespace causeway
