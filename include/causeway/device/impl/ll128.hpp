// Lines of ll128: stores of a line of memory, of which the last word is the flag. The ll128
// protocol, after NCCL's.
//
// Eight threads of a warp store a line in one access of 16 bytes each, and load it so. Whether they
// are together is looked at each time. That the line stays whole on its way is nothing that PTX
// promises: it is tried out when a communicator is attached. Threads of their own release the flag
// after the data, and acquire it before.
#pragma once

#include <causeway/device/impl/ll_words.hpp>

namespace causeway::device::impl {

/// Eight threads of a warp have a part each of a line of ll128, and its warp's four octets a line
/// each; other threads have whole lines of their own. The lines that a warp, or another thread,
/// takes in one access are a row. kLl128Rows rows are on their way at a time: with five, 128
/// threads hold 9600 bytes, and so take shares of 8 KiB, 64 lines and a few more, at once.
template <class G>
inline constexpr std::uint32_t kLineThreads = InWarps<G> ? 8 : 1;
template <class G>
inline constexpr std::uint32_t kPartWords = sizeof(Ll128Line) / kWordBytes / kLineThreads<G>;
template <class G>
inline constexpr std::uint32_t kRowLines = InWarps<G> ? 4 : 1;
template <class G>
inline constexpr std::uint32_t kLl128Rows = InWarps<G> ? 5 : 1;

/// Words of parts of lines of ll128 that a thread holds at a time.
template <class G>
struct HeldParts {
  std::uint64_t word[kLl128Rows<G> * kPartWords<G>];
};

/// A thread's part of every step()th line.
template <class G>
class Ll128Parts {
 public:
  CAUSEWAY_FN explicit Ll128Parts(const G& group)
      : rank_(group.rank()), step_(group.size() / kLineThreads<G>) {}

  /// The first line of the thread's first row.
  CAUSEWAY_FN std::uint32_t first_row() const {
    return rank_ / kLineThreads<G> / kRowLines<G> * kRowLines<G>;
  }
  /// The thread's line in the j-th row from one that begins with line `row` on.
  CAUSEWAY_FN std::uint32_t line(std::uint32_t row, std::uint32_t j) const {
    return row + rank_ / kLineThreads<G> % kRowLines<G> + j * step_;
  }
  CAUSEWAY_FN std::uint32_t rows_step() const { return kLl128Rows<G> * step_; }
  CAUSEWAY_FN std::uint32_t first_word() const { return rank_ % kLineThreads<G> * kPartWords<G>; }
  CAUSEWAY_FN bool has_flag() const { return rank_ % kLineThreads<G> == kLineThreads<G> - 1; }

  /// Where the w-th word of the thread's part in the j-th row from one that begins with line `row`
  /// on lies in the message. With the flag's the line's data ends.
  CAUSEWAY_FN std::uint32_t place_of(std::uint32_t row, std::uint32_t j, std::uint32_t w) const {
    return line(row, j) * kData + (first_word() + w) * kWordBytes;
  }
  CAUSEWAY_FN bool is_flag(std::uint32_t w) const { return w == kPartWords<G> - 1 && has_flag(); }

  /// Whether all that the thread has in some rows of a message of `bytes` bytes that lies at
  /// `memory` are whole words.
  CAUSEWAY_FN bool has_whole_words(const std::byte* memory, std::uint32_t row,
                                   std::uint32_t bytes) const {
    if (reinterpret_cast<std::uintptr_t>(memory) % kWordBytes != 0) return false;
    const std::uint32_t last = place_of(row, kLl128Rows<G> - 1, kPartWords<G> - 1);
    return bytes % kWordBytes == 0 || last + kWordBytes <= bytes;
  }

 private:
  static constexpr std::uint32_t kData = sizeof(Ll128Line::data);

