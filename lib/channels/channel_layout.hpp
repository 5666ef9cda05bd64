// Where channels lie in the segments of the ranks of a host.
#pragma once

#include <causeway/device/channel.hpp>

#include <cstdint>

namespace causeway {

/// First line of every segment.
struct alignas(device::kLineBytes) SegmentHeader {
  std::uint64_t owner;  ///< process id of Place: shows that the right segment was opened
};

/// Of memory that is mapped.
inline constexpr std::uint64_t kPageBytes = 4096;

/// Words of channels whose counts begin at `start`.
constexpr device::SenderWords words_of_sender(std::uint64_t start) {
  return {start, device::told(start, 0)};
}
constexpr device::ReceiverWords words_of_receiver(std::uint64_t start) {
  return {.freed = start,
          .refused = start,
          .posted = start,
          .posted_bytes = 0,
          .posted_region = device::kNoRegion,
          .posted_offset = 0,
          .taken = start};
}

/// Offsets in a segment, the same in that of every rank: a header, the words, rings and lines of
/// channels that come in, and the words of channels that go out. Channels are numbered by host rank
/// of the other end, then lane.
class ChannelLayout {
 public:
  ChannelLayout() = default;
  ChannelLayout(std::uint64_t host_ranks, std::uint64_t lanes, std::uint64_t ring_bytes,
                std::uint64_t bytes_of_lines)
      : channels_(host_ranks * lanes),
        lanes_(lanes),
        ring_bytes_(ring_bytes),
        bytes_of_lines_(bytes_of_lines) {}

  /// Words that the rank `host_rank` writes when it sends here.
  std::uint64_t sender_words(std::uint64_t host_rank, std::uint64_t lane) const {
    return sizeof(SegmentHeader) + channel(host_rank, lane) * sizeof(device::SenderWords);
  }
  /// Words that the rank `host_rank` writes when it receives from here.
  std::uint64_t receiver_words(std::uint64_t host_rank, std::uint64_t lane) const {
    return sizeof(SegmentHeader) + channels_ * sizeof(device::SenderWords) +
           channel(host_rank, lane) * sizeof(device::ReceiverWords);
  }
  /// Ring of the channel from the rank `host_rank`.
  std::uint64_t ring(std::uint64_t host_rank, std::uint64_t lane) const {
    return rings() + channel(host_rank, lane) * ring_bytes_;
  }
  /// The two slots of lines of the channel from the rank `host_rank`.
  std::uint64_t lines(std::uint64_t host_rank, std::uint64_t lane) const {
    return rings() + channels_ * ring_bytes_ + channel(host_rank, lane) * bytes_of_lines_;
  }
  std::uint64_t bytes() const { return rings() + channels_ * (ring_bytes_ + bytes_of_lines_); }
  /// Of what comes before the rings.
  std::uint64_t bytes_of_words() const { return rings(); }

 private:
  std::uint64_t channel(std::uint64_t host_rank, std::uint64_t lane) const {
    return host_rank * lanes_ + lane;
  }
  std::uint64_t rings() const {
    return device::round_up(sizeof(SegmentHeader) + channels_ * (sizeof(device::SenderWords) +
                                                                 sizeof(device::ReceiverWords)),
                            kPageBytes);
  }

  std::uint64_t channels_ = 0;
  std::uint64_t lanes_ = 0;
  std::uint64_t ring_bytes_ = 0;
  std::uint64_t bytes_of_lines_ = 0;  ///< of a channel
};

}  // namespace causeway
