// Communicator: the ranks of one MPI communicator, set up to exchange.
#include "communicator.hpp"

#include "channel_set.hpp"
#include "failure.hpp"
#include "plan.hpp"
#include "topology.hpp"
#include "watchdog.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <new>
#include <vector>

namespace causeway {

namespace {

/// What ranks have to agree on, as each would have it; 0 leaves a choice to the device. Plain data.
struct Wishes {
  Place place;
  std::uint64_t gpu_id;  ///< 0 for none
  std::uint64_t ring_bytes;
  std::uint64_t lanes;
  std::uint64_t start_count;
};

/// Spinning helps only a thread whose peer runs at the same time, and not for long: it may be the
/// other role of the same rank, waiting for this processor. Some microseconds.
constexpr std::uint32_t kSpinsWithProcessors = 100;

/// Seconds that a rank whose exchanges never time out waits for its peers to detach.
constexpr std::uint64_t kMostPatience = 86400;

/// The smaller of two wishes, where 0 is none.
void take_smaller(std::uint64_t* wish, std::uint64_t other) {
  if (other != 0 && (*wish == 0 || other < *wish)) *wish = other;
}

}  // namespace

class Communicator::State {
 public:
  Topology topology;
  std::unique_ptr<DeviceBackend> backend;
  ChannelSet channels;
  PlanLimits limits{};
  AlltoallvPlan plan;
  device::Communicator handle{};
  Memory scratch[2];  ///< of the device: for what it cannot address, and for exchanges in place
  std::size_t scratch_bytes[2] = {0, 0};
  std::mutex turn;
  bool complete = false;  ///< all ranks are set up
  std::uint64_t timeout_seconds = 0;
  std::vector<std::unique_ptr<Watch>> watches;  ///< of peers; they end before what they tell

  ~State();