  std::uint32_t rank_;
  std::uint32_t step_;
};

/// Calls visit(i, at) for each word of data in a thread's parts of some rows: the i-th that it
/// holds, `at` bytes into the message.
template <class G, class Visit>
CAUSEWAY_FN void for_words(const Ll128Parts<G>& parts, std::uint32_t row, const Visit& visit) {
  CAUSEWAY_UNROLL
  for (std::uint32_t j = 0; j < kLl128Rows<G>; ++j) {
    CAUSEWAY_UNROLL
    for (std::uint32_t w = 0; w < kPartWords<G>; ++w) {
      if (!parts.is_flag(w)) visit(j * kPartWords<G> + w, parts.place_of(row, j, w));
    }
  }
}

/// Loads, or stores, a thread's parts of some rows where words are cut short or not aligned. Calls
/// of their own: they are long.
CAUSEWAY_TEMPLATE
template <class G>
CAUSEWAY_FN CAUSEWAY_CALL HeldParts<G> load_ll128_parts(Ll128Parts<G> parts, const std::byte* from,
                                                        std::uint32_t end, std::uint32_t row) {
  HeldParts<G> held{};
  for_words(parts, row, [&](std::uint32_t i, std::uint32_t at) {
    if (at < end) held.word[i] = load_word(from + at, end - at);
  });
  return held;
}
CAUSEWAY_TEMPLATE
template <class G>
CAUSEWAY_FN CAUSEWAY_CALL void store_ll128_parts(Ll128Parts<G> parts, std::byte* to,
                                                 std::uint32_t end, std::uint32_t row,
                                                 HeldParts<G> held) {
  for_words(parts, row, [&](std::uint32_t i, std::uint32_t at) {
    if (at < end) store_word(to + at, held.word[i], end - at);
  });
}

/// Loads a thread's parts of some rows. All of it at once, without branches: what lies past the
/// message's end, or has the flag's place, is another word of it.
CAUSEWAY_TEMPLATE
template <class G>
CAUSEWAY_FN HeldParts<G> load_ll128_rows(const G& group, const std::byte* from, std::uint64_t bytes,
                                         std::uint32_t row) {
  const Ll128Parts<G> parts(group);
  const auto end = static_cast<std::uint32_t>(bytes);
  if (end < kWordBytes || !parts.has_whole_words(from, row, end)) {
    return load_ll128_parts(parts, from, end, row);
  }
  const std::uint32_t last = end - end % kWordBytes - kWordBytes;
  HeldParts<G> held;
  CAUSEWAY_UNROLL
  for (std::uint32_t j = 0; j < kLl128Rows<G>; ++j) {
    CAUSEWAY_UNROLL
    for (std::uint32_t w = 0; w < kPartWords<G>; ++w) {
      held.word[j * kPartWords<G> + w] =
          *reinterpret_cast<const std::uint64_t*>(from + smaller(parts.place_of(row, j, w), last));
    }
  }
  return held;
}

/// Stores a thread's parts of some rows where they belong.
CAUSEWAY_TEMPLATE
template <class G>
CAUSEWAY_FN void store_ll128_rows(const Ll128Parts<G>& parts, std::byte* to, std::uint32_t end,
                                  std::uint32_t row, const HeldParts<G>& held) {
  if (!parts.has_whole_words(to, row, end)) {
    store_ll128_parts(parts, to, end, row, held);
    return;
  }
  CAUSEWAY_UNROLL
  for (std::uint32_t j = 0; j < kLl128Rows<G>; ++j) {
    CAUSEWAY_UNROLL
    for (std::uint32_t w = 0; w < kPartWords<G>; ++w) {
      const std::uint32_t at = parts.is_flag(w) ? end : parts.place_of(row, j, w);
      if (at < end) {
        *reinterpret_cast<std::uint64_t*>(to + at) = held.word[j * kPartWords<G> + w];
      }
    }
  }
}

/// Whether the threads of a warp, where the group has any, do what follows in one access each.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN bool converge() {
  if constexpr (InWarps<G>) {
    return Device::converge();
  } else {
    return true;
  }
}

/// Stores a thread's part of a line, or lets others of its warp store theirs.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN void store_part_of(const Ll128Parts<G>& parts, Ll128Line* line, bool takes_part,
                               std::uint64_t flag, const std::uint64_t* word) {
  if constexpr (InWarps<G>) {
    Device::store_together(line->data + parts.first_word(), word[0],
                           parts.has_flag() ? flag : word[1], takes_part);
  } else if (takes_part) {
    for (std::uint32_t w = 0; w < kPartWords<G> - 1; ++w) line->data[w] = word[w];
    Device::store_release(&line->flag, flag);
  }
}

/// Has a thread's part of a line loaded, where others of its warp load theirs.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN void begin_part(const Ll128Parts<G>& parts, const Ll128Line* line,
                            std::uint64_t* word) {
  if constexpr (InWarps<G>) {
    Device::load_together(line->data + parts.first_word(), word[0], word[1]);
  }
}

/// True, with the part, when the line has that flag as far as the thread can see.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN bool end_part(const Ll128Parts<G>& parts, const Ll128Line* line, std::uint64_t flag,
                          std::uint64_t* word) {
  if constexpr (InWarps<G>) {
    return !parts.has_flag() || word[1] == flag;
  } else {
    if (Device::load_acquire(&line->flag) != flag) return false;
    for (std::uint32_t w = 0; w < kPartWords<G> - 1; ++w) word[w] = line->data[w];
    return true;
  }
}

