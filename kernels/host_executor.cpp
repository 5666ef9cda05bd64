// The threads that stand in for a GPU's blocks on the host device.
#include "host_executor.hpp"

#include "thread_start.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace causeway::kernels {

namespace {

using Task = std::function<void(std::uint32_t)>;

/// A task that threads are at.
struct Run {
  const Task& task;
  std::uint32_t running;
  std::condition_variable finished;
};

/// The threads of the process.
class Crew {
 public:
  static Crew& instance() {
    // Never destroyed: a program may exit with communicators attached.
    static auto* const the_crew = new Crew;
    return *the_crew;
  }

  void enter(std::uint32_t threads) {
    const std::lock_guard turn(turn_);
    ++users_;
    try {
      const std::lock_guard lock(mutex_);
      while (workers_.size() < threads) add();
    } catch (...) {
      leave_in_turn();
      throw;
    }
  }

  void leave() {
    const std::lock_guard turn(turn_);
    leave_in_turn();
  }

  void run(std::uint32_t threads, const Task& task, void (*idle)()) {
    Run run{task, threads, {}};
    std::unique_lock lock(mutex_);
    while (idle_.size() < threads) add();
    for (std::uint32_t index = 1; index <= threads; ++index) {
      Worker* const worker = idle_.back();
      idle_.pop_back();
      worker->run = &run;
      worker->index = index;
      worker->called.notify_one();
    }
    lock.unlock();
    task(0);
    lock.lock();
    const auto done = [&] { return run.running == 0; };
    while (idle != nullptr && !run.finished.wait_for(lock, std::chrono::microseconds(200), done)) {
      lock.unlock();
      idle();
      lock.lock();
    }
    run.finished.wait(lock, done);
  }

 private:
  struct Worker {
    std::condition_variable called;
    Run* run = nullptr;
    std::uint32_t index = 0;
    std::thread thread;
  };

  /// Ends the threads with the last executor, which nobody runs.
  void leave_in_turn() {
    if (--users_ != 0) return;
    std::vector<std::unique_ptr<Worker>> ending;
    {
      const std::lock_guard lock(mutex_);
      ending.swap(workers_);
      idle_.clear();
      stopping_ = true;
      for (const auto& worker : ending) worker->called.notify_one();
    }
    for (const auto& worker : ending) worker->thread.join();
    stopping_ = false;
  }

  /// Adds an idle worker; called with mutex_ held.
  void add() {
    workers_.reserve(workers_.size() + 1);
    idle_.reserve(workers_.size() + 1);
    auto made = std::make_unique<Worker>();
    Worker* const worker = made.get();
    worker->thread = start_thread("causeway-block", [this, worker] { work(worker); });
    idle_.push_back(worker);
    workers_.push_back(std::move(made));
  }

  void work(Worker* worker) {
    std::unique_lock lock(mutex_);
    for (;;) {
      worker->called.wait(lock, [&] { return stopping_ || worker->run != nullptr; });
      if (stopping_) return;
      Run* const run = std::exchange(worker->run, nullptr);
      lock.unlock();
      run->task(worker->index);
      lock.lock();
      idle_.push_back(worker);
      if (--run->running == 0) run->finished.notify_one();
    }
  }

  std::mutex turn_;  ///< held while executors come and go
  std::size_t users_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Worker*> idle_;  ///< has room for all
  bool stopping_ = false;
};

}  // namespace

HostExecutor::HostExecutor(std::uint32_t threads) : threads_(threads) {
  Crew::instance().enter(threads);
}

HostExecutor::~HostExecutor() { Crew::instance().leave(); }

void HostExecutor::run(const Task& task, void (*idle)()) {
  Crew::instance().run(threads_, task, idle);
}

}  // namespace causeway::kernels
