// Random exchanges that are made many times, in every way that the device takes them.
#pragma once

#include "blocks.hpp"
#include "gpu_memory.hpp"
#include "traffic.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace causeway::test {

/// One rank's part of an exchange with random blocks, datatypes and displacements, in memory of the
/// device: of MPIX_Mem_alloc or other. The communicator has to be attached.
class Repeated {
 public:
  enum class By { kCall, kStream, kPlan };

  /// Collective over comm. `random` is equal on all ranks before and after.
  Repeated(MPI_Comm comm, Random& random, std::uint64_t most_bytes);
  /// Collective where there is a plan, which it frees.
  ~Repeated();
  Repeated(const Repeated&) = delete;
  Repeated& operator=(const Repeated&) = delete;

  /// Collective: plans it, with either entry point; what the call was given is gone afterwards.
  int plan();
  /// Collective.
  int free_plan();

  /// Lets it receive elsewhere, in so many bytes. Not while there is a plan.
  std::size_t receive_bytes() const { return receive_.memory.size(); }
  void receive_at(std::byte* address) { received_ = address; }
  void receive_in_own_memory() { received_ = own_received_.data(); }

  /// Puts other bytes into both buffers.
  void change();

  /// Collective. Unless it was a call, the stream has to be waited for.
  int make(By by, void* stream);

  /// Collective: begins it in the background.
  int begin(MPI_Request* request);

  /// Collective, after one that was made: fails unless MPI_Alltoallv leaves the same bytes in all
  /// of the receiving memory.
  ::testing::AssertionResult is_like_mpi();

  /// Collective: all three.
  ::testing::AssertionResult run(By by, const DeviceStream& stream);

 private:
  Repeated(MPI_Comm comm, Random& random, const Unit& unit, std::uint64_t most_bytes);
  Repeated(MPI_Comm comm, Random& random, const Unit& unit, const Matrix& units);

  void* receive_buffer() const { return received_ + receive_.origin; }
  const void* send_buffer() const { return sent_.data() + send_.origin; }

  MPI_Comm comm_;
  Random own_;  ///< of this rank alone
  Side send_;
  Side receive_;
  std::vector<int> sdispls_;  ///< blocks of nothing point nowhere
  std::vector<int> rdispls_;
  DeviceMemory sent_;
  DeviceMemory own_received_;
  std::byte* received_;
  MPIX_Plan plan_ = MPIX_PLAN_NULL;
};

/// A random kind of memory.
DeviceMemory::Of random_memory(Random& random);

}  // namespace causeway::test
