// KeptHandlers: the program's signal handlers, kept from a library that installs its own.
#pragma once

#include <thread_start.hpp>

#include <array>
#include <csignal>

namespace causeway {

/// While this lives, the calling thread takes no signals, and neither will threads that are started
/// from it; at the end, signals whose handlers have become UCX's meanwhile, and the thread's signal
/// stack, are as they were before.
class KeptHandlers {
 public:
  KeptHandlers();
  ~KeptHandlers();
  KeptHandlers(const KeptHandlers&) = delete;
  KeptHandlers& operator=(const KeptHandlers&) = delete;

 private:
  kernels::BlockedSignals blocked_;
  std::array<struct sigaction, NSIG> actions_{};  ///< by signal
  std::array<bool, NSIG> known_{};
  stack_t stack_{};
};

}  // namespace causeway