/// Loads the lines of some rows from one that begins with line `row` on; the bits of the rows that
/// have another flag, as far as the thread can see, or of all where the warp had not converged.
/// Lines past the last one have that of the last.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN std::uint32_t load_rows(const Ll128Parts<G>& parts, const Ll128Line* from,
                                    std::uint32_t row, std::uint32_t lines, std::uint64_t flag,
                                    HeldParts<G>& held) {
  const bool together = converge<Device, G>();
  // None is looked at before all are on their way.
  CAUSEWAY_UNROLL
  for (std::uint32_t j = 0; j < kLl128Rows<G>; ++j) {
    begin_part<Device>(parts, from + smaller(parts.line(row, j), lines - 1),
                       &held.word[j * kPartWords<G>]);
  }
  std::uint32_t missing = 0;
  CAUSEWAY_UNROLL
  for (std::uint32_t j = 0; j < kLl128Rows<G>; ++j) {
    const bool here = end_part<Device>(parts, from + smaller(parts.line(row, j), lines - 1), flag,
                                       &held.word[j * kPartWords<G>]);
    if (!here) missing |= 1U << j;
  }
  return together ? missing : ~std::uint32_t{0};
}

/// Stores a thread's parts of some rows, or nothing where the warp has not converged: false then.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN bool store_rows(const Ll128Parts<G>& parts, Ll128Line* to, std::uint32_t row,
                            std::uint32_t lines, std::uint64_t flag, const HeldParts<G>& held) {
  const bool together = converge<Device, G>();
  CAUSEWAY_UNROLL
  for (std::uint32_t j = 0; j < kLl128Rows<G>; ++j) {
    const std::uint32_t line = parts.line(row, j);
    store_part_of<Device>(parts, to + line, together && line < lines, flag,
                          &held.word[j * kPartWords<G>]);
  }
  return together;
}

/// Whether something is so for all threads of a warp, where the group has any.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN bool all_of(bool mine) {
  if constexpr (InWarps<G>) {
    return Device::all_of_warp(mine);
  } else {
    return mine;
  }
}

/// poll_until() of threads that poll together where the group has warps: the threads of one go on,
/// or give up, all at once.
CAUSEWAY_TEMPLATE
template <class Device, class G, class Poll>
CAUSEWAY_FN bool poll_together(const WaitControl& control, Fault& fault, const Poll& poll) {
  if constexpr (InWarps<G>) {
    typename Device::Pacer pacer(control);
    fault = Fault::kNone;
    while (!Device::all_of_warp(poll())) {
      if (fault != Fault::kNone) return false;
      fault = Device::fault_of_warp(pacer.pause());
    }
    return true;
  } else {
    return poll_until<Device>(control, fault, poll);
  }
}

/// store_rows() where the threads of a warp came apart: until they are together, or all give up. A
/// call of its own: in a loop, the usual way would wait for all that it stores before it stores the
/// first.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN CAUSEWAY_CALL Fault store_rows_later(Ll128Parts<G> parts, Ll128Line* to,
                                                 std::uint32_t row, std::uint32_t lines,
                                                 std::uint64_t flag, HeldParts<G> held,
                                                 const WaitControl& control) {
  Fault fault = Fault::kNone;
  const bool stored = poll_together<Device, G>(
      control, fault, [&] { return store_rows<Device>(parts, to, row, lines, flag, held); });
  return stored ? Fault::kNone : fault;
}

/// Stores a message's bytes in lines of ll128; `held` are a thread's first parts. A fault when this
/// thread gave up, and with it its warp.
CAUSEWAY_TEMPLATE
template <class Device, class G>
CAUSEWAY_FN Fault store_ll128(const G& group, Ll128Line* to, std::uint64_t flag,
                              const std::byte* from, std::uint64_t bytes, HeldParts<G> held,
                              const WaitControl& control) {
  const Ll128Parts<G> parts(group);
  const std::uint32_t lines = ll128_lines_in(bytes);
  for (std::uint32_t row = parts.first_row(); row < lines;) {
    if (!store_rows<Device>(parts, to, row, lines, flag, held)) {
      const Fault fault = store_rows_later<Device>(parts, to, row, lines, flag, held, control);
      if (fault != Fault::kNone) return fault;
    }
    row += parts.rows_step();
    if (row < lines) held = load_ll128_rows(group, from, bytes, row);
  }
  return Fault::kNone;
}

/// Takes a message's bytes out of lines of ll128, as they come. A fault when this thread gave up;
/// the others have their words.
CAUSEWAY_TEMPLATE
template <class Device, Group G>
CAUSEWAY_FN CAUSEWAY_CALL Fault load_ll128(G group, const Ll128Line* from, std::uint64_t flag,
                                           std::byte* to, std::uint64_t bytes,
                                           const WaitControl& control) {
  Fault fault = Fault::kNone;
  const Ll128Parts<G> parts(group);
  const auto end = static_cast<std::uint32_t>(bytes);
  const std::uint32_t lines = ll128_lines_in(bytes);
  for (std::uint32_t row = parts.first_row(); row < lines; row += parts.rows_step()) {
    HeldParts<G> held;
    const bool all = poll_together<Device, G>(control, fault, [&] {
      return load_rows<Device>(parts, from, row, lines, flag, held) == 0;
    });
    if (!all) return fault;
    store_ll128_rows(parts, to, end, row, held);
  }
  return Fault::kNone;
}

}  // namespace causeway::device::impl
