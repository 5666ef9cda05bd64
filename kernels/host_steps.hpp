// An exchange on the host in steps: what one thread can do of it now, and the rest.
#pragma once

#include "host_executor.hpp"

namespace causeway::kernels {

/// How far an exchange has come.
struct HostProgress {
  bool sent = false;           ///< all that this rank sends; nothing has been done before
  std::uint32_t received = 0;  ///< items
};

/// Makes, on the calling thread, what waits for no rank that has not begun the exchange, and says
/// whether that was all. Nothing, where a send would wait: run_on_host() is for that exchange then,
/// while `sent` is false.
template <class Operation, class ThreadGroup>
bool advance_on_host(const Operation& operation, const ThreadGroup& group, HostProgress* progress) {
  Visits visits[2];
  if (!progress->sent) {
    if (!operation.sends_at_once()) return false;
    operation.as_one_block(visits).send(group, 0, OpenGate{});
    progress->sent = true;
  }
  for (std::uint32_t& item = progress->received; item < operation.args.receives; ++item) {
    if (!operation.has_come(item)) return false;
    operation.with_receives(item, item + 1, visits).receive(group, 0, OpenGate{});
  }
  if (!operation.is_pulled()) return false;
  operation.await_pulled();
  return true;
}

/// Waits for the rest of an exchange of which everything has been sent.
template <class Operation, class ThreadGroup>
void finish_on_host(const Operation& operation, const ThreadGroup& group,
                    const HostProgress& progress) {
  Visits visits[2];
  operation.with_receives(progress.received, operation.args.receives, visits)
      .receive(group, 0, OpenGate{});
  operation.await_pulled();
}

}  // namespace causeway::kernels
