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

/// Gets a round of an exchange ready: of buffers that the device can address, or one that takes no
/// part.
Status Communicator::State::describe(const ScheduleLimits& within, const Pattern& pattern,
                                     const Round& round, const Buffers* buffers,
                                     Schedule* schedule) {
  kernels::ExchangeArgs& args = schedule->args;
  args = {};
  args.declined = buffers == nullptr;
  const Buffers used = buffers != nullptr ? *buffers : Buffers{};
  list_messages(pattern, round, used.send, used.receive, &messages_);
  CAUSEWAY_TRY(open_rings(args.declined));
  set_launch(used, &args);
  name_region(&args);
  const auto has_layout = [](const Extent* block) {
    return block != nullptr && block->layout != nullptr;
  };
  messages_.gathers = std::ranges::any_of(messages_.sends, has_layout, &Message::block) ||
                      std::ranges::any_of(messages_.receives, has_layout, &Message::block) ||
                      has_layout(messages_.to_self) || has_layout(messages_.from_self);
  messages_.in_place = args.region != device::kNoRegion && !messages_.gathers;
  make_schedule(within, topology.rank(), topology.size(), messages_, schedule);
  return messages_.gathers ? find_layouts(schedule) : Status();
}

/// Names the layouts of the messages in their schedule.
Status Communicator::State::find_layouts(Schedule* schedule) {
  const auto find = [&](const Extent* block, std::uint16_t* place) {
    return layouts_.find(*backend, block != nullptr ? block->layout : nullptr, place);
  };
  for (std::size_t i = 0; i < schedule->send.size(); ++i) {
    CAUSEWAY_TRY(find(messages_.sends[i].block, &schedule->send[i].layout));
  }
  for (std::size_t i = 0; i < schedule->receive.size(); ++i) {
    CAUSEWAY_TRY(find(messages_.receives[i].block, &schedule->receive[i].layout));
  }
  CAUSEWAY_TRY(find(messages_.to_self, &schedule->args.self.from_layout));
  CAUSEWAY_TRY(find(messages_.from_self, &schedule->args.self.to_layout));
  schedule->args.layouts = layouts_.data();
  return {};
}

/// Sets what a launch has of its own, whatever it was scheduled for.
void Communicator::State::set_launch(const Buffers& buffers, kernels::ExchangeArgs* args) const {
  args->comm = handle;
  args->sendbuf = static_cast<const std::byte*>(buffers.sendbuf);
  args->recvbuf = static_cast<std::byte*>(buffers.recvbuf);
  args->info = nullptr;
}

/// Whether a schedule is of this exchange, but for what set_launch() sets.
bool Communicator::State::is_repeated(const Made& made, const Pattern& pattern,
                                      const Buffers& buffers) const {
  return made.changes == regions.changes() &&
         (regions.empty() || made.schedule.args.recvbuf == buffers.recvbuf) &&
         made.of.is_like(pattern, buffers);
}

/// Gets a round ready, whose schedule *ready is: of `buffers`, if there are any and *usable is ok,
/// which it may end to be; else one that takes no part.
Status Communicator::State::describe_or_decline(const Pattern& pattern, const Round& round,
                                                const Buffers* buffers, Status* usable,
                                                Schedule** ready) {
  const std::uint64_t likeness = buffers != nullptr ? buffers->likeness : 0;
  Made& made = made_[likeness == 0 ? 0 : 1 + likeness % (made_.size() - 1)];
  *ready = &made.schedule;
  const auto describe_with = [&](const Buffers* used) {
    made.of.clear();
    return guarded([&]() -> Status {
      CAUSEWAY_TRY(describe(limits, pattern, round, used, &made.schedule));
      // Rings are opened by what describes.
      if (used == nullptr || posts_in_ring()) return {};
      made.changes = regions.changes();
      made.of.set(pattern, *used);
      return {};
    });
  };
  if (buffers != nullptr && usable->ok()) {
    if (is_repeated(made, pattern, *buffers)) {
      set_launch(*buffers, &made.schedule.args);
      return {};
    }
    *usable = describe_with(buffers);
    if (usable->ok()) return {};
  }
  return describe_with(nullptr);
}

/// Runs one exchange, or takes no part in it where `buffers` is null, and says how it went. The
/// caller has the turn.
Status Communicator::State::exchange(const Pattern* among, const Buffers* buffers,
                                     device::MessageInfo* heard, bool in_background) {
  ExchangeProgress progress{in_background, heard};
  CAUSEWAY_TRY(start(buffers, &progress));
  bool over = false;
  CAUSEWAY_TRY(go_on(pattern_or_all(among), buffers, true, &progress, &over));
  if (heard != nullptr) *heard = channels.heard();
  return end(buffers, progress);
}