  Status set_up(Bootstrap& bootstrap, const Config& config, const Status& config_status);
  void watch_peers();
  Status set_up_channels(Bootstrap& bootstrap, const Config& config, Wishes agreed,
                         std::uint32_t sharers);
  Exchange describe(const Buffers* buffers);
  Status stage_buffers(const Buffers& buffers, Buffers* staged, std::vector<Extent>* send,
                       std::vector<Extent>* receive);
  Status exchange(const Buffers* buffers);
  Status check_for_stream(const Buffers& buffers, const void* stream) const;
  Status enqueue(const Buffers* buffers, void* stream);
  Status result();
  Status failure() const;
  Status stage(int which, std::span<const Extent> blocks, const std::byte* from,
               std::vector<Extent>* staged);
};

Status Communicator::State::set_up(Bootstrap& bootstrap, const Config& config,
                                   const Status& config_status) {
  CAUSEWAY_TRY(agree(bootstrap, config_status));
  std::string why = "CAUSEWAY_DEVICE is host";
  std::unique_ptr<DeviceBackend> gpu;
  if (config.device != DeviceChoice::kHost) gpu = make_cuda_backend(&why);
  const bool missed = config.device == DeviceChoice::kCuda && !gpu;
  CAUSEWAY_TRY(agree(bootstrap, missed ? Status::error(ErrorKind::kUnsupported,
                                                       "CAUSEWAY_DEVICE is cuda, and there is no "
                                                       "GPU to use: %s",
                                                       why.c_str())
                                       : Status()));
  const Wishes mine{this_place(), gpu ? gpu->gpu_id() : 0, config.ring_bytes.value_or(0),
                    config.lanes.value_or(0), config.start_count};
  std::vector<Wishes> all;
  CAUSEWAY_TRY(allgather(bootstrap, mine, &all));
  Wishes agreed = all.front();
  std::vector<Place> places;
  std::uint32_t sharers = 0;
  for (const Wishes& wishes : all) {
    places.push_back(wishes.place);
    agreed.gpu_id = std::min(agreed.gpu_id, wishes.gpu_id);
    sharers += wishes.gpu_id == mine.gpu_id ? 1 : 0;
    take_smaller(&agreed.ring_bytes, wishes.ring_bytes);
    take_smaller(&agreed.lanes, wishes.lanes);
    agreed.start_count = std::min(agreed.start_count, wishes.start_count);
  }
  topology = Topology(bootstrap.rank(), std::move(places));
  CAUSEWAY_TRY(topology.check_links());
  const bool denied = config.device == DeviceChoice::kCuda && agreed.gpu_id == 0;
  CAUSEWAY_TRY(
      agree(bootstrap, denied ? Status(ErrorKind::kUnsupported,
                                       "CAUSEWAY_DEVICE is cuda, and another rank has no GPU or "
                                       "was told not to use it")
                              : Status()));
  if (gpu && agreed.gpu_id == 0) {
    log(LogLevel::kInfo, "rank %d has a GPU and another rank has none: the host device serves",
        topology.rank());
  }
  backend = agreed.gpu_id != 0 ? std::move(gpu) : make_host_backend();
  if (agreed.gpu_id != 0 && sharers > 1) {
    log(LogLevel::kWarn, "rank %d shares its GPU with %u other ranks, which take turns on it",
        topology.rank(), sharers - 1);
  }
  return set_up_channels(bootstrap, config, agreed, sharers);
}

Status Communicator::State::set_up_channels(Bootstrap& bootstrap, const Config& config,
                                            Wishes agreed, std::uint32_t sharers) {
  const auto ranks = static_cast<std::uint32_t>(topology.size());
  // What a device would choose may differ between GPUs of different sizes.
  Wishes chosen = agreed;
  const std::uint64_t most_blocks = config.max_ctas.value_or(backend->default_blocks(sharers));
  if (agreed.lanes == 0) {
    chosen.lanes = backend->default_lanes(ranks, static_cast<std::uint32_t>(most_blocks));
  }
  std::vector<Wishes> all;
  CAUSEWAY_TRY(allgather(bootstrap, chosen, &all));
  for (const Wishes& wishes : all) take_smaller(&chosen.lanes, wishes.lanes);
  if (agreed.ring_bytes == 0) {
    chosen.ring_bytes = backend->default_ring_bytes(chosen.lanes * topology.host_ranks().size());
  }
  CAUSEWAY_TRY(channels.create(
      bootstrap, topology, *backend,
      {static_cast<std::uint32_t>(chosen.lanes), chosen.ring_bytes, agreed.start_count}));
  handle = channels.handle();
  timeout_seconds = config.timeout_seconds != 0 ? config.timeout_seconds : kMostPatience;
  handle.control.timeout_ns = config.timeout_seconds * 1'000'000'000U;
  handle.control.spins = static_cast<std::uint32_t>(
      config.spins.value_or(topology.has_processor_per_rank() ? kSpinsWithProcessors : 0));
  const std::uint64_t visits = chosen.lanes * ranks;
  const std::uint64_t blocks = std::min(most_blocks, visits);
  limits = {static_cast<std::uint32_t>(chosen.lanes), static_cast<std::uint32_t>(blocks),
            channels.eager_bytes()};
  CAUSEWAY_TRY(agree(bootstrap, backend->prepare(limits.max_blocks)));
  complete = true;
  watch_peers();
  return {};
}

/// A GPU may still be writing to its peers when its own exchange, or its peer's, has ended: before
/// memory goes back, all ranks have to have come here, and before that, all to have let go of it.
Communicator::State::~State() {
  if (!complete) return;
  const auto patience = std::chrono::seconds(timeout_seconds);
  backend->finish();
  channels.depart(Stage::kDeparted);
  if (backend->kind() == DeviceKind::kHost) return;
  bool together = channels.wait_for_all(Stage::kDeparted, patience);
  if (together) {
    channels.close_peers();
    channels.depart(Stage::kClosed);
    together = channels.wait_for_all(Stage::kClosed, patience);
  }
  if (together) return;
  log(LogLevel::kWarn, "rank %d: a peer has not detached; GPU memory that it may write is kept",
      topology.rank());
  channels.keep_own_region();
}

/// Makes the communicator fail when a peer's process ends while it still takes part.
void Communicator::State::watch_peers() {
  for (const int peer : topology.host_ranks()) {
    if (topology.same_process(peer)) continue;
    const auto on_end = [this, peer] {
      if (channels.peer_ended(peer)) channels.set_abort_words({device::Fault::kPeerEnded, peer});
    };
    std::unique_ptr<Watch> watch;
    const Status watched = watch_process(topology.place(peer).pid, on_end, &watch);
    if (!watched.ok()) {
      log(LogLevel::kWarn, "rank %d: %s; if it ends, only CAUSEWAY_TIMEOUT will tell",
          topology.rank(), watched.message().c_str());
      return;
    }
    watches.push_back(std::move(watch));
  }
}

/// Copies blocks into scratch memory of the device, one behind the other, and says where they lie.
Status Communicator::State::stage(int which, std::span<const Extent> blocks, const std::byte* from,
                                  std::vector<Extent>* staged) {
  std::uint64_t total = 0;
  staged->clear();
  for (const Extent& block : blocks) {
    staged->push_back({static_cast<std::int64_t>(total), block.bytes});
    total += device::round_up(block.bytes, device::kPayloadAlign);
  }
  if (total > scratch_bytes[which]) {
    scratch[which].reset();
    scratch_bytes[which] = 0;
    CAUSEWAY_TRY(backend->allocate(total, &scratch[which]));
    scratch_bytes[which] = total;
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].bytes == 0) continue;
    CAUSEWAY_TRY(backend->copy(scratch[which].get() + (*staged)[i].offset, from + blocks[i].offset,
                               blocks[i].bytes));
  }
  return {};
}

