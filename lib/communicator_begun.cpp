// Exchanges in the background: what the call that begins one makes of it, and what is left to the
// communicator's thread.
#include "communicator_state.hpp"

#include <algorithm>
#include <thread>

namespace causeway {

namespace {

/// How long the call that begins an exchange waits for the next rank to come; where it has spent
/// longer on moving bytes, that part of it: who comes at the same time takes as long.
constexpr std::chrono::microseconds kPatience{20};
constexpr int kPatiencePart = 8;

}  // namespace

BegunExchange::BegunExchange(const Buffers& of, std::function<void(const Status&)> when_done)
    : send(of.send.begin(), of.send.end()),
      receive(of.receive.begin(), of.receive.end()),
      buffers(of),
      done(std::move(when_done)) {
  buffers.send = send;
  buffers.receive = receive;
  progress.in_background = true;
}

/// Makes what it can of a round with the ranks that are there, or come soon; true when that is all.
bool Communicator::State::advance(ExchangeProgress* progress) const {
  const auto began = Clock::now();
  auto moved = began;
  kernels::HostProgress& on_host = progress->on_host;
  for (bool first = true;; first = false) {
    const std::uint32_t before = on_host.received;
    if (backend->advance(*progress->schedule, &on_host)) return true;
    if (!on_host.sent) return false;
    const auto now = Clock::now();
    if (first || on_host.received != before) moved = now;
    const auto patience = std::max<Clock::duration>(kPatience, (moved - began) / kPatiencePart);
    if (now - moved > patience) return false;
    if (handle.control.spins == 0) std::this_thread::yield();
  }
}

bool Communicator::State::begin(BegunExchange* begun) {
  if (has_spare_processor_ || network || backend->kind() != DeviceKind::kHost) return false;
  if (!turn_.try_lock()) return false;
  begun->has_turn = true;
  bool over = false;
  const Status outcome = guarded([&]() -> Status {
    const Buffers& buffers = begun->buffers;
    CAUSEWAY_TRY(start(&buffers, &begun->progress));
    CAUSEWAY_TRY(go_on(pattern_or_all(buffers.pattern), &buffers, false, &begun->progress, &over));
    return over ? end(&buffers, begun->progress) : Status();
  });
  if (outcome.ok() && !over) return false;
  turn_.unlock();
  begun->done(outcome);
  return true;
}

void Communicator::State::finish(BegunExchange* begun) {
  const Buffers& buffers = begun->buffers;
  const auto rest = [&]() -> Status {
    bool over = false;
    CAUSEWAY_TRY(go_on(pattern_or_all(buffers.pattern), &buffers, true, &begun->progress, &over));
    return end(&buffers, begun->progress);
  };
  Status outcome;
  if (begun->has_turn) {
    outcome = guarded(rest);
    turn_.unlock();
  } else {
    outcome = in_turn([&]() -> Status {
      CAUSEWAY_TRY(start(&buffers, &begun->progress));
      return rest();
    });
  }
  begun->done(outcome);
}

void Communicator::begin(const Buffers& buffers, std::function<void(const Status&)> done) {
  const auto begun = std::make_shared<BegunExchange>(buffers, std::move(done));
  if (begun_.is_idle() && state_->begin(begun.get())) return;
  const auto finish = [state = state_.get(), begun] {
    state->backend->serve_thread();
    state->finish(begun.get());
  };
  if (!begun->has_turn) {
    begun_.post(finish);
    return;
  }
  const Status posted = guarded([&]() -> Status {
    begun_.post(finish);
    return {};
  });
  // The other ranks count on what has begun.
  if (!posted.ok()) state_->finish(begun.get());
}

void Communicator::begin_decline(const Pattern* pattern) {
  begun_.post([state = state_.get(), pattern] {
    state->backend->serve_thread();
    static_cast<void>(
        state->in_turn([&] { return state->exchange(pattern, nullptr, nullptr, true); }));
  });
}

}  // namespace causeway