Status Communicator::State::start(const Buffers* buffers, ExchangeProgress* progress) {
  CAUSEWAY_TRY(failure());
  progress->ready = guarded([&]() -> Status {
    return buffers == nullptr ? Status() : staging_.begin(*backend, *buffers, &progress->usable);
  });
  return {};
}

/// Makes the rounds of an exchange, all of them where it `waits`, or else while they need no rank
/// that has not come. *over says whether there are no more.
Status Communicator::State::go_on(const Pattern& pattern, const Buffers* buffers, bool waits,
                                  ExchangeProgress* progress, bool* over) {
  for (*over = false; progress->round < pattern.rounds.size(); ++progress->round) {
    Status ran;
    if (progress->schedule == nullptr) {
      ran = describe_or_decline(pattern, pattern.rounds[progress->round],
                                buffers != nullptr ? &progress->usable : nullptr, &progress->ready,
                                &progress->schedule);
      progress->on_host = {};
      kernels::ExchangeArgs& args = progress->schedule->args;
      if (progress->heard != nullptr) args.info = channels.heard_by_device();
      if (progress->in_background) args.comm.control.yields = yields_in_background_;
    }
    bool done = waits;
    if (ran.ok()) {
      ran = guarded([&]() -> Status {
        const ProfiledRange range(name_for_profiler(*progress->schedule));
        if (waits) return run_round(*progress);
        done = advance(progress);
        return {};
      });
    }
    if (!ran.ok()) {
      fail({device::Fault::kAborted, topology.rank()});
      return ran;
    }
    if (!done) return {};
    progress->schedule = nullptr;
  }
  *over = true;
  return {};
}

/// Makes what is left of a round.
Status Communicator::State::run_round(const ExchangeProgress& progress) {
  if (progress.on_host.sent) return backend->finish_begun(*progress.schedule, progress.on_host);
  if (posts_in_ring()) network->expect_launch();
  return backend->run(*progress.schedule);
}

/// How an exchange went whose rounds are over.
Status Communicator::State::end(const Buffers* buffers, const ExchangeProgress& progress) {
  if (buffers != nullptr && progress.ready.ok()) CAUSEWAY_TRY(staging_.end(*backend, *buffers));
  const Status outcome = result();
  return progress.ready.ok() || outcome.kind() == ErrorKind::kFailed ? outcome : progress.ready;
}

