// Staging: memory of the device in place of buffers that it cannot use as they are.
#pragma once

#include "buffers.hpp"
#include "device_backend.hpp"

#include <vector>

namespace causeway {

/// The first byte that blocks of a buffer have; null when they have none. A buffer's own address
/// need not be anywhere near.
const std::byte* first_byte(const void* buffer, std::span<const Extent> blocks);

/// Copies blocks that the device cannot address, or that would be overwritten before they are sent,
/// into memory of the device, where elements lie side by side, and received ones back. Its memory
/// grows with what it is asked for, and is kept for the next exchange.
class Staging {
 public:
  /// Fills *usable with buffers to exchange instead of `buffers`. What it refers to lives until the
  /// next call.
  Status begin(DeviceBackend& backend, const Buffers& buffers, Buffers* usable);

  /// After the exchange: copies what was received to where `buffers` wanted it.
  Status end(DeviceBackend& backend, const Buffers& buffers);

 private:
  struct Scratch {
    Memory memory;
    std::size_t bytes = 0;
    std::vector<Extent> blocks;  ///< where they lie in the memory; empty when it is not in use
  };
  enum class Direction { kIn, kOut };

  Status fill(DeviceBackend& backend, std::span<const Extent> blocks, const void* from,
              Scratch* scratch);
  Status move(DeviceBackend& backend, Direction direction, const void* buffer, const Extent& block,
              std::byte* scratch);
  Status move_on_host(DeviceBackend& backend, Direction direction, std::byte* elements,
                      const Extent& block, std::byte* scratch);

  Scratch send_;
  Scratch receive_;
  std::vector<std::byte> middle_;  ///< elements side by side, between host memory and the device's
};

}  // namespace causeway
