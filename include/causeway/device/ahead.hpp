// What sending and receiving a share begin with, worked out before the exchange.
#pragma once

#include <causeway/device/hooks.hpp>
#include <causeway/device/impl/ll128.hpp>
#include <causeway/device/message.hpp>

namespace causeway::device {

/// True when a share of some bytes is to travel in lines.
CAUSEWAY_FN constexpr bool goes_by_ll(const ChannelShape& shape, const Share& share) {
  return share.bytes <= room_by_ll(shape, share.protocol);
}

/// How a lane's share goes.
enum class Route : std::uint32_t { kNothing, kLl, kLl128, kRing };

CAUSEWAY_FN constexpr Route route_of(const ChannelShape& shape, const Share& share) {
  // Of these a header goes, and nothing else.
  const bool declines = share.protocol == Protocol::kDeclined;
  const bool announces = share.bytes == 0 && is_announced(share.tag) && shape.lane == 0;
  if (share.bytes == 0 && !declines && !announces) return Route::kNothing;
  if (shape.ll_bytes == 0) return Route::kRing;
  if (announces || declines) return Route::kLl;
  if (!goes_by_ll(shape, share)) return Route::kRing;
  return share.protocol == Protocol::kLl128 ? Route::kLl128 : Route::kLl;
}

namespace impl {

/// A share's header in lines, but for the words that are of the channel's state; and where the
/// slots begin that it goes to.
struct HeaderAhead {
  LlLine* slots;
  std::uint64_t slot_lines;
  std::uint64_t words[2];
  std::uint64_t last_word;
};

}  // namespace impl

/// What sending a share begins with, worked out and read ahead, each thread its part.
struct SendAhead {
  Route route = Route::kNothing;
  impl::HeaderAhead header{};
  impl::HeldWords words{};
  bool has_words = false;
  std::uint64_t sequence = 0;  ///< of the exchange
  std::uint64_t heard = 0;     ///< of the peer's messages; an older value serves too
};

/// Works out what does not depend on the exchange.
CAUSEWAY_TEMPLATE
template <class L, class P>
CAUSEWAY_FN void prepare_send(const L& link, const SendChannel& channel, const Share& share,
                              const P& hook, SendAhead& ahead) {
  const ChannelShape& shape = channel.shape;
  const bool whole = share.bytes == 0 || goes_by_ll(shape, share);
  const bool declines = share.protocol == Protocol::kDeclined;
  const LineHeader header{share.message_bytes,
                          0,
                          0,
                          whole ? static_cast<std::uint32_t>(share.offset) : 0,
                          whole ? static_cast<std::uint32_t>(share.bytes) : 0,
                          hook.granularity(),
                          share.tag,
                          share.lanes,
                          !whole                        ? Protocol::kStaged
                          : share.bytes > 0 || declines ? share.protocol
                                                        : Protocol::kLl};
  ahead.route = route_of(shape, share);
  ahead.header = {reinterpret_cast<LlLine*>(link.window(shape.lines_offset)),
                  slot_lines(shape),
                  {header_word(header, 0), header_word(header, 1)},
                  header_word(header, 3)};
}

/// Reads what sending a share in lines begins with, before its channel is looked at. `progress` is
/// of the same peer and lane 0: in paired exchanges ChannelState::heard of the receive end, else
/// ReceiverWords::taken.
CAUSEWAY_TEMPLATE
template <class Device, Group G, class P>
CAUSEWAY_FN void read_ahead(const G& group, const Share& share, const std::uint64_t* progress,
                            const P& hook, SendAhead& ahead) {
  if (share.paired) ahead.heard = Device::load_near(progress);
  if constexpr (HasSource<P>) {
    ahead.has_words = share.protocol == Protocol::kLl;
    if (ahead.has_words) {
      ahead.words = impl::load_words(group, hook.source(share.offset), share.bytes, group.rank());
    }
  }
  // Last, because it is acquired. Messages up to the one that is taken are over.
  if (!share.paired) ahead.heard = Device::load_acquire(progress) + 1;
}

/// What receiving a share begins with, worked out ahead, for each thread.
struct ReceiveAhead {
  const LlLine* slots;  ///< where lines come
  std::uint64_t slot_lines;
  bool lined;
  bool posts_early;     ///< this thread, before it looks for the message
  bool looks_always;    ///< for the message to come otherwise than in lines
  std::uint64_t usual;  ///< the first word of a header of all that is asked for, without its
                        ///< number of lanes
  std::uint32_t rows;   ///< where the message likely comes in few lines, words of a thread at most,
                        ///< or kInLl128; else 0
  std::uint32_t words;  ///< of the share at most; lines of ll128 with kInLl128
  std::uint32_t watched;       ///< words of this thread
  std::uint64_t sequence = 0;  ///< of the exchange
};

namespace impl {

/// Of a message whose lanes the receiver does not know yet.
inline constexpr std::uint32_t kUnknownLanes = 0xffff;

/// ReceiveAhead::rows where lines of ll128 are expected.
inline constexpr std::uint32_t kInLl128 = 3;

/// Whether a receiver says how much it takes, and where, before it is asked. Nobody waits for the
/// post of a message in lines.
CAUSEWAY_FN constexpr bool posts_unasked(const ChannelShape& shape, const Request& request) {
  return request.bytes > shape.eager_bytes && room_by_ll(shape, request.expects) == 0;
}

}  // namespace impl

/// Works out what does not depend on the exchange.
CAUSEWAY_TEMPLATE
template <Group G>
CAUSEWAY_FN ReceiveAhead prepare_receive(const G& group, const ReceiveChannel& channel,
                                         const Request& request) {
  const ChannelShape& shape = channel.shape;
  const bool lined = shape.ll_bytes > 0;
  ReceiveAhead ahead{
      channel.lines,
      slot_lines(shape),
      lined,
      group.rank() == 0 && (!lined || shape.lane == 0) && impl::posts_unasked(shape, request),
      room_by_ll(shape, request.expects) == 0,
      header_word({request.bytes, 0, 0, 0, 0, 0, request.tag, 0, request.expects}, 0),
      0,
      0,
      0};
  const std::uint64_t share = smaller(smaller<std::uint64_t>(request.lane_bytes, request.bytes),
                                      room_by_ll(shape, request.expects));
  const std::uint32_t row = group.size() * impl::kWordBytes;
  if (request.expects == Protocol::kLl && share <= 2 * row) {
    const auto words = static_cast<std::uint32_t>(impl::words_in(share));
    ahead.rows = share <= row ? 1 : 2;
    ahead.words = words;
    if (group.rank() < words) ahead.watched = 1;
    if (group.rank() + group.size() < words) ahead.watched = 2;
  } else if (request.expects == Protocol::kLl128 && share > 0 &&
             ll128_lines_in(share) <= impl::Ll128Parts<G>(group).rows_step()) {
    ahead.rows = impl::kInLl128;
    ahead.words = ll128_lines_in(share);
  }
  return ahead;
}

}  // namespace causeway::device
