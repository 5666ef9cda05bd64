// Extent: a block of a user's buffer.
#pragma once

#include <cstdint>

namespace causeway {

/// A contiguous block, in bytes from its buffer's address.
struct Extent {
  std::int64_t offset;
  std::uint64_t bytes;
};

}  // namespace causeway
