// Failure: why a communicator can no longer be used, as one word that ranks share.
#pragma once

#include "status.hpp"

#include <causeway/device/wait.hpp>

#include <cstdint>
#include <string>

namespace causeway {

/// A failed communicator's cause and the rank where it began, packed into an abort word. The word 0
/// means that nothing has failed.
struct Failure {
  static constexpr int kNobody = static_cast<int>(device::kNoRank);

  device::Fault cause;
  int rank;
  int peer = kNobody;  ///< at the other end of a link that failed, or waited for in vain

  std::uint64_t word() const {
    return device::failure_word(cause, static_cast<std::uint32_t>(rank),
                                static_cast<std::uint32_t>(peer));
  }
  static Failure from(std::uint64_t word) {
    return {static_cast<device::Fault>(word >> 56), static_cast<int>(word & device::kNoRank),
            static_cast<int>(word >> 28 & device::kNoRank)};
  }
};

/// Sets an abort word unless it is set already: the first failure is the one that counts.
void set_abort_word(std::uint64_t* word, Failure failure);

std::uint64_t read_abort_word(const std::uint64_t* word);

/// The error that exchanges on `rank` return from now on.
Status failure_status(Failure failure, int rank);

/// What a wait that was given up was for, and how far it had come.
std::string describe_wait(const device::FaultReport& report);

/// What a launch on `rank` reported, as an error. A fault that was only passed on to this rank
/// reads as the failure in its abort word.
Status fault_status(const device::FaultReport& report, int rank, std::uint64_t abort_word);

}  // namespace causeway
