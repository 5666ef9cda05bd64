// The host device: CPU threads over memory that they share.
#pragma once

#include <causeway/device/channel.hpp>
#include <causeway/device/group.hpp>
#include <causeway/device/wait.hpp>

#include <sched.h>
#include <sys/uio.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace causeway::device {

/// Memory order, copies and waiting on CPU threads. Release and acquire are on the words
/// themselves, never by fences of their own, which ThreadSanitizer could not judge. Each function
/// is one thread's; words are naturally aligned.
struct HostDevice {
  /// Polls of the expected word between two checks for the alternatives. A poll may end in a nap.
  static constexpr std::uint32_t kRoundsPerLook = 1;

  static std::uint64_t load_acquire(const std::uint64_t* word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
  }
  static void store_release(std::uint64_t* word, std::uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
  }
  /// A word that this rank's threads share.
  static std::uint64_t load_near(const std::uint64_t* word) { return load_acquire(word); }
  static std::uint64_t load_cached(const std::uint64_t* word) { return load_acquire(word); }
  static void store_near(std::uint64_t* word, std::uint64_t value) { store_release(word, value); }
  /// A word that another rank stores, after an acquire of what released it.
  static std::uint64_t load_far(const std::uint64_t* word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
  }
  /// A word of another rank's that a later release makes known.
  static void store_far(std::uint64_t* word, std::uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
  }
  /// The flag is released after the data, and acquired before it.
  static void store_line(LlLine* line, std::uint64_t data, std::uint64_t flag) {
    line->data = data;
    store_release(&line->flag, flag);
  }
  /// True, with the line's data, when it has that flag.
  static bool load_line(const LlLine* line, std::uint64_t flag, std::uint64_t& data) {
    if (load_acquire(&line->flag) != flag) return false;
    data = line->data;
    return true;
  }
  /// Adds, and returns what was there before. Several threads may, at the same time.
  static std::uint64_t add(std::uint64_t* word, std::uint64_t value) {
    return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
  }
  /// True for the one caller that turns 0 into 1.
  static bool claim(std::uint32_t* word) {
    std::uint32_t expected = 0;
    return __atomic_compare_exchange_n(word, &expected, 1U, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
  }

  /// Copies bytes of non-overlapping memory. The host's groups are single threads.
  static void copy(const ThreadGroup&, void* to, const void* from, std::uint64_t bytes) {
    std::memcpy(to, from, bytes);
  }

  /// What read_process() returns of a process that has ended.
  static constexpr int kNoProcess = ESRCH;
  /// Copies bytes of another process, 0 being this one, by process_vm_readv(2). Returns 0 or the
  /// system's error number.
  static int read_process(std::int32_t process, void* to, const void* from, std::uint64_t bytes) {
    if (process == 0) {
      std::memcpy(to, from, bytes);
      return 0;
    }
    iovec local{to, bytes};
    iovec remote{const_cast<void*>(from), bytes};
    while (local.iov_len > 0) {
      const ssize_t got = process_vm_readv(process, &local, 1, &remote, 1, 0);
      if (got < 0) return errno;
      if (got == 0) return EFAULT;
      for (iovec* const rest : {&local, &remote}) {
        rest->iov_base = static_cast<std::byte*>(rest->iov_base) + got;
        rest->iov_len -= static_cast<std::size_t>(got);
      }
    }
    return 0;
  }

  static void post(NetworkPort& port, const NetworkPost& post, const WaitControl&) {
    port.post(port, post);
  }

  /// Spins, then yields, then sleeps, and looks at the abort word and the clock as it does.
  class Pacer {
   public:
    explicit Pacer(const WaitControl& control) : control_(control) {}

    Fault pause() {
      if (control_.port != nullptr) control_.port->drive(*control_.port);
      const std::uint32_t round = rounds_++;
      if (control_.idle != nullptr && round % kSpinsPerLook == kSpinsPerLook - 1) control_.idle();
      if (round < control_.spins) {
        relax();
        if (round % kSpinsPerLook != 0) return Fault::kNone;
      } else if (round - control_.spins < control_.yields) {
        sched_yield();
      } else {
        rounds_ = round;
        if (control_.idle != nullptr) control_.idle();
        std::this_thread::sleep_for(nap_);
        if (nap_ < kLongestNap) nap_ *= 2;
      }
      if (load_acquire(control_.abort_word) != 0) return Fault::kAborted;
      if (round < control_.spins || control_.timeout_ns == 0) return Fault::kNone;
      return late() ? Fault::kTimedOut : Fault::kNone;
    }

   private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::uint32_t kSpinsPerLook = 64;
    static constexpr std::chrono::microseconds kLongestNap{200};

    static void relax() {
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("yield");
#endif
    }

    bool late() {
      const Clock::time_point now = Clock::now();
      if (since_ == Clock::time_point{}) since_ = now;
      return now - since_ > std::chrono::nanoseconds(control_.timeout_ns);
    }

    const WaitControl& control_;
    std::uint32_t rounds_ = 0;
    std::chrono::microseconds nap_{10};
    Clock::time_point since_{};
  };
};

}  // namespace causeway::device
