// What a receiver watches for where a message likely comes in few lines, of either width.
#pragma once

#include <causeway/device/ahead.hpp>

namespace causeway::device {

namespace impl {

/// What a thread watches for while a header is on its way: words that will likely be its own, of
/// lines so few that a thread has `Rows` of them at most.
template <class Device, std::uint32_t Rows, class G>
class FewLl {
 public:
  static constexpr Protocol kProtocol = Protocol::kLl;

  CAUSEWAY_FN FewLl(const G& group, const ReceiveAhead& ahead, const LlLine* slot,
                    const ChannelShape&)
      : group_(group), ahead_(ahead), payload_(ll_lines_of(slot)) {}

  CAUSEWAY_TEMPLATE
  template <class Poll>
  CAUSEWAY_FN static bool poll(const WaitControl& control, Fault& fault, const Poll& once) {
    return poll_until<Device>(control, fault, once);
  }

  /// Has all that is watched loaded once.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void look(std::uint64_t flag) {
    CAUSEWAY_UNROLL
    for (std::uint32_t j = 0; j < Rows; ++j) {
      missing_[j] = false;
      if (j >= ahead_.watched) continue;
      missing_[j] = !load_line<Device>(payload_ + own_word(j), flag, word_[j]);
    }
  }

  /// Whether all of the thread's words of a share of `bytes` bytes that are watched were there.
  CAUSEWAY_FN bool has_all(std::uint32_t bytes) const {
    bool has = true;
    CAUSEWAY_UNROLL
    for (std::uint32_t j = 0; j < Rows; ++j) {
      if (missing_[j] && own_word(j) < words_in(bytes)) has = false;
    }
    return has;
  }

  /// Stores the thread's words of a share where they belong.
  CAUSEWAY_FN void store(std::byte* to, std::uint32_t end) const {
    CAUSEWAY_UNROLL
    for (std::uint32_t j = 0; j < Rows; ++j) {
      const std::uint32_t at = own_word(j) * kWordBytes;
      if (at < end) store_word_or_tail(to + at, word_[j], end - at);
    }
  }

  /// Lines of a share of `bytes` bytes.
  CAUSEWAY_FN static std::uint64_t lines_in(std::uint32_t bytes) { return words_in(bytes); }
  /// Whether something is so for all threads that share lines.
  CAUSEWAY_FN static bool all(bool mine) { return mine; }

 private:
  CAUSEWAY_FN std::uint32_t own_word(std::uint32_t j) const {
    return group_.rank() + j * group_.size();
  }

  const G& group_;
  const ReceiveAhead& ahead_;
  const LlLine* const payload_;
  std::uint64_t word_[Rows] = {};
  bool missing_[Rows] = {};
};

/// The same for as many lines of ll128 as threads hold at a time.
template <class Device, class G>
class FewLl128 {
 public:
  static constexpr Protocol kProtocol = Protocol::kLl128;

  CAUSEWAY_FN FewLl128(const G& group, const ReceiveAhead& ahead, const LlLine* slot,
                       const ChannelShape& shape)
      : ahead_(ahead), parts_(group), lines_(ll128_lines_of(slot, shape)) {}

  CAUSEWAY_TEMPLATE
  template <class Poll>
  CAUSEWAY_FN static bool poll(const WaitControl& control, Fault& fault, const Poll& once) {
    return poll_together<Device, G>(control, fault, once);
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void look(std::uint64_t flag) {
    missing_ = load_rows<Device>(parts_, lines_, parts_.first_row(), ahead_.words, flag, held_);
  }

  CAUSEWAY_FN bool has_all(std::uint32_t bytes) const {
    const std::uint32_t lines = ll128_lines_in(bytes);
    bool has = true;
    CAUSEWAY_UNROLL
    for (std::uint32_t j = 0; j < kLl128Rows<G>; ++j) {
      const bool missing = (missing_ >> j & 1) != 0;
      if (missing && parts_.line(parts_.first_row(), j) < lines) has = false;
    }
    return has;
  }

  CAUSEWAY_FN void store(std::byte* to, std::uint32_t end) const {
    store_ll128_rows(parts_, to, end, parts_.first_row(), held_);
  }

  CAUSEWAY_FN static std::uint64_t lines_in(std::uint32_t bytes) { return ll128_lines_in(bytes); }
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN static bool all(bool mine) { return all_of<Device, G>(mine); }

 private:
  const ReceiveAhead& ahead_;
  const Ll128Parts<G> parts_;
  const Ll128Line* const lines_;
  HeldParts<G> held_{};
  std::uint32_t missing_ = 0;
};

}  // namespace impl

}  // namespace causeway::device
