// Buffers: what a user's call exchanges.
#pragma once

#include "extent.hpp"
#include "pattern.hpp"

#include <cstdint>
#include <span>

namespace causeway {

/// The blocks of one exchange: those of sendbuf, and where what comes goes in recvbuf. A pattern
/// says whom each is for or from.
struct Buffers {
  const void* sendbuf;
  std::span<const Extent> send;
  void* recvbuf;
  std::span<const Extent> receive;
  bool in_place;  ///< blocks are taken from where they are received; sendbuf and send do not count
  const Pattern* pattern = nullptr;  ///< null for an alltoallv of all ranks; the caller's until the
                                     ///< exchange is over, or the plan made
  std::uint64_t likeness = 0;  ///< if not 0: those with this number have equal blocks and patterns
};

}  // namespace causeway
