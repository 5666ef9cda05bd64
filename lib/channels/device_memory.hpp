// DeviceMemory: memory of the device that runs a communicator's exchanges.
#pragma once

#include "device_id.hpp"
#include "memory.hpp"
#include "status.hpp"
#include "topology.hpp"

#include <cstddef>
#include <cstdint>

namespace causeway {

/// How the other ranks of a host find memory. Plain data.
struct MemoryOffer {
  int descriptor;        ///< of shared memory, in the owner's process; -1 for GPU memory
  int ordinal;           ///< of the GPU in the owner's process; -1 for shared memory
  std::uint64_t offset;  ///< of the memory in its allocation
  std::uint64_t allocation_bytes;
  unsigned char handle[64];  ///< of GPU memory: a cudaIpcMemHandle_t
  GpuId gpu;                 ///< that the memory is on
};

/// Blocks of one length to be copied, those of either side at one distance.
struct BlockCopy {
  std::byte* to;
  std::int64_t to_stride;
  const std::byte* from;
  std::int64_t from_stride;
  std::size_t bytes;  ///< of a block
  std::size_t blocks;

  std::byte* target(std::size_t i) const { return to + static_cast<std::int64_t>(i) * to_stride; }
  const std::byte* source(std::size_t i) const {
    return from + static_cast<std::int64_t>(i) * from_stride;
  }
};

/// What channels need of a device. Calls come from any thread, one at a time for each communicator.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;

  virtual DeviceKind kind() const = 0;

  /// Makes memory of zeros that peers can open.
  virtual Status create_segment(std::size_t bytes, Memory* segment, MemoryOffer* offer) = 0;

  /// Offers memory that users have made. kUnsupported where no other process can open it, and
  /// kArgument where it is more than one allocation.
  virtual Status export_memory(const void* base, std::size_t bytes, MemoryOffer* offer) = 0;

  /// Opens the memory that another process of this host offers.
  virtual Status open_memory(const Place& owner, const MemoryOffer& offer, Memory* memory) = 0;

  /// Whether exchanges can store to memory that another rank of this process has.
  virtual bool reaches(const void* address) const = 0;

  /// Makes memory of another rank of this process accessible, which may lie on another device.
  virtual Status enable_access(const MemoryOffer& offer) = 0;

  /// For when every peer has opened what this rank offers.
  virtual void withdraw(const MemoryOffer& offer) = 0;

  /// Makes memory of zeros for this rank's own tables.
  virtual Status allocate(std::size_t bytes, Memory* memory) = 0;

  /// Copies between memory of the host and of the device, and returns when it is done.
  virtual Status copy(const BlockCopy& copy) = 0;
  Status copy(void* to, const void* from, std::size_t bytes) {
    return copy(BlockCopy{static_cast<std::byte*>(to), 0, static_cast<const std::byte*>(from), 0,
                          bytes, 1});
  }

  /// Makes page-aligned host memory accessible to the device under *as_seen, which keeps it so.
  virtual Status map_host_memory(const Memory& memory, std::size_t bytes, Memory* as_seen) = 0;

  /// Keeps memory of allocate() that graphs read which hold exchanges, as long as these live,
  /// whoever else lets go of it.
  virtual void keep_for_graphs(const Memory& memory) = 0;
};

}  // namespace causeway
