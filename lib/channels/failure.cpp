// Failure: why a communicator can no longer be used, as one word that ranks share.
#include "failure.hpp"

#include <args.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace causeway {

namespace {

const char* describe(device::WaitFor what) {
  switch (what) {
    case device::WaitFor::kHeader:
      return "a message";
    case device::WaitFor::kPayload:
      return "the rest of a message";
    case device::WaitFor::kCredit:
      return "room in its ring";
    case device::WaitFor::kPost:
      return "word of how much it takes";
    case device::WaitFor::kPostRing:
      return "room in this rank's ring of posts";
    case device::WaitFor::kWarp:
      return "threads of this rank to store together";
    case device::WaitFor::kAnySource:
      return "a message from any source";
    case device::WaitFor::kNothing:
      break;
  }
  return "nothing";
}

}  // namespace

void set_abort_word(std::uint64_t* word, Failure failure) {
  std::uint64_t expected = 0;
  __atomic_compare_exchange_n(word, &expected, failure.word(), false, __ATOMIC_ACQ_REL,
                              __ATOMIC_ACQUIRE);
}

std::uint64_t read_abort_word(const std::uint64_t* word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

Status failure_status(Failure failure, int rank) {
  if (failure.cause == device::Fault::kLinkFailed) {
    return Status::error(ErrorKind::kFailed,
                         "rank %d: the communicator has failed: the network link between rank %d "
                         "and rank %d is broken",
                         rank, failure.rank, failure.peer);
  }
  std::string what = "found corrupt data";
  if (failure.cause == device::Fault::kAborted) what = "was aborted";
  if (failure.cause == device::Fault::kTimedOut) {
    what = "waited too long (CAUSEWAY_TIMEOUT) for ";
    what += failure.peer == Failure::kNobody ? "the other ranks"
                                             : "rank " + std::to_string(failure.peer);
  }
  if (failure.cause == device::Fault::kPeerEnded) what = "has ended, or was killed";
  if (failure.cause == device::Fault::kOverlapped) what = "ran two exchanges at the same time";
  if (failure.cause == device::Fault::kOutOfStep) what = "got a message of another operation";
  if (failure.cause == device::Fault::kUnreadable) what = "cannot read what it was sent";
  return Status::error(ErrorKind::kFailed, "rank %d: the communicator has failed: rank %d %s", rank,
                       failure.rank, what.c_str());
}

std::string describe_wait(const device::FaultReport& report) {
  if (report.peer == device::kNoRank) return describe(report.wait_for);
  char text[160];
  std::snprintf(text, sizeof text,
                "rank %u: for %s, lane %u, exchange %" PRIu64 ", count %" PRIu64 " of %" PRIu64,
                report.peer, describe(report.wait_for), report.lane, report.sequence,
                report.reached, report.needed);
  return text;
}

/// What a message with a tag is of.
std::string describe_message(std::uint64_t tag) {
  const auto number = static_cast<std::uint32_t>(tag);
  if (device::is_announced(number)) {
    return "a message with tag " + std::to_string(number & ~device::kAnnounced);
  }
  switch (static_cast<kernels::Operation>(number)) {
    case kernels::Operation::kAlltoallv:
      return "one of an alltoallv";
    case kernels::Operation::kNeighbor:
      return "one of a neighbour exchange";
    default:
      return "none";
  }
}

Status fault_status(const device::FaultReport& report, int rank, std::uint64_t abort_word) {
  using device::Fault;
  const int peer = static_cast<int>(report.peer);
  switch (report.fault) {
    case Fault::kNone:
      return {};
    case Fault::kTruncated:
      if (report.reached == 0 && report.wait_for == device::WaitFor::kCredit) {
        return Status::error(ErrorKind::kTruncated,
                             "rank %d sends %" PRIu64 " bytes to rank %d, which asked for none",
                             rank, report.needed, peer);
      }
      return Status::error(ErrorKind::kTruncated,
                           "rank %d was sent %" PRIu64 " bytes by rank %d and asked for %" PRIu64,
                           rank, report.needed, peer, report.reached);
    case Fault::kMismatched:
      return Status::error(ErrorKind::kTag, "rank %d asked rank %d for %s and got %s", rank, peer,
                           describe_message(report.needed).c_str(),
                           describe_message(report.reached).c_str());
    case Fault::kDeclined:
      return Status::error(ErrorKind::kPeer,
                           "rank %d got nothing from rank %d, which could not take part: its own "
                           "call says why",
                           rank, peer);
    case Fault::kAborted:
    case Fault::kPeerEnded:
    case Fault::kLinkFailed:
      return failure_status(Failure::from(abort_word), rank);
    case Fault::kTimedOut:
      return Status::error(ErrorKind::kFailed, "rank %d waited too long (CAUSEWAY_TIMEOUT) for %s",
                           rank, describe_wait(report).c_str());
    case Fault::kCorrupt:
      return Status::error(ErrorKind::kFailed,
                           "rank %d found a corrupt message header from rank %d: lane %u, exchange "
                           "%" PRIu64 ", position %" PRIu64,
                           rank, peer, report.lane, report.sequence, report.needed);
    case Fault::kOutOfStep:
      return Status::error(
          ErrorKind::kFailed,
          "rank %d asked rank %d for %s and got %s: the two do not make their calls "
          "in the same order",
          rank, peer, describe_message(report.needed).c_str(),
          describe_message(report.reached).c_str());
    case Fault::kUnreadable:
      return Status::error(ErrorKind::kFailed,
                           "rank %d cannot read what rank %d sends in its memory "
                           "(process_vm_readv: %s); with CAUSEWAY_CMA=no it need not",
                           rank, peer, std::strerror(static_cast<int>(report.reached)));
    case Fault::kOverlapped:
      return Status::error(
          ErrorKind::kFailed,
          "rank %d ran two exchanges of one communicator at the same time: captured "
          "exchanges have to be ordered, after each other and after other calls",
          rank);
  }
  return Status::error(ErrorKind::kFailed, "rank %d: unknown fault", rank);
}

}  // namespace causeway
