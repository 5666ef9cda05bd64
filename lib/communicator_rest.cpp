// How what a communicator had serves the next one of the same ranks.
#include "communicator_state.hpp"
#include "log.hpp"
#include "sharing.hpp"

#include <sched.h>

namespace causeway {

/// Ends this rank's part, as the destructor does, and gives back what depends on what was
/// exchanged.
bool Communicator::State::rest() {
  if (!may_rest_ || !complete_ || !planned_.empty() || !regions.empty() || !failure().ok() ||
      channels.any_ended()) {
    return false;
  }
  channels.depart(Stage::kDeparted);
  made_ = {};
  messages_ = {};
  layouts_ = LayoutTables();
  staging_ = Staging();
  plans_made_ = 0;
  handle.control.idle = nullptr;
  return true;
}

/// Settings are the same, and so is what the process may do, which it may have changed.
bool Communicator::State::suits(const Config& config) const {
  if (!(config == config_) || channels.any_ended()) return false;
  cpu_set_t processors;
  CPU_ZERO(&processors);
  sched_getaffinity(0, sizeof processors, &processors);
  if (CPU_EQUAL(&processors, &topology.place(topology.rank()).processors) == 0) return false;
  const bool read = pullers_[static_cast<std::size_t>(topology.rank())] != 0;
  if (tries_reading_ && reads_host_ranks(topology) != read) return false;
  std::string why;
  return config.device == DeviceChoice::kHost || !make_cuda_backend(config.launchers, &why);
}

/// The peers do not write before they know that all have come here, nor after they have departed.
Status Communicator::State::wake() {
  set_log_level(config_.log);
  CAUSEWAY_TRY(channels.renew());
  announce();
  return {};
}

/// A watch that told of a peer before wake() has told what wake() has made forgotten.
void Communicator::State::rise() {
  for (const int peer : topology.host_ranks()) {
    if (channels.has_ended(peer)) fail({device::Fault::kPeerEnded, peer});
  }
}

std::unique_ptr<Communicator> Communicator::rest(std::unique_ptr<Communicator> ended) {
  ended->begun_.drain();
  if (!ended->state_->rest()) return nullptr;
  // What ran exchanges in the background goes with the rest.
  return std::unique_ptr<Communicator>(new Communicator(std::move(ended->state_)));
}

std::uint64_t Communicator::number() const { return state_->number; }

std::uint64_t Communicator::segment_bytes() const { return state_->channels.segment_bytes(); }

bool Communicator::suits(const Config& config) const { return state_->suits(config); }

Status Communicator::wake() {
  return guarded([this] { return state_->wake(); });
}

void Communicator::rise() { state_->rise(); }

void Communicator::give_up() { state_->fail({device::Fault::kTimedOut, rank()}); }

}  // namespace causeway
