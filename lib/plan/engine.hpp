// Planned exchanges by copy engines: whether all ranks may make one so, and which copies it is.
// Pure: no MPI, no device.
#pragma once

#include "buffers.hpp"
#include "memory.hpp"
#include "schedule.hpp"
#include "status.hpp"

#include <algorithm>
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

/// A message of a planned exchange whose ends do not go together, or none. Plain data.
struct Mismatch {
  enum What {
    kNone,
    kLonger,       ///< it is longer than its receiver asks for
    kNotReceived,  ///< the other end receives nothing from this one
    kNotSent,      ///< the other end sends this one nothing
    kTags          ///< the receiver asks for another tag
  };

  What what = kNone;
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint64_t sent = 0;   ///< bytes, or of kTags the tag
  std::uint64_t asked = 0;  ///< likewise

  bool any() const { return what != kNone; }
};

/// The blocks of a planned exchange on all ranks.
class BlockTable {
 public:
  /// A block that a rank asks for.
  struct Asked {
    std::uint64_t bytes;
    std::uint64_t place;  ///< in the plan's region; says nothing of empty blocks and layouts
  };

  /// What a rank tells the others: its tags, to whom it sends some bytes, and what it asks for, of
  /// whom, to lie where in the plan's region, which begins at `region`.
  static std::vector<std::uint64_t> row(int self, const Pattern& pattern, const Buffers& buffers,
                                        const std::byte* region);

  /// Of the rows of all ranks, in rank order; shorter ones are filled up to `row_words` words.
  BlockTable(std::size_t ranks, std::size_t row_words)
      : row_words_(row_words), words_(ranks * row_words) {}
  std::uint64_t* words() { return words_.data(); }

  /// Whether `from` sends `to` some bytes in a round, and what `by` asks for of `of`.
  bool sends(std::uint32_t from, std::uint32_t to, std::size_t round) const;
  Asked asked(std::uint32_t by, std::uint32_t of, std::size_t round) const;

  /// The first message to or from rank `self`, whose blocks these are, that is none or another at
  /// its other end.
  Mismatch find_mismatch(int self, const Pattern& pattern, const Buffers& buffers) const;

  std::size_t ranks() const { return words_.size() / row_words_; }

 private:
  /// The entry of a message in the sender's row, and in the receiver's; empty where there is none.
  std::span<const std::uint64_t> sent(std::uint32_t from, std::uint32_t to,
                                      std::size_t round) const;
  std::span<const std::uint64_t> received(std::uint32_t by, std::uint32_t of,
                                          std::size_t round) const;
  Mismatch compare(const Mismatch& message, std::size_t round) const;

  std::span<const std::uint64_t> row_of(std::uint32_t rank) const {
    return std::span(words_).subspan(rank * row_words_, row_words_);
  }

  std::size_t row_words_;
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
EngineVote vote_on_engine(const ScheduleLimits& limits, int self, const Pattern& pattern,
                          const Buffers& buffers, std::span<const Memory> peers);

/// Whether copy engines make the exchange: possible and wanted on all ranks, and there is something
/// for them to do. All ranks decide alike.
bool go_by_engine(std::span<const EngineVote> votes);

/// A small exchange of one round, and its blocks.
struct Words {
  Pattern pattern;
  std::vector<Extent> send;
  std::vector<Extent> receive;
};

/// Bytes of a word from one rank to another.
inline constexpr std::uint64_t kWordBytes = sizeof(std::uint64_t);

/// One round of a planned exchange, as copy engines make it on rank `self`. The table and the
/// pattern are the caller's.
class EngineRound {
 public:
  EngineRound(const BlockTable& table, int self, const Pattern& pattern, std::size_t number)
      : table_(table),
        self_(static_cast<std::uint32_t>(self)),
        operation_(pattern.operation),
        round_(pattern.rounds[number]),
        number_(number) {}

  /// The copies, those to the ranks after this one first, so that ranks begin with different ones,
  /// and the one to itself last. Empty blocks have none. `peers` as above.
  std::vector<PeerCopy> copies(const Buffers& buffers, std::span<const Memory> peers) const;

  /// The words that make copies safe: before them the rank tells those that send to it, and
  /// afterwards those that it sends to. They lie in words_bytes() bytes of memory.
  Words ready_words() const { return words(senders(), receivers()); }
  Words done_words() const { return words(receivers(), senders()); }
  std::uint64_t words_bytes() const;

 private:
  std::vector<std::uint32_t> senders() const;
  std::vector<std::uint32_t> receivers() const;
  Words words(const std::vector<std::uint32_t>& tells,
              const std::vector<std::uint32_t>& hears) const;

  /// In each direction.
  std::size_t most_words() const { return std::max(round_.sends.size(), round_.receives.size()); }

  const BlockTable& table_;
  std::uint32_t self_;
  kernels::Operation operation_;
  const Round& round_;
  std::size_t number_;
};

}  // namespace causeway
