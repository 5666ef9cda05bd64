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

  void add(const std::byte* buffer, const Extent& block) {
    if (block.bytes == 0 || block.layout != nullptr) return;
    const std::byte* const first = buffer + block.offset;
    begin = begin == nullptr ? first : std::min(begin, first);
    end = std::max(end, first + block.bytes);
  }
};

Span span_of(const Buffers& buffers) {
  Span span;
  for (const Extent& block : buffers.receive) {
    span.add(static_cast<const std::byte*>(buffers.recvbuf), block);
  }
  return span;
}

Status status_of(const Mismatch& found) {
  const auto sent = static_cast<unsigned long long>(found.sent);
  const auto asked = static_cast<unsigned long long>(found.asked);
  switch (found.what) {
    case Mismatch::kLonger:
      return Status::error(ErrorKind::kTruncated,
                           "rank %u sends %llu bytes to rank %u, which asks for %llu", found.from,
                           sent, found.to, asked);
    case Mismatch::kNotReceived:
      return Status::error(ErrorKind::kRank,
                           "rank %u sends to rank %u, which receives nothing from it", found.from,
                           found.to);
    case Mismatch::kNotSent:
      return Status::error(ErrorKind::kRank,
                           "rank %u receives from rank %u, which sends it nothing", found.to,
                           found.from);
    case Mismatch::kTags:
      return Status::error(ErrorKind::kTag,
                           "rank %u sends rank %u a message with tag %llu, which asks for tag %llu",
                           found.from, found.to, sent & ~std::uint64_t{device::kAnnounced},
                           asked & ~std::uint64_t{device::kAnnounced});
    default:
      return {};
  }
}

/// Collective: an error where the ends of a message do not go together, of which find() finds this
/// rank's.
template <typename Find>
Status check_messages(Bootstrap& bootstrap, const Find& find) {
  Mismatch mine;
  std::vector<Mismatch> all;
  const auto find_mine = [&]() -> Status {
    mine = find();
    return {};
  };
  CAUSEWAY_TRY(allgather(bootstrap, find_mine, mine, &all));
  const auto first = std::ranges::find_if(all, &Mismatch::any);
  return first == all.end() ? Status() : status_of(*first);
}

}  // namespace

