// What causeway-tune needs of the device that runs exchanges.
#pragma once

#include <status.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace causeway::tune {

class Device {
 public:
  virtual ~Device() = default;

  /// For people.
  virtual std::string name() const = 0;
  /// Copies from and to memory of MPIX_Mem_alloc or of the process.
  virtual Status copy(void* to, const void* from, std::size_t bytes) = 0;
  /// Returns when what was started on the null stream is done.
  virtual Status wait() = 0;
};

std::unique_ptr<Device> make_host_device();

/// Makes the GPU of the rank that is number `rank_here` on its host the current one; null, with the
/// reason in *why, where there is none.
std::unique_ptr<Device> make_cuda_device(int rank_here, std::string* why);

}  // namespace causeway::tune
