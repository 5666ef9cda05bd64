// TaskQueue: a thread that does one thing after another.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace causeway {

/// Tasks are done in the order in which they were posted, on a thread that the first one starts.
/// They throw nothing. Calls come from any thread but that one.
class TaskQueue {
 public:
  TaskQueue() = default;
  /// Does what is left.
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  /// Throws, and has not taken the task, where no thread or no memory can be had.
  void post(std::function<void()> task);

  /// Whether all that was posted is done.
  bool is_idle() const { return idle_; }

  /// Returns when all that was posted before is done.
  void drain();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;  ///< the first is being done
  std::atomic<bool> idle_ = true;            ///< there are none
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace causeway
