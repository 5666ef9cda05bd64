// Extent: a block of a user's buffer.
#pragma once

#include "layout.hpp"

#include <cstdint>

namespace causeway {

/// A block that begins `offset` bytes from its buffer's address: contiguous, or else whole elements
/// of a layout. `bytes` are those that a message has.
struct Extent {
  std::int64_t offset;
  std::uint64_t bytes;
  LayoutRef layout = nullptr;
};

}  // namespace causeway