/// Lets the device at the rings of peers on other hosts that a round sends to or receives from. A
/// rank that takes no part says so in a record.
Status Communicator::State::open_rings(bool declined) {
  if (!posts_in_ring()) return {};
  const auto is_remote = [&](std::uint32_t peer) {
    return links_[peer] == device::LinkKind::kNetwork;
  };
  for (const auto& [peer, block] : messages_.sends) {
    const bool sends = block->bytes != 0 || declined || device::is_announced(messages_.tags.send);
    if (!is_remote(peer) || !sends) continue;
    CAUSEWAY_TRY(network->open_rings(static_cast<int>(peer), true));
  }
  for (int peer = 0; messages_.any_source && peer < topology.size(); ++peer) {
    if (!is_remote(static_cast<std::uint32_t>(peer))) continue;
    CAUSEWAY_TRY(network->open_rings(peer, false));
  }
  for (const auto& [peer, block] : messages_.receives) {
    const bool waits = block->bytes != 0 || device::is_announced(messages_.tags.receive);
    if (!is_remote(peer) || !waits) continue;
    CAUSEWAY_TRY(network->open_rings(static_cast<int>(peer), false));
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

/// Enqueues one exchange, or one in which this rank takes no part where `buffers` is null, and says
/// how it, or where there are streams the ones before, went. The caller has the turn.
Status Communicator::State::enqueue(const Pattern* among, const Buffers* buffers, void* stream) {
  // What an earlier call left on the stream does not keep this one from taking part.
  const Status earlier = result();
  CAUSEWAY_TRY(failure());
  const Pattern& pattern = pattern_or_all(among);
  Status usable = guarded([&]() -> Status {
    if (buffers == nullptr) return {};
    CAUSEWAY_TRY(check_stream(stream));
    return check_for_device(*buffers);
  });
  for (const Round& round : pattern.rounds) {
    Schedule* schedule = nullptr;
    const Status possible = describe_or_decline(pattern, round, buffers, &usable, &schedule);
    if (!possible.ok()) {
      fail({device::Fault::kAborted, topology.rank()});
      return possible;
    }
    CAUSEWAY_TRY(launch(*schedule, stream));
  }
  const Status outcome = outcome_of_launches(earlier);
  return usable.ok() || outcome.kind() == ErrorKind::kFailed ? outcome : usable;
}

/// How launches went, or where there are streams those before them.
Status Communicator::State::outcome_of_launches(const Status& earlier) {
  return backend->kind() == DeviceKind::kHost ? result() : earlier;
}

/// Enqueues a round. The others are not to wait for one that cannot be.
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
  if (!channels.has_report()) return {};
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
  if (word == 0 && !channels.has_fatal_report()) return {};
  const device::FaultReport seen = channels.reports().fatal;
  if (seen.fault != device::Fault::kNone) return fault_status(seen, topology.rank(), word);
  return word == 0 ? Status() : failure_status(Failure::from(word), topology.rank());
}

void Communicator::State::announce() const {
  if (topology.rank() != 0) return;
  log(LogLevel::kInfo,
      "communicator of %d ranks: %s device, %u lanes, %u blocks, rings of %llu bytes",
      topology.size(), backend->kind() == DeviceKind::kCuda ? "cuda" : "host", limits.lanes,
      limits.max_blocks, static_cast<unsigned long long>(channels.ring_bytes()));
}

Communicator::Communicator(std::unique_ptr<State> state) : state_(std::move(state)) {}

Communicator::~Communicator() = default;

Status Communicator::create(Bootstrap& bootstrap, const Config& config, const Status& config_status,
                            std::unique_ptr<Communicator>* communicator, Spares* spares) {
  std::unique_ptr<Communicator> made;
  const auto begin = [&]() -> Status {
    CAUSEWAY_TRY(config_status);
    if (bootstrap.size() > static_cast<int>(kernels::kMostRanks)) {
      return Status::error(ErrorKind::kUnsupported,
                           "the communicator has %d ranks; it may have up to %u", bootstrap.size(),
                           kernels::kMostRanks);
    }
    set_log_level(config.log);
    if (bootstrap.rank() == 0) warn_of_misspelt_settings();
    made.reset(new Communicator(std::make_unique<State>()));
    return {};
  };
  CAUSEWAY_TRY(agree(bootstrap, begin));
  State& state = *made->state_;
  const Status set_up = state.set_up(bootstrap, config, spares != nullptr ? spares->wanted : 0);
  // Peers that this rank no longer hears may have it open.
  if (!bootstrap.broken().ok()) state.channels.keep_own_segment();
  CAUSEWAY_TRY(set_up);
  state.announce();
  if (spares != nullptr) {
    // Those that a rank cannot make the others do without.
    static_cast<void>(guarded([&]() -> Status {
      for (std::uint64_t index = 1; index <= state.spares(); ++index) {
        auto spare = std::make_unique<State>();
        CAUSEWAY_TRY(spare->set_up_spare(state, index));
        spares->made.emplace_back(new Communicator(std::move(spare)));
      }
      return {};
    }));
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
      const bool pulls = state_->limits.pullers[static_cast<std::size_t>(peer)] != 0;
      facts.links.push_back({"memory", on_gpu ? "the same host: CUDA IPC"
                                       : pulls
                                           ? "the same host: shared memory and cross-memory attach"
                                           : "the same host: shared memory alone"});
    }
  }
  return facts;
}

int Communicator::rank() const { return state_->topology.rank(); }
int Communicator::size() const { return state_->topology.size(); }

Status Communicator::exchange(const Buffers& buffers, device::MessageInfo* heard) {
  begun_.drain();
  return state_->in_turn([&] { return state_->exchange(buffers.pattern, &buffers, heard); });
}

Status Communicator::decline(const Pattern* pattern) {
  begun_.drain();
  return state_->in_turn([&] { return state_->exchange(pattern, nullptr); });
}

Status Communicator::enqueue(const Buffers& buffers, void* stream) {
  begun_.drain();
  return state_->in_turn([&] { return state_->enqueue(buffers.pattern, &buffers, stream); });
}

Status Communicator::enqueue_decline(void* stream, const Pattern* pattern) {
  begun_.drain();
  return state_->in_turn([&] { return state_->enqueue(pattern, nullptr, stream); });
}

void Communicator::abort() { state_->fail({device::Fault::kAborted, rank()}); }

Status Communicator::error() const { return state_->failure(); }

device::Communicator Communicator::device_handle() const {
  device::Communicator handle = state_->handle;
  handle.control.idle = nullptr;  // for the thread of a call alone
  return handle;
}

}  // namespace causeway
