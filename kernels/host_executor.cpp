// The threads that stand in for a GPU's blocks on the host device.
#include "host_executor.hpp"

#include "thread_start.hpp"

#include <chrono>

namespace causeway::kernels {

HostExecutor::HostExecutor(std::uint32_t threads) {
  threads_.reserve(threads);
  try {
    for (std::uint32_t i = 0; i < threads; ++i) {
      threads_.push_back(start_thread("causeway-block", [this, i] { work(i + 1); }));
    }
  } catch (...) {
    stop();
    throw;
  }
}

HostExecutor::~HostExecutor() { stop(); }

void HostExecutor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  started_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void HostExecutor::run(const std::function<void(std::uint32_t)>& task, void (*idle)()) {
  {
    const std::lock_guard lock(mutex_);
    task_ = &task;
    running_ = threads();
    ++runs_;
  }
  started_.notify_all();
  task(0);
  std::unique_lock lock(mutex_);
  const auto done = [&] { return running_ == 0; };
  while (idle != nullptr && !finished_.wait_for(lock, std::chrono::microseconds(200), done)) {
    lock.unlock();
    idle();
    lock.lock();
  }
  finished_.wait(lock, done);
  task_ = nullptr;
}

void HostExecutor::work(std::uint32_t index) {
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    started_.wait(lock, [&] { return stopping_ || runs_ != seen; });
    if (stopping_) return;
    seen = runs_;
    const auto* task = task_;
    lock.unlock();
    (*task)(index);
    lock.lock();
    if (--running_ == 0) finished_.notify_one();
  }
}

}  // namespace causeway::kernels