/// Where peers may store what a round receives.
void Communicator::State::name_region(kernels::ExchangeArgs* args) const {
  Span span;
  for (const Message& message : messages_.receives) span.add(args->recvbuf, *message.block);
  if (messages_.from_self != nullptr) span.add(args->recvbuf, *messages_.from_self);
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
    const Pattern& pattern = pattern_or_all(buffers.pattern);
    const Span span = span_of(buffers);
    std::vector<std::uint64_t> mine;
    std::optional<BlockTable> table;
    auto made = std::unique_ptr<PlannedExchange>();
    const auto begin = [&]() -> Status {
      CAUSEWAY_TRY(valid);
      CAUSEWAY_TRY(check_for_device(buffers));
      mine = BlockTable::row(topology.rank(), pattern, buffers, span.begin);
      made = std::make_unique<PlannedExchange>();
      made->pattern = pattern;
      made->send.assign(buffers.send.begin(), buffers.send.end());
      made->receive.assign(buffers.receive.begin(), buffers.receive.end());
      return {};
    };
    CAUSEWAY_TRY(agree(bootstrap, begin));
    std::uint64_t longest = ~std::uint64_t{mine.size()};
    CAUSEWAY_TRY(bootstrap.smallest(&longest));
    const auto make_table = [&]() -> Status {
      mine.resize(~longest);
      table.emplace(static_cast<std::size_t>(topology.size()), mine.size());
      bootstrap.reserve(mine.size() * sizeof(std::uint64_t));
      return {};
    };
    CAUSEWAY_TRY(agree(bootstrap, make_table));
    CAUSEWAY_TRY(
        bootstrap.allgather(mine.data(), mine.size() * sizeof(std::uint64_t), table->words()));
    CAUSEWAY_TRY(check_messages(
        bootstrap, [&] { return table->find_mismatch(topology.rank(), pattern, buffers); }));
    return in_turn([&]() -> Status {
      CAUSEWAY_TRY(regions.add(bootstrap, const_cast<std::byte*>(span.begin),
                               static_cast<std::uint64_t>(span.end - span.begin),
                               Sharing::kIfPossible, &made->region));
      const Status prepared = prepare(bootstrap, buffers, *table, settings, made.get());
      if (!prepared.ok()) {
        static_cast<void>(regions.remove(bootstrap, made->region));
        return prepared;
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
  const Buffers own{buffers.sendbuf,  planned->send, buffers.recvbuf,
                    planned->receive, false,         &planned->pattern};
  const std::vector<Round>& rounds = planned->pattern.rounds;
  ScheduleLimits within = limits;
  std::optional<Tuner> tuner;
  const auto narrow = [&]() -> Status {
    if (settings.max_ctas && *settings.max_ctas < within.max_ctas) {
      within.max_ctas = static_cast<std::uint32_t>(*settings.max_ctas);
      within.max_blocks = std::min(within.max_blocks, within.max_ctas);
    }
    tuner.emplace(make_tuner(within.max_ctas).with(settings.rules));
    within.tuner = &*tuner;
    planned->rounds.resize(rounds.size());
    planned_.reserve(planned_.size() + 1);
    return {};
  };
  CAUSEWAY_TRY(agree(bootstrap, narrow));
  bool by_engine = false;
  CAUSEWAY_TRY(agree_on_engine(bootstrap, within, own, *planned->region, &by_engine));
  const auto prepare_rounds = [&]() -> Status {
    for (std::size_t k = 0; k < rounds.size(); ++k) {
      PlannedRound& round = planned->rounds[k];
      if (by_engine) {
        round.engine = std::make_unique<EngineExchange>();
        CAUSEWAY_TRY(prepare(own, table, k, *planned->region, round.engine.get()));
      } else {
        CAUSEWAY_TRY(describe(within, planned->pattern, rounds[k], &own, &round.schedule));
        CAUSEWAY_TRY(backend->keep_lists(&round.schedule));
      }
    }
    return {};
  };
  CAUSEWAY_TRY(agree(bootstrap, prepare_rounds));
  if (topology.rank() == 0) {
    log(LogLevel::kInfo, "plan %zu of a communicator of %d ranks: by %s", ++plans_made_,
        topology.size(), by_engine ? "copy engines" : "kernels");
  }
  return {};
}

/// Whether copy engines are to make a planned exchange: the same on all ranks.
Status Communicator::State::agree_on_engine(Bootstrap& bootstrap, const ScheduleLimits& within,
                                            const Buffers& buffers, const Region& region,
                                            bool* by_engine) {
  if (backend->kind() == DeviceKind::kHost) return {};
  EngineVote mine{};
  const auto vote = [&]() -> Status {
    mine = vote_on_engine(within, topology.rank(), *buffers.pattern, buffers, region.peers);
    return {};
  };
  std::vector<EngineVote> all;
  CAUSEWAY_TRY(allgather(bootstrap, vote, mine, &all));
  *by_engine = go_by_engine(all);
  return {};
}

Status Communicator::State::prepare(const Buffers& buffers, const BlockTable& table,
                                    std::size_t round, const Region& region,
                                    EngineExchange* exchange) {
  const EngineRound here{table, topology.rank(), *buffers.pattern, round};
  CAUSEWAY_TRY(backend->allocate(here.words_bytes(), &exchange->words));
  std::byte* const memory = exchange->words.get();
  CAUSEWAY_TRY(prepare(here.ready_words(), memory, &exchange->ready));
  CAUSEWAY_TRY(prepare(here.done_words(), memory, &exchange->done));
  return backend->prepare_copies(here.copies(buffers, region.peers), &exchange->copies);
}

/// Words take as few multiprocessors as they can: one.
Status Communicator::State::prepare(const Words& words, std::byte* memory, Schedule* schedule) {
  const Buffers buffers{memory, words.send, memory, words.receive, false};
  CAUSEWAY_TRY(describe(limits, words.pattern, words.pattern.rounds.front(), &buffers, schedule));
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
    const Status outcome = enqueue(&planned.pattern, nullptr, nullptr);
    return outcome.kind() == ErrorKind::kFailed ? outcome : usable;
  }
  // What an earlier call left on the stream does not keep this one from taking part.
  const Status earlier = result();
  CAUSEWAY_TRY(failure());
  for (const PlannedRound& round : planned.rounds) {
    CAUSEWAY_TRY(round.engine ? start(*round.engine, stream) : launch(round.schedule, stream));
  }
  return outcome_of_launches(earlier);
}

Status Communicator::State::free_planned(Bootstrap& bootstrap, const PlannedExchange* planned) {
  return with_all(bootstrap, [&] {
    return in_turn([&] {
      backend->finish();
      const Region* const region = planned->region;
      const Status kept = guarded([&]() -> Status {
        for (const PlannedRound& round : planned->rounds) {
          if (round.engine) backend->keep_for_graphs(round.engine->words);
        }
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
