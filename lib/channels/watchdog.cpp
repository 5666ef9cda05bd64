// The watchdog: tells communicators that a process which they exchange with has ended.
#include "watchdog.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <thread_start.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace causeway {

namespace {

constexpr std::chrono::milliseconds kUnlisted{10};

}  // namespace

/// One for the process, made with the first watch. It sleeps in poll() on a pidfd for each process
/// that is watched, and ends with the last watch.
class Watchdog {
 public:
  static Watchdog& instance() {
    // Never destroyed: a program may exit with watches still held.
    static auto* const the_watchdog = new Watchdog;
    return *the_watchdog;
  }

  Status add(Watch* watch) {
    const std::lock_guard turn(starting_);
    const std::lock_guard lock(mutex_);
    Process& process = processes_[watch->pid_];
    process.watches.reserve(process.watches.size() + 1);
    if (process.watches.empty()) {
      process.descriptor = static_cast<int>(syscall(SYS_pidfd_open, watch->pid_, 0));
      if (process.descriptor < 0) {
        const int problem = errno;
        processes_.erase(watch->pid_);
        return Status::error(ErrorKind::kSystem, "cannot watch process %d: %s",
                             static_cast<int>(watch->pid_), std::strerror(problem));
      }
    }
    process.watches.push_back(watch);
    // Of a process that is watched already the thread knows.
    if (process.watches.size() > 1) return {};
    const Status started = start();
    if (!started.ok()) drop(watch);
    return started;
  }

  void remove(Watch* watch) {
    const std::lock_guard turn(starting_);
    std::thread ended;
    {
      const std::lock_guard lock(mutex_);
      if (!drop(watch)) return;
      if (processes_.empty()) ended = std::move(thread_);
      wake();
    }
    if (!ended.joinable()) return;
    ended.join();
    close(wake_);
    wake_ = -1;
  }

 private:
  struct Process {
    int descriptor = -1;
    std::vector<Watch*> watches;
  };

  // The functions below are called with mutex_ held.

  /// Whether its process is watched no more.
  bool drop(Watch* watch) {
    const auto found = processes_.find(watch->pid_);
    if (found == processes_.end()) return false;
    // The last one that came is often the first that goes.
    auto& watches = found->second.watches;
    const auto place = std::find(watches.rbegin(), watches.rend(), watch);
    if (place != watches.rend()) watches.erase(std::prev(place.base()));
    if (!watches.empty()) return false;
    close(found->second.descriptor);
    processes_.erase(found);
    return true;
  }

  void wake() {
    const std::uint64_t one = 1;
    if (wake_ >= 0 && write(wake_, &one, sizeof one) < 0) return;
  }

  Status start() {
    wake();
    if (thread_.joinable()) return {};
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) {
      return Status::error(ErrorKind::kSystem, "eventfd failed: %s", std::strerror(errno));
    }
    const Status started = guarded([this]() -> Status {
      thread_ = kernels::start_thread("causeway-watch", [this] { run(); });
      return {};
    });
    if (started.ok()) return {};
    close(wake_);
    wake_ = -1;
    return Status::error(ErrorKind::kSystem, "cannot start a thread: %s",
                         started.message().c_str());
  }

  void run() {
    for (;;) {
      std::vector<pollfd> polled;
      const Status listed = guarded([&]() -> Status {
        const std::lock_guard lock(mutex_);
        if (processes_.empty()) return {};
        polled.push_back({wake_, POLLIN, 0});
        for (const auto& [pid, process] : processes_) {
          if (process.descriptor >= 0) polled.push_back({process.descriptor, POLLIN, 0});
        }
        return {};
      });
      if (listed.ok() && polled.empty()) return;
      if (!listed.ok()) {
        // Without memory for the list it looks now and then.
        std::this_thread::sleep_for(kUnlisted);
        polled.clear();
      } else if (poll(polled.data(), polled.size(), -1) < 0) {
        continue;
      }
      const std::lock_guard lock(mutex_);
      std::uint64_t count = 0;
      const bool woken = !polled.empty() && polled.front().revents != 0;
      if (woken && read(wake_, &count, sizeof count) < 0) continue;
      for (auto& [pid, process] : processes_) tell(process);
    }
  }

  /// Tells a process's watches if it has ended, once.
  static void tell(Process& process) {
    pollfd ended{process.descriptor, POLLIN, 0};
    if (process.descriptor < 0 || poll(&ended, 1, 0) <= 0) return;
    close(process.descriptor);
    process.descriptor = -1;
    for (const Watch* watch : process.watches) watch->on_end_();
  }

  std::mutex starting_;  ///< held while the thread is started or ended
  std::mutex mutex_;
  std::map<pid_t, Process> processes_;
  std::thread thread_;
  int wake_ = -1;
};

Watch::Watch(pid_t pid, std::function<void()> on_end) : pid_(pid), on_end_(std::move(on_end)) {}

Watch::~Watch() { Watchdog::instance().remove(this); }

Status watch_process(pid_t pid, std::function<void()> on_end, std::unique_ptr<Watch>* watch) {
  auto made = std::make_unique<Watch>(pid, std::move(on_end));
  CAUSEWAY_TRY(Watchdog::instance().add(made.get()));
  *watch = std::move(made);
  return {};
}

}  // namespace causeway
