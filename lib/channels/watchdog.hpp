// The watchdog: tells communicators that a process which they exchange with has ended.
#pragma once

#include "status.hpp"

#include <sys/types.h>

#include <functional>
#include <memory>

namespace causeway {

/// Holds a watch; ends it when destroyed, and then on_end neither runs nor will.
class Watch {
 public:
  Watch(pid_t pid, std::function<void()> on_end);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  friend class Watchdog;
  const pid_t pid_;
  const std::function<void()> on_end_;
};

/// Watches a process of this host and PID namespace. When it has ended, however it did,
/// on_end runs once, on the watchdog's thread; it does not wait and does not touch the watch. The
/// process is alive when this is called. Any thread; one watchdog thread serves the process.
Status watch_process(pid_t pid, std::function<void()> on_end, std::unique_ptr<Watch>* watch);

}  // namespace causeway
