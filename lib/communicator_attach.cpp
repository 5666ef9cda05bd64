// How a communicator is set up, and taken down.
#include "communicator_state.hpp"
#include "gpu.hpp"
#include "sharing.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>

namespace causeway {

namespace {

/// Spinning helps only a thread whose peer runs at the same time, and not for long: it may be the
/// other role of the same rank, waiting for this processor. Some microseconds.
constexpr std::uint32_t kSpinsWithProcessors = 100;

/// Seconds that a rank whose exchanges never time out waits for its peers to detach.
constexpr std::uint64_t kMostPatience = 86400;

/// In place of a number of bytes that is the device's choice.
constexpr std::uint64_t kNoWish = ~std::uint64_t{0};

/// The smaller of two wishes, where 0 is none.
void take_smaller(std::uint64_t* wish, std::uint64_t other) {
  if (other != 0 && (*wish == 0 || other < *wish)) *wish = other;
}

/// Address space of communicators that rest from the beginning, at most.
constexpr std::uint64_t kMostBytesOfSpares = std::uint64_t{1} << 30;

/// A number that is not 0, another one for each `step`.
std::uint64_t mixed_number(std::uint64_t from, std::uint64_t step) {
  return (from + step * 0x9e3779b97f4a7c15U) >> 1 | 1;
}

/// For one communicator of all that there are.
std::uint64_t new_number() {
  static std::atomic<std::uint64_t> made = 0;
  return mixed_number(own_desk().name, ++made);
}

/// Whether the process may have only so much memory as files or address space.
bool has_room_limits() {
  for (const int what : {RLIMIT_FSIZE, RLIMIT_AS}) {
    rlimit limit{};
    if (getrlimit(static_cast<__rlimit_resource>(what), &limit) != 0 ||
        limit.rlim_cur != RLIM_INFINITY) {
      return true;
    }
  }
  return false;
}

/// Notices that a peer of this host ends while a communicator is set up.
class EarlyWatch {
 public:
  /// Of what cannot be watched there is no word: the time limit tells.
  explicit EarlyWatch(const Topology& topology) : own_(topology.rank()) {
    static_cast<void>(guarded([&]() -> Status {
      for (const int peer : topology.host_ranks()) {
        if (topology.same_process(peer)) continue;
        std::unique_ptr<Watch> watch;
        CAUSEWAY_TRY(watch_process(
            topology.place(peer).desk.pid, [this, peer] { note(peer); }, &watch));
        watches_.push_back(std::move(watch));
      }
      return {};
    }));
  }

  int rank() const { return ended_; }

  /// An error that names a rank that has ended.
  Status ended() const {
    return ended_ < 0 ? Status() : failure_status({device::Fault::kPeerEnded, ended_}, own_);
  }

 private:
  /// The first one counts: others may have ended because of it.
  void note(int peer) {
    int nobody = -1;
    ended_.compare_exchange_strong(nobody, peer);
  }

