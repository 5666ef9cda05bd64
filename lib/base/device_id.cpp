// What runs a communicator's exchanges, and which GPU it is.
#include "device_id.hpp"

#include <cstddef>
#include <cstdio>

namespace causeway {

std::string GpuId::text() const {
  std::string result = "GPU-";
  for (std::size_t i = 0; i < sizeof bytes; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", bytes[i]);
    if (i == 4 || i == 6 || i == 8 || i == 10) result += '-';
    result += digits;
  }
  return result;
}

}  // namespace causeway
