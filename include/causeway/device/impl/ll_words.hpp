// How the words of a message are stored in lines of ll, and taken out of them.
#pragma once

#include <causeway/device/ll.hpp>

namespace causeway::device::impl {

inline constexpr std::uint32_t kWordBytes = sizeof(std::uint64_t);

/// A thread has this many words of a message on their way.
inline constexpr std::uint32_t kWordsInFlight = 4;

/// The first `bytes` bytes, 1 to 7, of an aligned word.
CAUSEWAY_FN inline std::uint64_t load_tail(const std::byte* from, std::uint32_t bytes) {
  std::uint64_t word = 0;
  if ((bytes & 4) != 0) word = *reinterpret_cast<const std::uint32_t*>(from);
  const std::uint32_t two = bytes & 4;
  if ((bytes & 2) != 0) {
    word |= std::uint64_t{*reinterpret_cast<const std::uint16_t*>(from + two)} << (8 * two);
  }
  const std::uint32_t one = bytes & 6;
  if ((bytes & 1) != 0) word |= static_cast<std::uint64_t>(from[one]) << (8 * one);
  return word;
}
CAUSEWAY_FN inline void store_tail(std::byte* to, std::uint64_t word, std::uint32_t bytes) {
  if ((bytes & 4) != 0) *reinterpret_cast<std::uint32_t*>(to) = static_cast<std::uint32_t>(word);
  const std::uint32_t two = bytes & 4;
  if ((bytes & 2) != 0) {
    *reinterpret_cast<std::uint16_t*>(to + two) = static_cast<std::uint16_t>(word >> (8 * two));
  }
  const std::uint32_t one = bytes & 6;
  if ((bytes & 1) != 0) to[one] = static_cast<std::byte>(word >> (8 * one));
}

/// Words that are cut short, or not aligned. Calls of their own: rare, and long.
CAUSEWAY_FN CAUSEWAY_CALL inline std::uint64_t load_part(const std::byte* from,
                                                         std::uint64_t bytes) {
  std::uint64_t word = 0;
  for (std::uint64_t i = 0; i < smaller<std::uint64_t>(bytes, kWordBytes); ++i) {
    word |= static_cast<std::uint64_t>(from[i]) << (8 * i);
  }
  return word;
}
CAUSEWAY_FN CAUSEWAY_CALL inline void store_part(std::byte* to, std::uint64_t word,
                                                 std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < smaller<std::uint64_t>(bytes, kWordBytes); ++i) {
    to[i] = static_cast<std::byte>(word >> (8 * i));
  }
}

CAUSEWAY_FN inline bool is_whole_word(const std::byte* at, std::uint64_t bytes) {
  return bytes >= kWordBytes && reinterpret_cast<std::uintptr_t>(at) % kWordBytes == 0;
}
CAUSEWAY_FN inline std::uint64_t load_word(const std::byte* from, std::uint64_t bytes) {
  return is_whole_word(from, bytes) ? *reinterpret_cast<const std::uint64_t*>(from)
                                    : load_part(from, bytes);
}
CAUSEWAY_FN inline void store_word(std::byte* to, std::uint64_t word, std::uint64_t bytes) {
  if (is_whole_word(to, bytes)) {
    *reinterpret_cast<std::uint64_t*>(to) = word;
  } else {
    store_part(to, word, bytes);
  }
}

/// The same, where a message's last word is as likely as others to be the one.
CAUSEWAY_FN inline void store_word_or_tail(std::byte* to, std::uint64_t word, std::uint64_t bytes) {
  if (bytes < kWordBytes && reinterpret_cast<std::uintptr_t>(to) % kWordBytes == 0) {
    store_tail(to, word, static_cast<std::uint32_t>(bytes));
  } else {
    store_word(to, word, bytes);
  }
}

CAUSEWAY_FN constexpr std::uint64_t words_in(std::uint64_t bytes) {
  return (bytes + kWordBytes - 1) / kWordBytes;
}

/// The device's own, for lambdas: of these nvcc checks calls that it cannot make.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool load_line(const LlLine* line, std::uint64_t flag, std::uint64_t& data) {
  return Device::load_line(line, flag, data);
}

/// Words of a message that a thread holds at a time: every size()th.
struct HeldWords {
  std::uint64_t word[kWordsInFlight];
};

