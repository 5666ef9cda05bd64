// Planned exchanges by copy engines: whether all ranks may make one so, and which copies it is.
// Pure: no MPI, no device.
#pragma once

#include "memory.hpp"
#include "schedule.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace causeway {

/// Bytes that a rank copies to a rank, itself among them. The memory is the device's, as the rank
/// that copies addresses it.
struct PeerCopy {
  std::byte* to;
  const std::byte* from;
  std::uint64_t bytes;
};

/// The blocks of a planned exchange on all ranks.
class BlockTable {
 public:
  /// What a rank tells the others: of each rank's block bytes that it sends and asks for, and where
  /// in the plan's region, which begins at `region`, the latter go.
  static std::vector<std::uint64_t> row(std::span<const Extent> send,
                                        std::span<const Extent> receive, const std::byte* recvbuf,
                                        const std::byte* region);

  /// Of the rows of all ranks, in rank order.
  explicit BlockTable(std::size_t ranks) : ranks_(ranks), words_(ranks * ranks * kLists) {}
  std::uint64_t* words() { return words_.data(); }

  std::size_t ranks() const { return ranks_; }
  std::uint64_t sent(std::size_t from, std::size_t to) const { return at(from, 0, to); }
  std::uint64_t asked(std::size_t by, std::size_t of) const { return at(by, 1, of); }
  /// Where `by` has the block of `of`. Of empty blocks and layouts nothing is said.
  std::uint64_t place(std::size_t by, std::size_t of) const { return at(by, 2, of); }

 private:
  static constexpr std::size_t kLists = 3;

  std::uint64_t at(std::size_t rank, std::size_t list, std::size_t peer) const {
    return words_[(rank * kLists + list) * ranks_ + peer];
  }

  std::size_t ranks_;
  std::vector<std::uint64_t> words_;
};

/// What a rank says before all decide. Plain data.
struct EngineVote {
  bool possible;  ///< its blocks lie side by side, and it reaches all that it is to write to
  bool wanted;    ///< its tuner would have copy engines move every message that it sends peers
  bool sends;     ///< any bytes to peers
};

/// The vote of rank `self`, on a device with copy engines. `peers`, by rank, are the beginnings of
/// the plan's region as this rank addresses it; null where it does not.
EngineVote vote_on_engine(const ScheduleLimits& limits, int self, std::span<const Extent> send,
                          std::span<const Extent> receive, std::span<const Memory> peers);

/// Whether copy engines make the exchange: possible and wanted on all ranks, and there is something
/// for them to do. All ranks decide alike.
bool go_by_engine(std::span<const EngineVote> votes);

/// The copies of rank `self`, those to the ranks after it first, so that ranks begin with different
/// ones, and the one to itself last. Empty blocks have none.
std::vector<PeerCopy> engine_copies(const BlockTable& table, int self, const std::byte* sendbuf,
                                    std::span<const Extent> send, std::span<const Memory> peers);

/// Blocks of a small exchange, by rank.
struct Words {
  std::vector<Extent> send;
  std::vector<Extent> receive;
};

/// Bytes of a word from one rank to another, and of the memory that has those of a rank.
inline constexpr std::uint64_t kWordBytes = sizeof(std::uint64_t);
constexpr std::uint64_t words_bytes(std::size_t ranks) { return 2 * ranks * kWordBytes; }

/// The words that make copies safe: before them rank `self` tells those that send to it, and
/// afterwards those that it sends to. They lie in words_bytes() bytes of memory.
Words ready_words(const BlockTable& table, int self);
Words done_words(const BlockTable& table, int self);

}  // namespace causeway
