// The threads that stand in for a GPU's blocks on the host device.
#pragma once

#include "args.h"

#include <cstdint>
#include <functional>

namespace causeway::kernels {

/// Threads beside the caller's. All executors of the process share them: there are as many as runs
/// have needed at the same time. They sleep between runs, and end with the last executor.
class HostExecutor {
 public:
  /// Has `threads` threads ready; throws std::system_error when the system will not.
  explicit HostExecutor(std::uint32_t threads);
  ~HostExecutor();
  HostExecutor(const HostExecutor&) = delete;
  HostExecutor& operator=(const HostExecutor&) = delete;

  /// Runs task(0) on the calling thread and task(1) .. task(threads) beside it, all at the same
  /// time, and returns when all have returned. While the calling thread waits for the others it
  /// calls idle() now and then, if not null. Tasks do not throw. Where runs of other executors have
  /// the threads, it starts more; throws std::system_error, and has run nothing, when the system
  /// will not.
  void run(const std::function<void(std::uint32_t)>& task, void (*idle)() = nullptr);

  std::uint32_t threads() const { return threads_; }

 private:
  const std::uint32_t threads_;
};

/// The gate of a launch that nothing keeps from its channels.
struct OpenGate {
  void open() const {}
  bool operator()() const { return true; }
};

/// Runs an operation, whose control's idle() is for the calling thread: by that thread alone, as
/// one block, sends before receives, when no send would wait; otherwise each role of each block on
/// a thread of its own, for which the executor needs 2 * blocks - 1 threads.
template <class Operation, class ThreadGroup>
void run_on_host(HostExecutor& executor, const Operation& operation, const ThreadGroup& group) {
  const std::uint32_t blocks = operation.blocks();
  if (operation.sends_at_once()) {
    // Several blocks one after the other would leave the ascending order of visits, and two ranks
    // could wait for each other.
    Visits visits[2];
    const Operation one_block = operation.as_one_block(visits);
    one_block.send(group, 0, OpenGate{});
    one_block.receive(group, 0, OpenGate{});
    operation.await_pulled();
    return;
  }
  Operation elsewhere = operation;
  elsewhere.args.comm.control.idle = nullptr;
  const auto role = [&](std::uint32_t index) {
    if (index >= 2 * blocks) return;
    const Operation& here = index == 0 ? operation : elsewhere;
    if (index % 2 == 0) {
      here.send(group, index / 2, OpenGate{});
    } else {
      here.receive(group, index / 2, OpenGate{});
    }
  };
  executor.run(role, operation.args.comm.control.idle);
  operation.await_pulled();
}

}  // namespace causeway::kernels
