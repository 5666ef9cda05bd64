// Communicator: the ranks of one MPI communicator, set up to exchange.
#include "communicator.hpp"

#include "communicator_state.hpp"
#include "failure.hpp"
#include "range_name.hpp"
#include "ranges.hpp"

#include <algorithm>

namespace causeway {

namespace {

/// The range of an exchange, which is not looked at where nobody listens.
const char* name_for_profiler(const Schedule& schedule) {
  return has_profiler() ? range_name(schedule) : nullptr;
}

}  // namespace

/// Gets an exchange ready: of buffers that the device can address, or one that takes no part.
Status Communicator::State::describe(const ScheduleLimits& within, const Buffers* buffers,
                                     Schedule* schedule) {
  kernels::ExchangeArgs& args = schedule->args;
  args = {};
  args.comm = handle;
  args.declined = buffers == nullptr;
  CAUSEWAY_TRY(open_rings(buffers));
  const int self = topology.rank();
  if (buffers == nullptr) {
    const std::vector<Extent> nothing(static_cast<std::size_t>(topology.size()), Extent{0, 0});
    list_alltoallv(self, nothing, nothing, &messages_);
    messages_.in_place = false;
    make_schedule(within, self, topology.size(), messages_, schedule);
    return {};
  }
  args.sendbuf = static_cast<const std::byte*>(buffers->sendbuf);
  args.recvbuf = static_cast<std::byte*>(buffers->recvbuf);
  name_region(*buffers, &args);
  const auto has_layout = [](const Extent& block) { return block.layout != nullptr; };
  const bool gathers = std::ranges::any_of(buffers->send, has_layout) ||
                       std::ranges::any_of(buffers->receive, has_layout);
  list_alltoallv(self, buffers->send, buffers->receive, &messages_);
  messages_.in_place = args.region != device::kNoRegion && !gathers;
  make_schedule(within, self, topology.size(), messages_, schedule);
  if (!gathers) return {};
  const auto find_layout = [&](const Extent& block, std::uint16_t* place) {
    return layouts_.find(*backend, block.layout, place);
  };
  for (std::size_t i = 0; i < schedule->send.size(); ++i) {
    CAUSEWAY_TRY(find_layout(*messages_.sends[i].block, &schedule->send[i].layout));
  }
  for (std::size_t i = 0; i < schedule->receive.size(); ++i) {
    CAUSEWAY_TRY(find_layout(*messages_.receives[i].block, &schedule->receive[i].layout));
  }
  CAUSEWAY_TRY(find_layout(*messages_.to_self, &args.self.from_layout));
  CAUSEWAY_TRY(find_layout(*messages_.from_self, &args.self.to_layout));
  args.layouts = layouts_.data();
  return {};
}

/// Runs one exchange, or takes no part in it where `buffers` is null, and says how it went. The
/// caller has the turn.
Status Communicator::State::exchange(const Buffers* buffers) {
  CAUSEWAY_TRY(failure());
  const Status ready = guarded([&]() -> Status {
    if (buffers == nullptr) return {};
    Buffers usable{};
    CAUSEWAY_TRY(staging_.begin(*backend, *buffers, &usable));
    return describe(limits, &usable, &schedule_);
  });
  const bool takes_part = buffers != nullptr && ready.ok();
  const Status ran = guarded([&]() -> Status {
    if (!takes_part) CAUSEWAY_TRY(describe(limits, nullptr, &schedule_));
    const ProfiledRange range(name_for_profiler(schedule_));
    if (posts_in_ring()) network->expect_launch();
    return backend->run(schedule_);
  });
  if (!ran.ok()) {
    fail({device::Fault::kAborted, topology.rank()});
    return ran;
  }
  if (takes_part) CAUSEWAY_TRY(staging_.end(*backend, *buffers));
  const Status outcome = result();
  return ready.ok() || outcome.kind() == ErrorKind::kFailed ? outcome : ready;
}

/// Lets the device at the rings of peers on other hosts that an exchange sends to or receives from.
/// A rank that takes no part says so in a record.
Status Communicator::State::open_rings(const Buffers* buffers) {
  if (!posts_in_ring()) return {};
  for (const int rank : topology.remote_ranks()) {
    const auto peer = static_cast<std::size_t>(rank);
    if (buffers == nullptr || buffers->send[peer].bytes != 0) {
      CAUSEWAY_TRY(network->open_rings(rank, true));
    }
    if (buffers != nullptr && buffers->receive[peer].bytes != 0) {
      CAUSEWAY_TRY(network->open_rings(rank, false));
    }
  }
  return {};
}

/// An error for a stream where there are none.
Status Communicator::State::check_stream(const void* stream) const {
  if (backend->kind() != DeviceKind::kHost || stream == nullptr) return {};
  return Status::error(ErrorKind::kArgument,
                       "stream is %p on rank %d, and the communicator's device is the host; it has "
                       "to be NULL",
                       stream, topology.rank());
}

/// An error for a buffer that a launch cannot use as it is.
Status Communicator::State::check_for_device(const Buffers& buffers) const {
  const std::pair<const char*, const void*> users[] = {
      {"sendbuf", first_byte(buffers.sendbuf, buffers.send)},
      {"recvbuf", first_byte(buffers.recvbuf, buffers.receive)}};
  for (const auto& [name, address] : users) {
    if (address == nullptr || backend->addresses(address)) continue;
    return Status::error(ErrorKind::kBuffer,
                         "%s on rank %d is memory that the communicator's device, the %s, cannot "
                         "address; a stream call or a plan cannot copy it",
                         name, topology.rank(),
                         backend->kind() == DeviceKind::kHost ? "host" : "GPU");
  }
  return {};
}

/// Enqueues one exchange, or one in which this rank takes no part where `buffers` is null. The
/// caller has the turn.
Status Communicator::State::enqueue(const Buffers* buffers, void* stream) {
  // What an earlier call left on the stream does not keep this one from taking part.
  const Status earlier = result();
  CAUSEWAY_TRY(failure());
  const Status usable = guarded([&]() -> Status {
    if (buffers == nullptr) return {};
    CAUSEWAY_TRY(check_stream(stream));
    CAUSEWAY_TRY(check_for_device(*buffers));
    return describe(limits, buffers, &schedule_);
  });
  if (buffers == nullptr || !usable.ok()) {
    const Status possible = guarded([&] { return describe(limits, nullptr, &schedule_); });
    if (!possible.ok()) {
      fail({device::Fault::kAborted, topology.rank()});
      return possible;
    }
  }
  const Status outcome = enqueue(schedule_, stream, earlier);
  return usable.ok() || outcome.kind() == ErrorKind::kFailed ? outcome : usable;
}

/// Enqueues an exchange, and says how it, or where there are streams the ones before, went.
Status Communicator::State::enqueue(const Schedule& schedule, void* stream, const Status& earlier) {
  CAUSEWAY_TRY(launch(schedule, stream));
  return backend->kind() == DeviceKind::kHost ? result() : earlier;
}

/// Enqueues an exchange. The others are not to wait for one that cannot be.
Status Communicator::State::launch(const Schedule& schedule, void* stream) {
  const ProfiledRange range(name_for_profiler(schedule));
  if (posts_in_ring()) network->expect_launch();
  const Status enqueued = guarded([&]() -> Status {
    CAUSEWAY_TRY(backend->enqueue(schedule, stream));
    if (posts_in_ring() && backend->captured()) network->expect_replays();
    return {};
  });
  if (!enqueued.ok()) fail({device::Fault::kAborted, topology.rank()});
  return enqueued;
}

/// What launches have reported since this was last asked.
Status Communicator::State::result() {
  const device::FaultReports reports = channels.reports();
  if (reports.fatal.fault != device::Fault::kNone) {
    log(LogLevel::kInfo, "rank %d gave up waiting for %s", topology.rank(),
        describe_wait(reports.fatal).c_str());
    return failure();
  }
  const device::FaultReport* const light[] = {&reports.declined, &reports.mismatched,
                                              &reports.truncated};
  for (const device::FaultReport* report : light) {
    if (report->fault == device::Fault::kNone) continue;
    CAUSEWAY_TRY(channels.clear_reports(reports));
    return fault_status(*report, topology.rank(), 0);
  }
  return {};
}

void Communicator::State::fail(Failure failure) {
  channels.set_abort_words(failure);
  if (network) network->wake();
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
  std::unique_ptr<Communicator> made;
  const auto begin = [&]() -> Status {
    CAUSEWAY_TRY(config_status);
    if (bootstrap.size() > static_cast<int>(kernels::kMostRanks)) {
      return Status::error(ErrorKind::kUnsupported,
                           "the communicator has %d ranks; it may have up to %u", bootstrap.size(),
                           kernels::kMostRanks);
    }
    set_log_level(config.log);
    made.reset(new Communicator(std::make_unique<State>()));
    return {};
  };
  CAUSEWAY_TRY(agree(bootstrap, begin));
  State& state = *made->state_;
  const Status set_up = state.set_up(bootstrap, config);
  // Peers that this rank no longer hears may have it open.
  if (!bootstrap.broken().ok()) state.channels.keep_own_segment();
  CAUSEWAY_TRY(set_up);
  if (bootstrap.rank() == 0) {
    log(LogLevel::kInfo,
        "communicator of %d ranks: %s device, %u lanes, %u blocks, rings of %llu bytes",
        state.topology.size(), state.backend->kind() == DeviceKind::kCuda ? "cuda" : "host",
        state.limits.lanes, state.limits.max_blocks,
        static_cast<unsigned long long>(state.channels.ring_bytes()));
  }
  *communicator = std::move(made);
  return {};
}

void Communicator::set_idle(void (*idle)()) { state_->handle.control.idle = idle; }

RankFacts Communicator::facts() const {
  const Topology& topology = state_->topology;
  const bool on_gpu = state_->backend->kind() == DeviceKind::kCuda;
  const Place& here = topology.place(rank());
  RankFacts facts{here.host_name,
                  static_cast<int>(here.desk.pid),
                  on_gpu ? "cuda" : "host",
                  on_gpu ? state_->backend->gpu().text() : "",
                  state_->limits.lanes,
                  state_->channels.ring_bytes(),
                  state_->limits.max_blocks,
                  {}};
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank()) {
      facts.links.push_back({"self", "the rank itself"});
    } else if (!topology.same_host(peer)) {
      const bool apart = std::string(here.host_name) != topology.place(peer).host_name;
      const std::string why = topology.why_apart(peer);
      facts.links.push_back(
          {"network", !why.empty() ? why
                      : apart      ? "another host"
                              : "the same host name, but another container or CAUSEWAY_NODE_SIZE"});
    } else if (topology.same_process(peer)) {
      facts.links.push_back({"memory", "the same process"});
    } else {
      facts.links.push_back({"memory", on_gpu ? "the same host: CUDA IPC" : "the same host"});
    }
  }
  return facts;
}

