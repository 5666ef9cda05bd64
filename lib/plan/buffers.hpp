// Buffers: what a user's call exchanges.
#pragma once

#include "extent.hpp"

#include <span>

namespace causeway {

/// The blocks of one alltoallv: send[j] of sendbuf goes to rank j, and what rank i sends goes to
/// receive[i] of recvbuf. Both lists have an entry for every rank.
struct Buffers {
  const void* sendbuf;
  std::span<const Extent> send;
  void* recvbuf;
  std::span<const Extent> receive;
  bool in_place;  ///< blocks are taken from where they are received; sendbuf and send do not count
};

}  // namespace causeway