/// The words from number `first` on, which are not aligned.
CAUSEWAY_TEMPLATE
template <class G>
CAUSEWAY_FN CAUSEWAY_CALL HeldWords load_parts(G group, const std::byte* from, std::uint32_t end,
                                               std::uint32_t first) {
  HeldWords held{};
  for (std::uint32_t j = 0; j < kWordsInFlight; ++j) {
    const std::uint32_t at = (first + j * group.size()) * kWordBytes;
    if (at < end) held.word[j] = load_word(from + at, end - at);
  }
  return held;
}

CAUSEWAY_TEMPLATE
template <class G>
CAUSEWAY_FN HeldWords load_words(const G& group, const std::byte* from, std::uint64_t bytes,
                                 std::uint32_t first) {
  // What goes in lines is less than 4 GiB.
  const auto end = static_cast<std::uint32_t>(bytes);
  if (reinterpret_cast<std::uintptr_t>(from) % kWordBytes != 0) {
    return load_parts(group, from, end, first);
  }
  // Every thread loads the partial last word; only its owner uses it.
  const std::uint32_t tail = end % kWordBytes;
  const std::uint32_t whole = end - tail;
  std::uint64_t last = 0;
  if (tail != 0) last = load_tail(from + whole, tail);
  HeldWords held{};
  CAUSEWAY_UNROLL
  for (std::uint32_t j = 0; j < kWordsInFlight; ++j) {
    const std::uint32_t at = (first + j * group.size()) * kWordBytes;
    held.word[j] = at == whole ? last : 0;
    if (at < whole) held.word[j] = *reinterpret_cast<const std::uint64_t*>(from + at);
  }
  return held;
}

/// Stores words of a message in lines, those from number `first` on.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN void store_words(const G& group, LlLine* to, std::uint64_t flag, std::uint32_t words,
                             std::uint32_t first, const HeldWords& held) {
  CAUSEWAY_UNROLL
  for (std::uint32_t j = 0; j < kWordsInFlight; ++j) {
    const std::uint32_t i = first + j * group.size();
    if (i < words) Device::store_line(to + i, held.word[j], flag);
  }
}

/// All but what each thread stores at first.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN CAUSEWAY_CALL void store_further_lines(G group, LlLine* to, std::uint64_t flag,
                                                   const std::byte* from, std::uint64_t bytes) {
  const auto words = static_cast<std::uint32_t>(words_in(bytes));
  const std::uint32_t step = kWordsInFlight * group.size();
  for (std::uint32_t first = group.rank() + step; first < words; first += step) {
    store_words<Device>(group, to, flag, words, first, load_words(group, from, bytes, first));
  }
}

/// Stores a message's bytes in lines; `held` are a thread's first words.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN void store_lines(const G& group, LlLine* to, std::uint64_t flag, const std::byte* from,
                             std::uint64_t bytes, const HeldWords& held) {
  const auto words = static_cast<std::uint32_t>(words_in(bytes));
  store_words<Device>(group, to, flag, words, group.rank(), held);
  if (words > kWordsInFlight * group.size()) {
    store_further_lines<Device>(group, to, flag, from, bytes);
  }
}

/// Takes a message's bytes out of lines, as they come. False when this thread gave up; the others
/// have their words.
CAUSEWAY_TEMPLATE
template <class Device, Group G>
CAUSEWAY_FN bool load_lines(const G& group, const LlLine* from, std::uint64_t flag, std::byte* to,
                            std::uint64_t bytes, const WaitControl& control, Fault& fault) {
  const auto words = static_cast<std::uint32_t>(words_in(bytes));
  const std::uint32_t step = group.size();
  for (std::uint32_t first = group.rank(); first < words; first += kWordsInFlight * step) {
    std::uint64_t held[kWordsInFlight];
    const bool all = poll_until<Device>(control, fault, [&] {
      bool here = true;
      CAUSEWAY_UNROLL
      for (std::uint32_t j = 0; j < kWordsInFlight; ++j) {
        const std::uint32_t i = first + j * step;
        if (i < words) here = load_line<Device>(from + i, flag, held[j]) && here;
      }
      return here;
    });
    if (!all) return false;
    CAUSEWAY_UNROLL
    for (std::uint32_t j = 0; j < kWordsInFlight; ++j) {
      const std::uint32_t i = first + j * step;
      if (i < words) store_word(to + i * kWordBytes, held[j], bytes - i * kWordBytes);
    }
  }
  return true;
}

}  // namespace causeway::device::impl
