// Random alltoallvs on one rank, every byte and every guard byte checked.
#pragma once

#include "blocks.hpp"
#include "thread_ranks.hpp"

#include <gtest/gtest.h>
#include <communicator.hpp>

#include <functional>
#include <string>

namespace causeway::test {

/// The arguments of an exchange from and to host memory.
inline Buffers arguments_of(const Buffer& send, Buffer& receive) {
  return {send.bytes.data(), send.blocks, receive.bytes.data(), receive.blocks, false};
}

/// Exchanges what `send` holds so that `receive` holds what arrived; the last is the rank's own
/// source of random choices.
using Exchanger = std::function<Status(Communicator&, Buffer& send, Buffer& receive, Random&)>;

/// Exchanges the buffers as they are, in host memory.
inline Status exchange_host_memory(Communicator& communicator, Buffer& send, Buffer& receive,
                                   Random&) {
  return communicator.exchange(arguments_of(send, receive));
}

/// One exchange of counts[from][to] bytes, number `e`, every byte checked.
inline void exchange_once(Communicator& communicator, Random& own, const Counts& counts,
                          std::uint64_t e, const Exchanger& exchange = exchange_host_memory) {
  const int rank = communicator.rank();
  Buffer send(own, counts[static_cast<std::size_t>(rank)]);
  Buffer receive(own, column(counts, rank));
  send.fill(e, rank);
  const Status status = exchange(communicator, send, receive, own);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(receive.wrong_bytes(e, rank, column(counts, rank)), 0U)
      << "rank " << rank << ", exchange " << e;
}

/// Runs `exchanges` random exchanges of up to `most` bytes a block; every rank draws the same
/// counts.
inline void exchange_at_random(Communicator& communicator, std::uint64_t seed, int exchanges,
                               std::uint64_t most,
                               const Exchanger& exchange = exchange_host_memory) {
  Random shared(seed);
  Random own(seed + 1 + static_cast<std::uint64_t>(communicator.rank()));
  for (int e = 0; e < exchanges; ++e) {
    exchange_once(communicator, own, random_counts(shared, communicator.size(), most),
                  static_cast<std::uint64_t>(e), exchange);
    if (testing::Test::HasFatalFailure()) return;
  }
}

/// Random exchanges on a communicator, as suites of such are made of.
struct Shape {
  const char* name;
  int ranks;
  Settings settings;
  std::uint64_t most;  ///< bytes of a block
  int exchanges;
};

inline std::string name_of(const testing::TestParamInfo<Shape>& shape) { return shape.param.name; }

}  // namespace causeway::test
