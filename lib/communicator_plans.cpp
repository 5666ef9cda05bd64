// What ranks agree on once for many exchanges: registered buffers and planned exchanges.
#include "allocations.hpp"
#include "communicator_state.hpp"

#include <algorithm>
#include <optional>

namespace causeway {

namespace {

/// How long a rank that waits for the others in a collective call goes on when the communicator
/// fails: they may have come through already, and be on their way. And how long where it had failed
/// before: programs free their plans and buffers then, each rank when it has heard.
constexpr std::chrono::seconds kGettingThrough{1};
constexpr std::chrono::seconds kCleaningUp{10};

/// Bytes that blocks go to, all but those of layouts.
struct Span {
  const std::byte* begin = nullptr;
  const std::byte* end = nullptr;
};

Span span_of(const void* buffer, std::span<const Extent> blocks) {
  Span span;
  for (const Extent& block : blocks) {
    if (block.bytes == 0 || block.layout != nullptr) continue;
    const std::byte* const begin = static_cast<const std::byte*>(buffer) + block.offset;
    const std::byte* const end = begin + block.bytes;
    span.begin = span.begin == nullptr ? begin : std::min(span.begin, begin);
    span.end = std::max(span.end, end);
  }
  return span;
}

/// An error where a rank sends another more than that one asks for.
Status check_sizes(const BlockTable& table) {
  for (std::size_t from = 0; from < table.ranks(); ++from) {
    for (std::size_t to = 0; to < table.ranks(); ++to) {
      const std::uint64_t sent = table.sent(from, to);
      const std::uint64_t asked = table.asked(to, from);
      if (sent <= asked) continue;
      return Status::error(
          ErrorKind::kTruncated, "rank %zu sends %llu bytes to rank %zu, which asks for %llu", from,
          static_cast<unsigned long long>(sent), to, static_cast<unsigned long long>(asked));
    }
  }
  return {};
}

}  // namespace

/// Where peers may store what an exchange receives.
void Communicator::State::name_region(const Buffers& buffers, kernels::ExchangeArgs* args) const {
  const Span span = span_of(buffers.recvbuf, buffers.receive);
  if (span.begin == nullptr) return;
  const RegionPlace place = regions.find(span.begin, span.end);
  args->region = place.name;
  args->region_offset = place.offset - static_cast<std::uint64_t>(span.begin - args->recvbuf);
}

/// The communicator's failure, once it keeps other ranks from coming to a collective call in which
/// this rank waits. One that has come through that call may fail the communicator right after: the
/// others have until *deadline to get through too, which this sets where it finds the failure
/// first.
Status Communicator::State::failure_of_call(Clock::time_point* deadline) const {
  const Status found = failure();
  if (found.ok()) return {};
  const device::Fault cause = Failure::from(channels.abort_word()).cause;
  if (cause == device::Fault::kPeerEnded || cause == device::Fault::kLinkFailed) return found;
  const auto now = Clock::now();
  if (*deadline == Clock::time_point::max()) *deadline = now + kGettingThrough;
  return now > *deadline ? found : Status();
}

/// Makes a collective call. Where it was given up on this rank, the ranks are no longer at the same
/// point: the communicator fails.
template <typename Call>
Status Communicator::State::with_all(Bootstrap& bootstrap, Call&& call) {
  channels.count_call();
  const bool usable = bootstrap.broken().ok();
  auto deadline = failure().ok() ? Clock::time_point::max() : Clock::now() + kCleaningUp;
  const WaitUntil watched(bootstrap, [this, &deadline] { return failure_of_call(&deadline); });
  const Status status = call();
  if (!usable || bootstrap.broken().ok()) return status;
  const bool failed_before = !failure().ok();
  const int behind = channels.rank_behind();
  // What MPI refused is no wait.
  const bool waited = status.kind() == ErrorKind::kFailed;
  fail({waited ? device::Fault::kTimedOut : device::Fault::kAborted, topology.rank(),
        behind < 0 ? Failure::kNobody : behind});
  if (failed_before || behind < 0 || !waited) return status;
  return Status::error(ErrorKind::kFailed,
                       "rank %d waited too long (CAUSEWAY_TIMEOUT) for rank %d, which has not made "
                       "the same call",
                       topology.rank(), behind);
}

Status Communicator::State::register_buffer(Bootstrap& bootstrap, void* base, std::uint64_t bytes,
                                            const Status& valid, const Region** region) {
  CAUSEWAY_TRY(failure());
  return with_all(bootstrap, [&]() -> Status {
    CAUSEWAY_TRY(agree(bootstrap, valid));
    return in_turn([&] { return regions.add(bootstrap, base, bytes, Sharing::kChecked, region); });
  });
}

Status Communicator::State::deregister_buffer(Bootstrap& bootstrap, const Region* region) {
  return with_all(bootstrap, [&] {
    return in_turn([&] {
      backend->finish();
      return regions.remove(bootstrap, region);
    });
  });
}

Status Communicator::State::plan_exchange(Bootstrap& bootstrap, const Buffers& buffers,
                                          const Status& valid, const PlannedExchange** planned,
                                          const PlanSettings& settings) {
  CAUSEWAY_TRY(failure());
  return with_all(bootstrap, [&]() -> Status {
    const auto ranks = static_cast<std::size_t>(topology.size());
    const Span span = span_of(buffers.recvbuf, buffers.receive);
    std::vector<std::uint64_t> mine;
    std::optional<BlockTable> table;
    auto made = std::unique_ptr<PlannedExchange>();
    const auto begin = [&]() -> Status {
      CAUSEWAY_TRY(valid);
      CAUSEWAY_TRY(check_for_device(buffers));
      mine = BlockTable::row(buffers.send, buffers.receive,
                             static_cast<const std::byte*>(buffers.recvbuf), span.begin);
      table.emplace(ranks);
      bootstrap.reserve(mine.size() * sizeof(std::uint64_t));
      made = std::make_unique<PlannedExchange>();
      made->send.assign(buffers.send.begin(), buffers.send.end());
      made->receive.assign(buffers.receive.begin(), buffers.receive.end());
      return {};
    };
    CAUSEWAY_TRY(agree(bootstrap, begin));
    CAUSEWAY_TRY(
        bootstrap.allgather(mine.data(), mine.size() * sizeof(std::uint64_t), table->words()));
    CAUSEWAY_TRY(check_sizes(*table));
    return in_turn([&]() -> Status {
      CAUSEWAY_TRY(regions.add(bootstrap, const_cast<std::byte*>(span.begin),
                               static_cast<std::uint64_t>(span.end - span.begin),
                               Sharing::kIfPossible, &made->region));
      const Status prepared = prepare(bootstrap, buffers, *table, settings, made.get());
      if (!prepared.ok()) {
        static_cast<void>(regions.remove(bootstrap, made->region));
        return prepared;
      }
      if (topology.rank() == 0) {
        log(LogLevel::kInfo, "plan %zu of a communicator of %zu ranks: by %s", ++plans_made_, ranks,
            made->engine ? "copy engines" : "kernels");
      }
      *planned = made.get();
      planned_.push_back(std::move(made));
      return {};
    });
  });
}

/// Gets a planned exchange ready, whose region and lists there are.
Status Communicator::State::prepare(Bootstrap& bootstrap, const Buffers& buffers,
                                    const BlockTable& table, const PlanSettings& settings,
                                    PlannedExchange* planned) {
  const Buffers own{buffers.sendbuf, planned->send, buffers.recvbuf, planned->receive, false};
  ScheduleLimits within = limits;
  std::optional<Tuner> tuner;
  const auto narrow = [&]() -> Status {
    if (settings.max_ctas && *settings.max_ctas < within.max_ctas) {
      within.max_ctas = static_cast<std::uint32_t>(*settings.max_ctas);
      within.max_blocks = std::min(within.max_blocks, within.max_ctas);
    }
    tuner.emplace(make_tuner(within.max_ctas).with(settings.rules));
    within.tuner = &*tuner;
    planned_.reserve(planned_.size() + 1);
    return {};
  };
  CAUSEWAY_TRY(agree(bootstrap, narrow));
  bool by_engine = false;
  CAUSEWAY_TRY(agree_on_engine(bootstrap, within, own, *planned->region, &by_engine));
  return agree(bootstrap, [&]() -> Status {
    if (!by_engine) {
      CAUSEWAY_TRY(describe(within, &own, &planned->schedule));
      return backend->keep_lists(&planned->schedule);
    }
    planned->engine = std::make_unique<EngineExchange>();
    return prepare(own, table, *planned->region, planned->engine.get());
  });
}

/// Whether copy engines are to make a planned exchange: the same on all ranks.
Status Communicator::State::agree_on_engine(Bootstrap& bootstrap, const ScheduleLimits& within,
                                            const Buffers& buffers, const Region& region,
                                            bool* by_engine) {
  if (backend->kind() == DeviceKind::kHost) return {};
  EngineVote mine{};
  const auto vote = [&]() -> Status {
    mine = vote_on_engine(within, topology.rank(), buffers.send, buffers.receive, region.peers);
    return {};
  };
  std::vector<EngineVote> all;
  CAUSEWAY_TRY(allgather(bootstrap, vote, mine, &all));
  *by_engine = go_by_engine(all);
  return {};
}

Status Communicator::State::prepare(const Buffers& buffers, const BlockTable& table,
                                    const Region& region, EngineExchange* exchange) {
  const int rank = topology.rank();
  CAUSEWAY_TRY(backend->allocate(words_bytes(table.ranks()), &exchange->words));
  std::byte* const memory = exchange->words.get();
  CAUSEWAY_TRY(prepare(ready_words(table, rank), memory, &exchange->ready));
  CAUSEWAY_TRY(prepare(done_words(table, rank), memory, &exchange->done));
  return backend->prepare_copies(
      engine_copies(table, rank, static_cast<const std::byte*>(buffers.sendbuf), buffers.send,
                    region.peers),
      &exchange->copies);
}

/// Words take as few multiprocessors as they can: one.
Status Communicator::State::prepare(const Words& words, std::byte* memory, Schedule* schedule) {
  const Buffers buffers{memory, words.send, memory, words.receive, false};
  CAUSEWAY_TRY(describe(limits, &buffers, schedule));
  schedule->args.split = split_blocks(*schedule, 1, &schedule->visits);
  return backend->keep_lists(schedule);
}

/// Enqueues the parts of an exchange by copy engines.
Status Communicator::State::start(const EngineExchange& exchange, void* stream) {
  CAUSEWAY_TRY(launch(exchange.ready, stream));
  const Status copied = guarded([&] { return exchange.copies->enqueue(stream); });
  if (!copied.ok()) {
    fail({device::Fault::kAborted, topology.rank()});
    return copied;
  }
  return launch(exchange.done, stream);
}

Status Communicator::State::start(const PlannedExchange& planned, void* stream) {
  const Status usable = check_stream(stream);
  if (!usable.ok()) {
    // The other ranks are not to wait for this one.
    const Status outcome = enqueue(nullptr, nullptr);
    return outcome.kind() == ErrorKind::kFailed ? outcome : usable;
  }
  // What an earlier call left on the stream does not keep this one from taking part.
  const Status earlier = result();
  CAUSEWAY_TRY(failure());
  if (planned.engine == nullptr) return enqueue(planned.schedule, stream, earlier);
  CAUSEWAY_TRY(start(*planned.engine, stream));
  return earlier;
}

Status Communicator::State::free_planned(Bootstrap& bootstrap, const PlannedExchange* planned) {
  return with_all(bootstrap, [&] {
    return in_turn([&] {
      backend->finish();
      const Region* const region = planned->region;
      const Status kept = guarded([&]() -> Status {
        if (planned->engine) backend->keep_for_graphs(planned->engine->words);
        return {};
      });
      std::erase_if(planned_, [&](const auto& candidate) { return candidate.get() == planned; });
      const Status removed = regions.remove(bootstrap, region);
      return kept.ok() ? removed : kept;
    });
  });
}

Status Communicator::allocate(std::uint64_t bytes, void** base) {
  Allocation allocation;
  CAUSEWAY_TRY(state_->backend->allocate_shareable(bytes, &allocation));
  keep_allocation(allocation);
  *base = allocation.memory.get();
  return {};
}

Status Communicator::register_buffer(Bootstrap& bootstrap, void* base, std::uint64_t bytes,
                                     const Status& valid, const Region** region) {
  begun_.drain();
  return state_->register_buffer(bootstrap, base, bytes, valid, region);
}

BufferView Communicator::view(const Region& region) const {
  auto* const table = reinterpret_cast<const std::uint64_t*>(region.table.get());
  return {region.base, region.bytes, reinterpret_cast<void* const*>(table), table + size()};
}

Status Communicator::deregister_buffer(Bootstrap& bootstrap, const Region* region) {
  begun_.drain();
  return state_->deregister_buffer(bootstrap, region);
}

Status Communicator::plan(Bootstrap& bootstrap, const Buffers& buffers, const Status& valid,
                          const PlannedExchange** planned, const PlanSettings& settings) {
  begun_.drain();
  return state_->plan_exchange(bootstrap, buffers, valid, planned, settings);
}

Status Communicator::start(const PlannedExchange& planned, void* stream) {
  begun_.drain();
  return state_->in_turn([&] { return state_->start(planned, stream); });
}

Status Communicator::free_planned(Bootstrap& bootstrap, const PlannedExchange* planned) {
  begun_.drain();
  return state_->free_planned(bootstrap, planned);
}

}  // namespace causeway
