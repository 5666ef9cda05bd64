// move_self: a rank's message to itself.
#pragma once

#include <causeway/device/channel.hpp>
#include <causeway/device/hooks.hpp>

namespace causeway::device {

/// Moves `bytes` bytes from message offset `offset` on from a produce hook to a consume hook of the
/// same rank: in one pass when one of the two says where its bytes lie, else piece by piece through
/// the ring of the rank's channel to itself. All threads of the group call it. `bytes` and `offset`
/// are multiples of the granularity, which is at most the channel's eager limit.
CAUSEWAY_TEMPLATE
template <Group G, class L, class P, class C>
CAUSEWAY_FN void move_self(const G& group, const L& link, const SendChannel& channel,
                           std::uint64_t offset, std::uint64_t bytes, const P& produce,
                           const C& consume, void* user = nullptr) {
  static_assert(Link<L> && L::kKind == LinkKind::kSelf);
  static_assert(ProduceHook<P, G> && ConsumeHook<C, G>);
  if (bytes == 0) return;
  const ChannelShape& shape = channel.shape;
  Context<G> ctx{group, shape.peer, shape.lane, 0, offset, bytes, user};
  if constexpr (HasSource<P>) {
    if constexpr (HasDestination<C>) {
      if (produce.source(offset) == consume.destination(offset)) return;
    }
    consume.consume(ctx, produce.source(offset));
  } else if constexpr (HasDestination<C>) {
    produce.produce(ctx, consume.destination(offset));
  } else {
    const std::uint64_t piece = round_down(shape.eager_bytes, produce.granularity());
    std::byte* const stage = link.window(shape.ring_offset);
    for (std::uint64_t done = 0; done < bytes; done += ctx.bytes, ++ctx.slot) {
      ctx.offset = offset + done;
      ctx.bytes = smaller(piece, bytes - done);
      produce.produce(ctx, stage);
      group.sync();
      consume.consume(ctx, stage);
      group.sync();
    }
  }
}

}  // namespace causeway::device
