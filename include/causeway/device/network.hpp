// Network links, as devices see them: what is posted, and the port that takes it.
#pragma once

#include <causeway/device/platform.hpp>

namespace causeway::device {

struct WaitControl;

/// Bytes that a network link publishes at once, and the word that says so. Both ends of a channel
/// have a copy of its block: a line of words that the other end writes, then the ring. Offsets
/// count in it.
struct NetworkPost {
  struct Range {
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  static constexpr std::uint32_t kMostRanges = 4;
  static constexpr std::uint64_t kWords = 0;
  static constexpr std::uint64_t kRing = kLineBytes;

  std::uint32_t peer;  ///< rank in the communicator
  std::uint32_t lane;
  std::uint32_t outgoing;  ///< 1 from the sender of the channel to the receiver, 0 back
  std::uint32_t ranges;    ///< of bytes to be copied from this rank's ring into the peer's; this
                           ///< rank does not write there before the peer has taken them
  Range range[kMostRanges];
  std::uint64_t word_offset;
  std::uint64_t value;  ///< stored there, released after the bytes
};

/// A place in a ring of posts.
struct alignas(kLineBytes) PostSlot {
  NetworkPost post;
  std::uint64_t turn;  ///< one more than the post's ticket, released by who has written it
};
static_assert(sizeof(PostSlot) == kLineBytes);

/// Posts of a device whose threads cannot call the library: they take tickets and write the slots
/// in their turn, see post_ring.hpp, and the library takes the posts out in the order of the
/// tickets.
struct PostRing {
  PostSlot* slots;         ///< [capacity], host memory that the device addresses; zeros at first
  std::uint64_t capacity;  ///< a power of two
  const std::uint64_t* taken;  ///< host memory: posts that have been taken out
  std::uint64_t* tickets;      ///< memory of the device: posts that were begun
  std::uint64_t* seen;         ///< memory of the device: a value of *taken, not always the last
};

/// Takes posts and carries them to the peers, each peer's in order. Implemented by the library.
/// Host threads call the functions, any number at a time; other devices use the ring of posts.
struct NetworkPort {
  /// Takes a post. Never waits.
  void (*post)(NetworkPort& port, const NetworkPost& post);
  /// Moves on what is under way, in either direction. Never waits.
  void (*drive)(NetworkPort& port);
  PostRing posts;
};

}  // namespace causeway::device
