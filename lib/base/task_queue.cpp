// TaskQueue: a thread that does one thing after another.
#include "task_queue.hpp"

#include <thread_start.hpp>

#include <utility>

namespace causeway {

TaskQueue::~TaskQueue() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void TaskQueue::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) {
    thread_ = kernels::start_thread("causeway-tasks", [this] { run(); });
  }
  tasks_.push_back(std::move(task));
  idle_ = false;
  changed_.notify_all();
}

void TaskQueue::drain() {
  if (idle_) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return tasks_.empty(); });
}

void TaskQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ends_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const std::function<void()> task = std::move(tasks_.front());
    lock.unlock();
    task();
    lock.lock();
    tasks_.pop_front();
    idle_ = tasks_.empty();
    changed_.notify_all();
  }
}

}  // namespace causeway
