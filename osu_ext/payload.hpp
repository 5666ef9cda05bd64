// The bytes that validation sends and expects, and the check of what arrived.
#pragma once

#include "pattern.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace causeway::osu {

/// The first byte of a buffer that is not what it should be.
struct WrongByte {
  std::size_t block = 0;
  std::ptrdiff_t offset = 0;  ///< from the start of the block; outside it for a guard
  bool guard = false;
  unsigned expected = 0;
  unsigned got = 0;
};

/// What the bytes of one call depend on besides source, destination, occurrence and offset. All
/// ranks pass the same seed and call.
struct Stamp {
  std::uint64_t seed = 0;
  std::uint64_t call = 0;
};

/// Writes what `rank` sends in this call, and the guards. Blocks that do not move are guards.
void write_sent(std::byte* buffer, const Blocks& blocks, int rank, Stamp stamp);

/// Makes every byte that `rank` is about to receive differ from what should arrive, and writes the
/// guards.
void spoil_received(std::byte* buffer, const Blocks& blocks, int rank, Stamp stamp);

/// Compares every byte of the buffer, computed anew from what it depends on.
[[nodiscard]] std::optional<WrongByte> find_wrong_byte(const std::byte* buffer,
                                                       const Blocks& blocks, int rank, Stamp stamp);

}  // namespace causeway::osu