  const int own_;
  std::atomic<int> ended_ = -1;
  std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace

/// What ranks have to agree on, as each would have it; 0 leaves a choice to the device. Plain data.
struct Communicator::State::Wishes {
  Place place;
  std::uint64_t number;  ///< that it would give the communicator; rank 0's counts
  GpuId gpu;             ///< zeros for none
  bool insists;          ///< on running on GPUs
  bool cma;              ///< messages may be read where they lie
  bool reads;            ///< the memory of all ranks of its host
  std::uint64_t ring_bytes;
  std::uint64_t lanes;
  std::uint64_t ll_bytes;  ///< kNoWish leaves it and the next to the device
  std::uint64_t ll128_bytes;
  std::uint64_t start_count;
  std::uint64_t spares;
};

Status Communicator::State::set_up(Bootstrap& bootstrap, const Config& config,
                                   std::uint64_t spares) {
  std::unique_ptr<DeviceBackend> gpu;
  const bool insists = config.device == DeviceChoice::kCuda;
  Wishes mine{};
  const auto wish = [&]() -> Status {
    std::string why = "CAUSEWAY_DEVICE is host";
    if (config.device != DeviceChoice::kHost) gpu = make_cuda_backend(config.launchers, &why);
    if (insists && !gpu) {
      return Status::error(ErrorKind::kUnsupported,
                           "CAUSEWAY_DEVICE is cuda, and there is no GPU to use: %s", why.c_str());
    }
    Place place = this_place();
    if (config.node_size != 0) {
      // Hosts of the ranks' own making, within those that there are.
      place.host_id ^= (static_cast<std::uint64_t>(bootstrap.rank()) / config.node_size + 1) *
                       0x9e3779b97f4a7c15U;
    }
    mine = {place,
            new_number(),
            gpu ? gpu->gpu() : GpuId{},
            insists,
            config.cma,
            false,
            config.ring_bytes.value_or(0),
            config.lanes.value_or(0),
            config.ll_bytes.value_or(kNoWish),
            config.ll128_bytes.value_or(kNoWish),
            config.start_count,
            has_room_limits() ? 0 : spares};
    return {};
  };
  std::vector<Wishes> all;
  CAUSEWAY_TRY(allgather(bootstrap, wish, mine, &all));
  Wishes agreed = all.front();
  number = agreed.number;
  bool all_have_gpus = true;
  bool any_has_gpu = false;
  std::vector<Place> places;
  CAUSEWAY_TRY(agree(bootstrap, [&]() -> Status {
    for (const Wishes& wishes : all) {
      places.push_back(wishes.place);
      all_have_gpus = all_have_gpus && wishes.gpu != GpuId{};
      any_has_gpu = any_has_gpu || wishes.gpu != GpuId{};
      agreed.insists = agreed.insists || wishes.insists;
      agreed.cma = agreed.cma && wishes.cma;
      take_smaller(&agreed.ring_bytes, wishes.ring_bytes);
      take_smaller(&agreed.lanes, wishes.lanes);
      agreed.ll_bytes = std::min(agreed.ll_bytes, wishes.ll_bytes);
      agreed.ll128_bytes = std::min(agreed.ll128_bytes, wishes.ll128_bytes);
      agreed.start_count = std::min(agreed.start_count, wishes.start_count);
      agreed.spares = std::min(agreed.spares, wishes.spares);
    }
    config_ = config;
    tries_reading_ = agreed.cma;
    if (any_has_gpu) agreed.spares = 0;
    if (!insists || all_have_gpus) return {};
    return {ErrorKind::kUnsupported,
            "CAUSEWAY_DEVICE is cuda, and another rank has no GPU or was told not to use it"};
  }));
  std::vector<std::string> why_apart;
  CAUSEWAY_TRY(share_by_trial(bootstrap, &places, &why_apart, &descriptors_));
  CAUSEWAY_TRY(agree(bootstrap, [&]() -> Status {
    topology = Topology(bootstrap.rank(), std::move(places), std::move(why_apart));
    return Network::available() ? Status() : topology.check_one_host();
  }));
  const EarlyWatch early(topology);
  const WaitUntil watched(bootstrap, [&early] { return early.ended(); });
  if (all_have_gpus) {
    backend = std::move(gpu);
    const Status on_gpus = set_up_device(bootstrap, config, agreed, all);
    if (on_gpus.ok() && !early.ended().ok()) fail({device::Fault::kPeerEnded, early.rank()});
    if (on_gpus.kind() != ErrorKind::kUnsupported || agreed.insists) return on_gpus;
    if (topology.rank() == 0) {
      log(LogLevel::kWarn, "%s; exchanges go through host memory instead",
          on_gpus.message().c_str());
    }
    network.reset();
    channels = ChannelSet();
    regions = RegionSet();
  } else if (gpu) {
    log(LogLevel::kInfo, "rank %d has a GPU and another rank has none: the host device serves",
        topology.rank());
  }
  backend.reset();
  CAUSEWAY_TRY(set_up_device(bootstrap, config, agreed, all));
  // On GPUs graphs and streams may hold on to what a communicator had; UCX has messages under way.
  may_rest_ = may_rest_ && !any_has_gpu && !network;
  const Status ended = early.ended();
  if (!ended.ok()) fail({device::Fault::kPeerEnded, early.rank()});
  return {};
}

Tuner Communicator::State::make_tuner(std::uint32_t blocks) const {
  const bool one_host = topology.remote_ranks().empty();
  const auto ranks = static_cast<std::uint32_t>(topology.size());
  const Processors processors =
      topology.has_processor_per_rank() ? Processors::kOwn : Processors::kShared;
  return Tuner(backend->kind(), rules_, pair_lanes(limits.lanes, ranks, blocks, one_host),
               processors);
}

Status Communicator::State::set_up_device(Bootstrap& bootstrap, const Config& config, Wishes agreed,
                                          const std::vector<Wishes>& all) {
  const auto ranks = static_cast<std::uint32_t>(topology.size());
  std::uint32_t sharers = 0;       // ranks on this rank's GPU
  std::uint32_t sharers_here = 0;  // those of this process
  std::uint32_t most_blocks = 0;
  Wishes chosen = agreed;
  const auto choose = [&]() -> Status {
    if (!backend) backend = make_host_backend(config.launchers);
    for (int rank = 0; rank < topology.size(); ++rank) {
      if (all[static_cast<std::size_t>(rank)].gpu != backend->gpu()) continue;
      ++sharers;
      if (topology.same_process(rank)) ++sharers_here;
    }
    if (backend->kind() == DeviceKind::kCuda && sharers > 1) {
      log(LogLevel::kWarn, "rank %d shares its GPU with %u other ranks, which take turns on it",
          topology.rank(), sharers - 1);
    }
    most_blocks = backend->blocks(config.max_ctas, sharers);
    if (backend->kind() == DeviceKind::kHost && agreed.cma)
      chosen.reads = reads_host_ranks(topology);
    // What a device would choose may differ between GPUs of different sizes.
    if (agreed.lanes == 0) chosen.lanes = default_lanes(backend->kind(), ranks, most_blocks);
    const std::uint64_t here = topology.host_ranks().size();
    if (agreed.ll_bytes == kNoWish) chosen.ll_bytes = backend->default_ll_bytes(here);
    if (agreed.ll128_bytes == kNoWish) {
      // Where ranks take turns on a GPU, trying lines of ll128 takes long, and they gain nothing.
      chosen.ll128_bytes = sharers > 1 ? 0 : backend->default_ll128_bytes(here, chosen.lanes);
    }
    return {};
  };
  std::vector<Wishes> of_all;
  CAUSEWAY_TRY(allgather(bootstrap, choose, chosen, &of_all));
  for (const Wishes& wishes : of_all) {
    take_smaller(&chosen.lanes, wishes.lanes);
    chosen.ll_bytes = std::min(chosen.ll_bytes, wishes.ll_bytes);
    chosen.ll128_bytes = std::min(chosen.ll128_bytes, wishes.ll128_bytes);
  }
  if (chosen.ll_bytes == 0) chosen.ll128_bytes = 0;
  if (agreed.ring_bytes == 0) {
    chosen.ring_bytes = backend->default_ring_bytes(chosen.lanes * ranks);
  }
  limits.lanes = static_cast<std::uint32_t>(chosen.lanes);
  limits.ll_bytes = chosen.ll_bytes;
  limits.ll128_bytes = chosen.ll128_bytes;
  limits.max_ctas = most_blocks;
  limits.max_blocks = std::min(most_blocks, most_useful_blocks(limits.lanes, ranks));
  CAUSEWAY_TRY(agree(bootstrap, [&]() -> Status {
    std::vector<std::uint8_t> pullers;
    for (const Wishes& wishes : of_all) pullers.push_back(wishes.reads ? 1 : 0);
    rules_ = config.tuning_rules();
    set_links(pullers);
    return backend->prepare(limits.max_blocks, sharers, sharers_here);
  }));
  if (!topology.remote_ranks().empty()) {
    CAUSEWAY_TRY(Network::create(
        bootstrap, topology,
        {limits.lanes, chosen.ring_bytes, agreed.start_count, config.link_timeout_seconds},
        *backend, &network));
  }
  const std::uint64_t bytes_of_lines = limits.lanes * (limits.ll_bytes + limits.ll128_bytes);
  const std::uint64_t bytes = ranks * (limits.lanes * chosen.ring_bytes + 4 * bytes_of_lines);
  spares_ = network ? 0 : std::min(agreed.spares, kMostBytesOfSpares / bytes);
  CAUSEWAY_TRY(agree(bootstrap, [&] { return regions.create(topology, *backend); }));
  limits.regions = regions.reachable();
  CAUSEWAY_TRY(channels.create(
      bootstrap, topology, *backend, regions, network.get(),
      {limits.lanes, chosen.ring_bytes, ll_bytes_for(limits.ll_bytes, limits.lanes),
       ll128_bytes_for(limits.ll128_bytes, limits.lanes), agreed.start_count, spares_}));
  bool ll128_holds = false;
  CAUSEWAY_TRY(channels.try_ll128(
      bootstrap,
      [this](const device::Communicator& comm, bool* hold) {
        return backend->try_ll128(comm, hold);
      },
      &ll128_holds));
  if (!ll128_holds) {
    limits.ll128_bytes = 0;
    log(LogLevel::kInfo, "rank %d: lines of 128 bytes do not stay whole between all GPUs",
        topology.rank());
  }
  set_handle(config);
  complete_ = true;
  watch_peers();
  if (network) {
    network->on_failure([this](Failure failure) { channels.set_abort_words(failure); },
                        [this] { return channels.abort_word(); });
  }
  return {};
}

/// Sets what says of each rank how it is reached, and by which rules.
void Communicator::State::set_links(const std::vector<std::uint8_t>& pullers) {
  all_ = pattern_of_all(topology.rank(), topology.size());
  links_.clear();
  for (int rank = 0; rank < topology.size(); ++rank) {
    links_.push_back(topology.same_host(rank) ? device::LinkKind::kMemory
                                              : device::LinkKind::kNetwork);
  }
  pullers_ = pullers;
  limits.pullers = pullers_;
  limits.links = links_;
  tuner_ = std::make_unique<Tuner>(make_tuner(limits.max_ctas));
  limits.tuner = tuner_.get();
}

void Communicator::State::set_handle(const Config& config) {
  limits.piece_bytes = channels.eager_bytes();
  handle = channels.handle();
  timeout_seconds_ = config.timeout_seconds != 0 ? config.timeout_seconds : kMostPatience;
  handle.control.timeout_ns = config.timeout_seconds * 1'000'000'000U;
  handle.control.spins = static_cast<std::uint32_t>(
      config.spins.value_or(topology.has_processor_per_rank() ? kSpinsWithProcessors : 0));
  has_spare_processor_ = topology.has_spare_processors();
  // The program's thread may spin in MPI_Wait, and would be given this one's time. Where ranks
  // share processors, MPIs yield too.
  yields_in_background_ =
      has_spare_processor_ || !topology.has_processor_per_rank() ? handle.control.yields : 0;
}

Status Communicator::State::set_up_spare(const State& first, std::uint64_t index) {
  config_ = first.config_;
  number = mixed_number(first.number, index);
  tries_reading_ = first.tries_reading_;
  topology = first.topology;
  descriptors_ = first.descriptors_;
  rules_ = first.rules_;
  backend = make_host_backend(config_.launchers);
  limits = first.limits;
  set_links(first.pullers_);
  CAUSEWAY_TRY(backend->prepare(limits.max_blocks, 1, 1));
  CAUSEWAY_TRY(regions.create(topology, *backend));
  limits.regions = regions.reachable();
  CAUSEWAY_TRY(channels.create_spare(first.channels, index, topology, *backend, regions));
  set_handle(config_);
  complete_ = true;
  watch_peers();
  channels.depart(Stage::kDeparted);
  return may_rest_ ? Status() : Status(ErrorKind::kSystem, "peers cannot be watched");
}

/// A GPU may still be writing to its peers when its own exchange, or its peer's, has ended: before
/// memory goes back, all ranks have to have come here, and before that, all to have let go of it.
Communicator::State::~State() {
  if (!complete_) return;
  const auto patience = std::chrono::seconds(timeout_seconds_);
  backend->finish();
  if (network) network->leave();
  channels.depart(Stage::kDeparted);
  if (backend->kind() == DeviceKind::kHost) {
    channels.give_pages_back();
    return;
  }
  const Status ended = guarded([&]() -> Status {
    end_on_gpu(patience);
    return {};
  });
  if (ended.ok()) return;
  regions.keep_own_memory();
  channels.keep_own_segment();
}

void Communicator::State::end_on_gpu(std::chrono::seconds patience) {
  bool together = channels.wait_for_all(Stage::kDeparted, patience);
  if (backend->captured()) leave_to_graphs();
  if (together) {
    regions.close_peers();
    channels.close_peers();
    channels.depart(Stage::kClosed);
    together = channels.wait_for_all(Stage::kClosed, patience);
  }
  if (together) return;
  log(LogLevel::kWarn, "rank %d: a peer has not detached; GPU memory that it may write is kept",
      topology.rank());
  regions.keep_own_memory();
  channels.keep_own_segment();
}

/// Has replays of graphs that outlive the communicator do nothing: peers' memory goes next.
void Communicator::State::leave_to_graphs() {
  channels.leave_to_graphs();
  layouts_.leave_to_graphs(*backend);
  for (const auto& planned : planned_) {
    for (const PlannedRound& round : planned->rounds) {
      if (round.engine) backend->keep_for_graphs(round.engine->words);
    }
  }
}

/// Makes the communicator fail when a peer's process ends while it still takes part.
void Communicator::State::watch_peers() {
  for (const int peer : topology.host_ranks()) {
    if (topology.same_process(peer)) continue;
    const auto on_end = [this, peer] {
      if (channels.peer_ended(peer)) fail({device::Fault::kPeerEnded, peer});
    };
    const Status watched = guarded([&]() -> Status {
      std::unique_ptr<Watch> watch;
      CAUSEWAY_TRY(watch_process(topology.place(peer).desk.pid, on_end, &watch));
      watches_.push_back(std::move(watch));
      return {};
    });
    if (!watched.ok()) {
      log(LogLevel::kWarn, "rank %d: %s; if it ends, only CAUSEWAY_TIMEOUT will tell",
          topology.rank(), watched.message().c_str());
      may_rest_ = false;
      return;
    }
  }
}

}  // namespace causeway
