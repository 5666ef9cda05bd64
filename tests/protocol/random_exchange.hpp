// Random alltoallvs on one rank, every byte and every guard byte checked.
#pragma once

#include "blocks.hpp"

#include <gtest/gtest.h>
#include <communicator.hpp>

#include <functional>

namespace causeway::test {

/// Exchanges what `send` holds so that `receive` holds what arrived; the last is the rank's own
/// source of random choices.
using Exchanger = std::function<Status(Communicator&, Buffer& send, Buffer& receive, Random&)>;

/// Exchanges the buffers as they are, in host memory.
inline Status exchange_host_memory(Communicator& communicator, Buffer& send, Buffer& receive,
                                   Random&) {
  return communicator.alltoallv(
      {send.bytes.data(), send.blocks, receive.bytes.data(), receive.blocks, false});
}

/// Runs `exchanges` random exchanges of up to `most` bytes a block; every rank draws the same
/// counts.
inline void exchange_at_random(Communicator& communicator, std::uint64_t seed, int exchanges,
                               std::uint64_t most,
                               const Exchanger& exchange = exchange_host_memory) {
  const int rank = communicator.rank();
  Random shared(seed);
  Random own(seed + 1 + static_cast<std::uint64_t>(rank));
  for (int e = 0; e < exchanges; ++e) {
    const auto number = static_cast<std::uint64_t>(e);
    const Counts counts = random_counts(shared, communicator.size(), most);
    Buffer send(own, counts[static_cast<std::size_t>(rank)]);
    Buffer receive(own, column(counts, rank));
    send.fill(number, rank);
    const Status status = exchange(communicator, send, receive, own);
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_EQ(receive.wrong_bytes(number, rank, column(counts, rank)), 0U)
        << "rank " << rank << ", exchange " << e;
  }
}

}  // namespace causeway::test
