// What runs a communicator's exchanges, and which GPU it is.
#pragma once

#include <cstdint>
#include <string>

namespace causeway {

enum class DeviceKind : std::uint32_t { kHost = 1, kCuda = 2 };

/// A GPU's UUID, the same in every process, whatever number it has there; zeros for none.
struct GpuId {
  unsigned char bytes[16];

  bool operator==(const GpuId&) const = default;
  /// As nvidia-smi -L prints it.
  std::string text() const;
};

}  // namespace causeway
