// The bytes that validation sends and expects, and the check of what arrived.
#include "payload.hpp"

#include <algorithm>
#include <cstring>

namespace causeway::osu {
namespace {

constexpr std::byte kGuard{0xc3};
constexpr std::size_t kWord = sizeof(std::uint64_t);

/// The endless byte sequence of one of the blocks that one rank sends to another in one call, eight
/// bytes at a time.
class Sequence {
 public:
  Sequence(Stamp stamp, int source, int destination, int occurrence)
      : key_(scrambled(scrambled(scrambled(scrambled(stamp.seed) + stamp.call) ^
                                 ((static_cast<std::uint64_t>(source) << 32) |
                                  static_cast<std::uint32_t>(destination))) +
                       static_cast<std::uint64_t>(occurrence))) {}

  static Sequence sent(Stamp stamp, int rank, const End& to) {
    return {stamp, rank, to.rank, to.occurrence};
  }
  static Sequence received(Stamp stamp, int rank, const End& from) {
    return {stamp, from.rank, rank, from.occurrence};
  }

  [[nodiscard]] std::uint64_t word(std::size_t index) const { return scrambled(key_ + index); }

 private:
  std::uint64_t key_;
};

/// Writes the sequence's words, each xor `flip`, over `bytes` bytes.
void write_sequence(std::byte* to, std::size_t bytes, const Sequence& sequence,
                    std::uint64_t flip) {
  for (std::size_t at = 0; at < bytes; at += kWord) {
    const std::uint64_t word = sequence.word(at / kWord) ^ flip;
    std::memcpy(to + at, &word, std::min(kWord, bytes - at));
  }
}

void write_guards(std::byte* buffer, const Blocks& blocks) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < blocks.bytes.size(); ++i) {
    std::fill(buffer + from, buffer + blocks.offsets[i], kGuard);
    from = blocks.offsets[i] + blocks.bytes[i];
  }
  std::fill(buffer + from, buffer + blocks.extent, kGuard);
}

WrongByte wrong_byte(std::size_t block, std::ptrdiff_t offset, bool guard, std::byte expected,
                     std::byte got) {
  return {block, offset, guard, std::to_integer<unsigned>(expected),
          std::to_integer<unsigned>(got)};
}

std::optional<WrongByte> find_in_block(const std::byte* buffer, const Blocks& blocks,
                                       std::size_t index, const Sequence& sequence) {
  const std::byte* const block = buffer + blocks.offsets[index];
  const std::size_t bytes = blocks.bytes[index];
  for (std::size_t at = 0; at < bytes; at += kWord) {
    const std::uint64_t word = sequence.word(at / kWord);
    const std::size_t size = std::min(kWord, bytes - at);
    if (std::memcmp(block + at, &word, size) == 0) {
      continue;
    }
    std::byte expected[kWord];
    std::memcpy(expected, &word, kWord);
    const auto [want, got] = std::mismatch(expected, expected + size, block + at);
    return wrong_byte(index, got - block, false, *want, *got);
  }
  return std::nullopt;
}

/// Looks through the guard from byte `from` to byte `to`, which lies before the block of `next`. A
/// byte nearer to that block counts as before it, the others as after the block of next - 1.
std::optional<WrongByte> find_in_guard(const std::byte* buffer, const Blocks& blocks,
                                       std::size_t from, std::size_t to, std::size_t next) {
  const std::byte* const end = buffer + to;
  const std::byte* const wrong =
      std::find_if(buffer + from, end, [](std::byte b) { return b != kGuard; });
  if (wrong == end) {
    return std::nullopt;
  }
  const auto at = static_cast<std::size_t>(wrong - buffer);
  const bool is_before = next == 0 || (next < blocks.bytes.size() && to - at < at - from);
  const std::size_t block = is_before ? next : next - 1;
  const auto offset =
      static_cast<std::ptrdiff_t>(at) - static_cast<std::ptrdiff_t>(blocks.offsets[block]);
  return wrong_byte(block, offset, true, kGuard, *wrong);
}

}  // namespace

void write_sent(std::byte* buffer, const Blocks& blocks, int rank, Stamp stamp) {
  write_guards(buffer, blocks);
  for (std::size_t i = 0; i < blocks.bytes.size(); ++i) {
    write_sequence(buffer + blocks.offsets[i], blocks.bytes[i],
                   Sequence::sent(stamp, rank, blocks.ends[i]), 0);
  }
}

void spoil_received(std::byte* buffer, const Blocks& blocks, int rank, Stamp stamp) {
  write_guards(buffer, blocks);
  for (std::size_t i = 0; i < blocks.bytes.size(); ++i) {
    // The complement, so that not a single byte is right before it arrives.
    write_sequence(buffer + blocks.offsets[i], blocks.bytes[i],
                   Sequence::received(stamp, rank, blocks.ends[i]), ~std::uint64_t{0});
  }
}

std::optional<WrongByte> find_wrong_byte(const std::byte* buffer, const Blocks& blocks, int rank,
                                         Stamp stamp) {
  // Blocks before guards: what has not arrived yet must be found missing, so no time is given away.
  for (std::size_t i = 0; i < blocks.bytes.size(); ++i) {
    if (const auto wrong =
            find_in_block(buffer, blocks, i, Sequence::received(stamp, rank, blocks.ends[i]))) {
      return wrong;
    }
  }
  std::size_t from = 0;
  for (std::size_t next = 0; next <= blocks.bytes.size(); ++next) {
    const bool is_last = next == blocks.bytes.size();
    const std::size_t to = is_last ? blocks.extent : blocks.offsets[next];
    if (const auto wrong = find_in_guard(buffer, blocks, from, to, next)) {
      return wrong;
    }
    from = is_last ? to : to + blocks.bytes[next];
  }
  return std::nullopt;
}

}  // namespace causeway::osu
