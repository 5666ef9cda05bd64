// start_thread: the library's own threads, which leave the program's signals to the program.
#pragma once

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace causeway::kernels {

/// Blocks in the calling thread, while this lives, every signal that another process or thread may
/// send; threads that it starts meanwhile inherit that. Faults of the thread itself (SIGSEGV and
/// its like) stay open: programs that catch them, to keep track of what is written or to say where
/// they crashed, catch those of the library's threads too.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
      sigdelset(&blocked, fault);
    }
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

/// Starts a thread that takes no signal that is sent to the process. `name`, of at most 15
/// characters, is what debuggers and /proc call it. Throws std::system_error where no thread can be
/// had.
template <class Body>
std::thread start_thread(const char* name, Body&& body) {
  const BlockedSignals blocked;
  return std::thread([name, body = std::forward<Body>(body)]() mutable {
    pthread_setname_np(pthread_self(), name);
    body();
  });
}

}  // namespace causeway::kernels