/// An exchange of buffers that the device can address; one that takes no part, without them.
Exchange Communicator::State::describe(const Buffers* buffers) {
  Exchange exchange{};
  exchange.plan = &plan;
  exchange.args.comm = handle;
  exchange.args.declined = buffers == nullptr;
  if (buffers == nullptr) {
    const std::vector<Extent> nothing(static_cast<std::size_t>(topology.size()), Extent{0, 0});
    plan_alltoallv(limits, nothing, nothing, &plan);
  } else {
    plan_alltoallv(limits, buffers->send, buffers->receive, &plan);
    exchange.args.sendbuf = static_cast<const std::byte*>(buffers->sendbuf);
    exchange.args.recvbuf = static_cast<std::byte*>(buffers->recvbuf);
  }
  exchange.args.blocks = plan.blocks;
  return exchange;
}

/// Puts what the device cannot address, or what would be overwritten before it is sent, into
/// scratch memory; *staged is what to exchange instead of `buffers`, with blocks in *send and
/// *receive.
Status Communicator::State::stage_buffers(const Buffers& buffers, Buffers* staged,
                                          std::vector<Extent>* send,
                                          std::vector<Extent>* receive) try {
  *staged = buffers;
  const auto* recvbuf = static_cast<const std::byte*>(buffers.recvbuf);
  if (buffers.in_place) {
    CAUSEWAY_TRY(stage(0, buffers.receive, recvbuf, send));
  } else if (buffers.sendbuf != nullptr && !backend->addresses(buffers.sendbuf)) {
    CAUSEWAY_TRY(stage(0, buffers.send, static_cast<const std::byte*>(buffers.sendbuf), send));
  }
  if (!send->empty()) {
    staged->sendbuf = scratch[0].get();
    staged->send = *send;
  }
  if (recvbuf != nullptr && !backend->addresses(recvbuf)) {
    // Bytes that no peer sends have to come back as they were.
    CAUSEWAY_TRY(stage(1, buffers.receive, recvbuf, receive));
    staged->recvbuf = scratch[1].get();
    staged->receive = *receive;
  }
  return {};
} catch (const std::bad_alloc&) {
  return Status::error(ErrorKind::kSystem, "rank %d is out of memory", topology.rank());
}

/// Runs one exchange, or takes no part in it where `buffers` is null, and says how it went. The
/// caller has the turn.
Status Communicator::State::exchange(const Buffers* buffers) {
  CAUSEWAY_TRY(failure());
  Buffers staged{};
  std::vector<Extent> staged_send;
  std::vector<Extent> staged_receive;
  Status ready;
  if (buffers != nullptr) {
    ready = stage_buffers(*buffers, &staged, &staged_send, &staged_receive);
  }
  const bool takes_part = buffers != nullptr && ready.ok();
  const Status ran = backend->run(describe(takes_part ? &staged : nullptr));
  if (!ran.ok()) {
    channels.set_abort_words({device::Fault::kAborted, topology.rank()});
    return ran;
  }
  auto* const recvbuf = buffers == nullptr ? nullptr : static_cast<std::byte*>(buffers->recvbuf);
  for (std::size_t i = 0; takes_part && i < staged_receive.size(); ++i) {
    if (staged_receive[i].bytes == 0) continue;
    CAUSEWAY_TRY(backend->copy(recvbuf + buffers->receive[i].offset,
                               scratch[1].get() + staged_receive[i].offset,
                               staged_receive[i].bytes));
  }
  const Status outcome = result();
  return ready.ok() || outcome.kind() == ErrorKind::kFailed ? outcome : ready;
}

