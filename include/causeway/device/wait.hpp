// What ends a wait besides the event waited for, and the record of why.
#pragma once

#include <causeway/device/network.hpp>

#include <type_traits>

namespace causeway::device {

/// Why an exchange did not do what was asked, in ascending order of gravity. After the first three
/// the communicator stays usable.
enum class Fault : std::uint32_t {
  kNone = 0,
  kTruncated,   ///< the peer sent, or was sent, more bytes than the receiver had asked for
  kMismatched,  ///< the peer sent a message with another tag
  kDeclined,    ///< the peer could not take part: its arguments were wrong, or it lacked memory
  kAborted,     ///< the abort word was set while this rank waited
  kTimedOut,    ///< the deadline of a wait passed
  kCorrupt,     ///< a record's header is not one that this library writes
  kOverlapped,  ///< two exchanges of one communicator ran at the same time
  kOutOfStep,   ///< the peer sent a message of another operation: their calls have another order
  kUnreadable,  ///< what the peer sent cannot be read where it lies
  kPeerEnded,   ///< a peer's process has ended; found by the host
  kLinkFailed,  ///< a network link to a peer is broken; found by the host
};

/// What a wait was for.
enum class WaitFor : std::uint32_t {
  kNothing = 0,
  kHeader,
  kPayload,
  kCredit,
  kPost,
  kPostRing,
  kWarp,
  kAnySource,
};

/// One fault: which, with whom, and how far the counts were. The host may look while a launch runs:
/// `complete` is released last, and makes the rest readable.
struct FaultReport {
  Fault fault;
  WaitFor wait_for;
  std::uint32_t peer;  ///< rank in the communicator, kNoRank where all are waited for
  std::uint32_t lane;
  std::uint64_t sequence;  ///< exchange of this pair, counted from the channel's start
  std::uint64_t needed;    ///< byte count waited for; kTruncated: bytes sent; kMismatched and
                           ///< kOutOfStep: tag that was asked for
  std::uint64_t reached;   ///< byte count seen; kTruncated: bytes asked for; kMismatched and
                           ///< kOutOfStep: tag that came, 0 where no message did;
                           ///< kUnreadable: the system's error number
  std::uint64_t complete;  ///< 1 when there is a report
};

CAUSEWAY_FN constexpr bool is_fatal(Fault fault) { return fault > Fault::kDeclined; }

/// Faults of one launch, by gravity, so that a light one never hides a grave one. The first to
/// claim a report writes it.
struct FaultReports {
  FaultReport truncated;
  FaultReport mismatched;
  FaultReport declined;
  FaultReport fatal;
};
struct FaultClaims {
  std::uint32_t truncated;
  std::uint32_t mismatched;
  std::uint32_t declined;
  std::uint32_t fatal;
};

/// No rank, in a failure word. Ranks take 28 bits there.
inline constexpr std::uint32_t kNoRank = (1U << 28) - 1;

/// A failed communicator's cause, the rank where it began and, for a link or a wait that took too
/// long, the rank at the other end, as abort words hold them; 0 is none.
CAUSEWAY_FN constexpr std::uint64_t failure_word(Fault cause, std::uint32_t rank,
                                                 std::uint32_t peer = kNoRank) {
  return (static_cast<std::uint64_t>(cause) << 56) | (static_cast<std::uint64_t>(peer) << 28) |
         rank;
}

/// What every wait of a launch polls besides its own word, and how it passes the time.
struct WaitControl {
  const std::uint64_t* abort_word = nullptr;    ///< nonzero: leave. Any thread or peer may set it.
  std::uint64_t* const* abort_words = nullptr;  ///< of all ranks in reach, this one's too
  std::uint32_t abort_word_count = 0;
  std::uint32_t rank = 0;           ///< this one, in the communicator
  FaultReports* reports = nullptr;  ///< host memory that the device can write
  FaultClaims* claims = nullptr;    ///< the device's own memory; zero while a report is free
  std::uint64_t timeout_ns = 0;     ///< longest single wait; 0 waits for ever
  std::uint32_t spins = 0;          ///< polls before the processor is given to others
  std::uint32_t yields = 4000;      ///< polls with sched_yield() between, before those with naps; a
                                    ///< yield that finds nobody else takes some 0.3 us
  void (*idle)() = nullptr;         ///< called by the host thread that waits, if any
  NetworkPort* port = nullptr;      ///< driven while host threads wait; null where there is none
};

/// Calls poll() until it returns true; false when that was given up, `fault` then says why. Called
/// by one thread.
CAUSEWAY_TEMPLATE
template <class Device, class Poll>
CAUSEWAY_FN bool poll_until(const WaitControl& control, Fault& fault, Poll&& poll) {
  typename Device::Pacer pacer(control);
  fault = Fault::kNone;
  // One call, whose code there is once then: what jumps less is fetched less.
  while (!poll()) {
    if (fault != Fault::kNone) return false;
    fault = pacer.pause();
  }
  return true;
}

namespace impl {

/// One look at a word. Not a lambda: of these nvcc checks calls that it cannot make.
template <class Device, class Until>
struct WordPoll {
  const std::uint64_t* word;
  Until& until;

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool operator()() const { return until(Device::load_acquire(word)); }
};

}  // namespace impl

/// Polls a word of this rank's memory until until(value) is true, and acquires what was released
/// with the value; false when the wait was given up, `fault` then says why. Called by one thread.
CAUSEWAY_TEMPLATE
template <class Device, class Until>
CAUSEWAY_FN bool wait_until(const std::uint64_t* word, const WaitControl& control, Fault& fault,
                            Until&& until) {
  return poll_until<Device>(control, fault,
                            impl::WordPoll<Device, std::remove_reference_t<Until>>{word, until});
}

namespace impl {

CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN void write_report(std::uint32_t* claim, FaultReport* place, const FaultReport& report) {
  if (!Device::claim(claim)) return;
  place->fault = report.fault;
  place->wait_for = report.wait_for;
  place->peer = report.peer;
  place->lane = report.lane;
  place->sequence = report.sequence;
  place->needed = report.needed;
  place->reached = report.reached;
  Device::store_release(&place->complete, 1);
}

/// Makes every wait of every rank in reach end. A failure that this rank was told of is passed on;
/// an earlier one stays the one that counts, but for one at this very moment.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN void fail_all(const WaitControl& control, const FaultReport& report) {
  const std::uint64_t told = Device::load_acquire(control.abort_word);
  const std::uint32_t peer = report.fault == Fault::kTimedOut ? report.peer : kNoRank;
  const std::uint64_t failure = told != 0 ? told : failure_word(report.fault, control.rank, peer);
  for (std::uint32_t i = 0; i < control.abort_word_count; ++i) {
    std::uint64_t* const word = control.abort_words[i];
    if (Device::load_acquire(word) == 0) Device::store_release(word, failure);
  }
}

}  // namespace impl

/// Records a fault unless one of its gravity is recorded already; a fatal one fails the
/// communicator on every rank in reach. Called by one thread.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN CAUSEWAY_CALL void report_fault(const WaitControl& control, const FaultReport& report) {
  FaultReports& reports = *control.reports;
  FaultClaims& claims = *control.claims;
  if (is_fatal(report.fault)) {
    impl::write_report<Device>(&claims.fatal, &reports.fatal, report);
    impl::fail_all<Device>(control, report);
  } else if (report.fault == Fault::kDeclined) {
    impl::write_report<Device>(&claims.declined, &reports.declined, report);
  } else if (report.fault == Fault::kMismatched) {
    impl::write_report<Device>(&claims.mismatched, &reports.mismatched, report);
  } else {
    impl::write_report<Device>(&claims.truncated, &reports.truncated, report);
  }
}

}  // namespace causeway::device
