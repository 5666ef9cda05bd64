// Exchanges of equal messages under different rules: checked, and timed in turns.
#pragma once

#include "choices.hpp"
#include "device.hpp"

#include <mpi.h>

#include <csignal>
#include <cstddef>
#include <vector>

namespace causeway::tune {

/// What a rank measures with. Calls are collective over the communicator, but for the constructor.
/// An error of MPI's or causeway's in the middle of exchanges ends the job: others may wait.
class Measurement {
 public:
  /// `comm` is attached, and runs exchanges on `device`; *stop becomes other than 0 on any rank to
  /// end a measurement on all.
  Measurement(MPI_Comm comm, DeviceKind kind, Device& device,
              const volatile std::sig_atomic_t* stop);
  ~Measurement();
  Measurement(const Measurement&) = delete;
  Measurement& operator=(const Measurement&) = delete;

  /// Whether any pair of ranks is linked so, by the hosts that MPI sees.
  bool has_link(device::LinkKind link) const { return link == kMemory ? any_near_ : any_far_; }

  /// Gets memory for messages of up to `bytes` bytes to every rank. An error is every rank's.
  Status allocate(std::uint64_t bytes);

  enum class Outcome { kDone, kStopped };
  /// Tries all candidates for a cell in about `seconds` seconds. A wrong byte is every rank's
  /// error, kFailed.
  Status measure(const Cell& cell, double seconds, Finding* finding, Outcome* outcome);

 private:
  static constexpr device::LinkKind kMemory = device::LinkKind::kMemory;
  class Plan;

  /// The most of all ranks: of a window, of the time since a measurement began, and whether to
  /// stop.
  struct Agreed {
    double window;
    double elapsed;
    double stop;
  };

  void require(const char* call, int code) const;
  void require(const Status& status) const;
  Agreed agree(double window) const;
  Agreed time(const Plan& plan, int calls) const;
  Status check(const Plan& plan, const std::string& of);
  int partner_on(device::LinkKind link) const;
  void lay_out(const Cell& cell);
  bool measure_turns(const std::vector<std::size_t>& who, int calls, double until, int least,
                     int most);

  MPI_Comm comm_;
  DeviceKind kind_;
  Device& device_;
  const volatile std::sig_atomic_t* stop_;
  int rank_ = 0;
  int size_ = 1;
  std::vector<int> hosts_;  ///< by rank: the first rank of its host
  bool any_near_ = false;
  bool any_far_ = false;
  void* sent_ = nullptr;
  void* received_ = nullptr;
  std::vector<MPI_Count> counts_;
  std::vector<MPI_Aint> places_;
  int partner_ = MPI_PROC_NULL;  ///< of this rank, in cells of sendrecv
  std::vector<std::byte> got_;
  std::vector<std::byte> expected_;
  std::vector<std::byte> spoiled_;  ///< no byte of it is one that is expected
  double begun_ = 0;
  std::vector<std::unique_ptr<Plan>> plans_;  ///< of the table in force, then of the candidates
  std::vector<std::vector<double>> seconds_;  ///< of an exchange, by plan and window
};

}  // namespace causeway::tune