/// An error for a buffer that a launch on a stream cannot use.
Status Communicator::State::check_for_stream(const Buffers& buffers, const void* stream) const {
  if (backend->kind() == DeviceKind::kHost && stream != nullptr) {
    return Status::error(ErrorKind::kArgument,
                         "stream is %p on rank %d, and the communicator's device is the host; it "
                         "has to be NULL",
                         stream, topology.rank());
  }
  const std::pair<const char*, const void*> users[] = {{"sendbuf", buffers.sendbuf},
                                                       {"recvbuf", buffers.recvbuf}};
  for (const auto& [name, address] : users) {
    if (address == nullptr || backend->addresses(address)) continue;
    return Status::error(
        ErrorKind::kBuffer,
        "%s on rank %d is memory that the GPU cannot address; a stream call cannot "
        "copy it",
        name, topology.rank());
  }
  return {};
}

/// Enqueues one exchange, or one in which this rank takes no part where `buffers` is null. The
/// caller has the turn.
Status Communicator::State::enqueue(const Buffers* buffers, void* stream) {
  // What an earlier call left on the stream does not keep this one from taking part.
  const Status earlier = result();
  CAUSEWAY_TRY(failure());
  const Status usable = buffers == nullptr ? Status() : check_for_stream(*buffers, stream);
  const Status enqueued = backend->enqueue(describe(usable.ok() ? buffers : nullptr), stream);
  if (!enqueued.ok()) {
    channels.set_abort_words({device::Fault::kAborted, topology.rank()});
    return enqueued;
  }
  const Status outcome = backend->kind() == DeviceKind::kHost ? result() : earlier;
  return usable.ok() || outcome.kind() == ErrorKind::kFailed ? outcome : usable;
}

/// What launches have reported since this was last asked.
Status Communicator::State::result() {
  const device::FaultReports reports = channels.reports();
  if (reports.fatal.fault != device::Fault::kNone) {
    // An abort that this rank was told of keeps the name of the rank where it began.
    const std::uint64_t told = channels.abort_word();
    channels.set_abort_words(told != 0 ? Failure::from(told)
                                       : Failure{reports.fatal.fault, topology.rank()});
    return failure();
  }
  if (reports.declined.fault == device::Fault::kNone &&
      reports.truncated.fault == device::Fault::kNone) {
    return {};
  }
  CAUSEWAY_TRY(channels.clear_reports());
  CAUSEWAY_TRY(fault_status(reports.declined, topology.rank(), 0));
  return fault_status(reports.truncated, topology.rank(), 0);
}

/// What has made the communicator unusable: what this rank saw itself, else what it was told.
Status Communicator::State::failure() const {
  const std::uint64_t word = channels.abort_word();
  const device::FaultReport seen = channels.reports().fatal;
  if (seen.fault != device::Fault::kNone) return fault_status(seen, topology.rank(), word);
  return word == 0 ? Status() : failure_status(Failure::from(word), topology.rank());
}

Communicator::Communicator(std::unique_ptr<State> state) : state_(std::move(state)) {}

Communicator::~Communicator() = default;

Status Communicator::create(Bootstrap& bootstrap, const Config& config, const Status& config_status,
                            std::unique_ptr<Communicator>* communicator) {
  if (config_status.ok()) set_log_level(config.log);
  auto state = std::make_unique<State>();
  CAUSEWAY_TRY(state->set_up(bootstrap, config, config_status));
  if (bootstrap.rank() == 0) {
    log(LogLevel::kInfo,
        "communicator of %d ranks: %s device, %u lanes, %u blocks, rings of %llu bytes",
        state->topology.size(), state->backend->kind() == DeviceKind::kCuda ? "cuda" : "host",
        state->limits.lanes, state->limits.max_blocks,
        static_cast<unsigned long long>(state->channels.ring_bytes()));
  }
  communicator->reset(new Communicator(std::move(state)));
  return {};
}

int Communicator::rank() const { return state_->topology.rank(); }
int Communicator::size() const { return state_->topology.size(); }

Status Communicator::alltoallv(const Buffers& buffers) {
  const std::lock_guard turn(state_->turn);
  return state_->exchange(&buffers);
}

Status Communicator::decline() {
  const std::lock_guard turn(state_->turn);
  return state_->exchange(nullptr);
}

Status Communicator::enqueue_alltoallv(const Buffers& buffers, void* stream) {
  const std::lock_guard turn(state_->turn);
  return state_->enqueue(&buffers, stream);
}

Status Communicator::enqueue_decline(void* stream) {
  const std::lock_guard turn(state_->turn);
  return state_->enqueue(nullptr, stream);
}

void Communicator::abort() { state_->channels.set_abort_words({device::Fault::kAborted, rank()}); }

Status Communicator::error() const { return state_->failure(); }

device::Communicator Communicator::device_handle() const { return state_->handle; }

}  // namespace causeway
