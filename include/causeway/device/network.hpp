// Network links, as devices see them: what is posted, and the port that takes it.
#pragma once

#include <causeway/device/platform.hpp>

namespace causeway::device {

/// Bytes that a network link publishes at once, and the word that says so. Offsets count in the
/// block of memory that both ends of a channel have a copy of.
struct NetworkPost {
  struct Range {
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  static constexpr std::uint32_t kMostRanges = 4;

  const std::byte* block;  ///< this rank's copy; not written again before the peer has taken it
  std::uint32_t peer;      ///< rank in the communicator
  std::uint32_t lane;
  bool outgoing;         ///< from the sender of the channel to the receiver, or back
  std::uint32_t ranges;  ///< of bytes to be copied into the peer's block
  Range range[kMostRanges];
  std::uint64_t word_offset;
  std::uint64_t value;  ///< stored there, released after the bytes
};

/// Takes posts of host threads and carries them to the peers, each peer's in order. Implemented by
/// the library. Any thread may call it.
struct NetworkPort {
  /// Takes a post. Never waits.
  void (*post)(NetworkPort& port, const NetworkPost& post);
  /// Moves on what is under way, in either direction. Never waits.
  void (*drive)(NetworkPort& port);
};

}  // namespace causeway::device