int Communicator::rank() const { return state_->topology.rank(); }
int Communicator::size() const { return state_->topology.size(); }

Status Communicator::alltoallv(const Buffers& buffers) {
  begun_.drain();
  return state_->in_turn([&] { return state_->exchange(&buffers); });
}

void Communicator::begin_alltoallv(const Buffers& buffers,
                                   std::function<void(const Status&)> done) {
  begun_.post([state = state_.get(), buffers,
               send = std::vector<Extent>(buffers.send.begin(), buffers.send.end()),
               receive = std::vector<Extent>(buffers.receive.begin(), buffers.receive.end()),
               done = std::move(done)] {
    Buffers own = buffers;
    own.send = send;
    own.receive = receive;
    state->backend->serve_thread();
    done(state->in_turn([&] { return state->exchange(&own); }));
  });
}

Status Communicator::decline() {
  begun_.drain();
  return state_->in_turn([&] { return state_->exchange(nullptr); });
}

void Communicator::begin_decline() {
  begun_.post([state = state_.get()] {
    state->backend->serve_thread();
    static_cast<void>(state->in_turn([&] { return state->exchange(nullptr); }));
  });
}

Status Communicator::enqueue_alltoallv(const Buffers& buffers, void* stream) {
  begun_.drain();
  return state_->in_turn([&] { return state_->enqueue(&buffers, stream); });
}

Status Communicator::enqueue_decline(void* stream) {
  begun_.drain();
  return state_->in_turn([&] { return state_->enqueue(nullptr, stream); });
}

void Communicator::abort() { state_->fail({device::Fault::kAborted, rank()}); }

Status Communicator::error() const { return state_->failure(); }

device::Communicator Communicator::device_handle() const {
  device::Communicator handle = state_->handle;
  handle.control.idle = nullptr;  // for the thread of a call alone
  return handle;
}

}  // namespace causeway
