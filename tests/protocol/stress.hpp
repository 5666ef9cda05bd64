// Stress: many random exchanges of any operation on two communicators, every byte checked.
#pragma once

#include <extent.hpp>
#include <pattern.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace causeway::test {

struct StressOptions {
  std::uint64_t exchanges = 100000;
  std::uint64_t ring_bytes = 65536;
  std::uint64_t start_count = (std::uint64_t{1} << 32) - 4096;
  std::uint64_t seed = 0;
  int ranks = 4;  ///< of programs that start their ranks themselves
};

/// Reads --exchanges, --ring, --start, --seed and --ranks, all with numbers; false, with a message,
/// when something else is given.
bool parse_stress_options(int argc, char** argv, StressOptions* options);

/// The blocks of an exchange, by rank, and the pattern that says which of them are exchanged; null
/// for an alltoallv, else of one round. Blocks that are not exchanged have no bytes.
struct StressBlocks {
  std::span<const Extent> send;
  std::span<const Extent> receive;
  const Pattern* pattern;
};

/// Exchanges on communicator 0 or 1; an error's text, or nothing. Blocks to send lie in `pool`, and
/// those to receive in `received`, which stay the same; all of `received` but what arrives has to
/// keep its content.
using StressExchange =
    std::function<std::string(int communicator, std::span<const std::byte> pool,
                              std::span<std::byte> received, const StressBlocks& blocks)>;

/// Whether a communicator's `call`th exchange, from 1 on, is to be in registered memory. The same
/// on all ranks, so that it may be registered, or no more, before an exchange.
constexpr bool is_registered(std::uint64_t call) { return call / 16 % 2 == 1; }

struct StressResult {
  std::uint64_t exchanges = 0;
  std::uint64_t bytes = 0;         ///< received
  std::uint64_t fewest_wraps = 0;  ///< of any ring that this rank receives through
  std::string problem;             ///< first thing that went wrong; empty if nothing did
};

/// One rank's part. ranks_of[c] is the rank that this process has on communicator c. Sizes are
/// log-uniform from 0 to four rings. What is sent is a piece of a pool of random bytes that all
/// ranks have, so that what should arrive is known without asking.
StressResult run_stress(const StressOptions& options, const int (&ranks_of)[2], int ranks,
                        const StressExchange& exchange);

}  // namespace causeway::test
