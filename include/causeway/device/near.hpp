// Near memory: a channel's end where the threads that use it read it at once.
#pragma once

#include <causeway/device/channel.hpp>

#include <concepts>

namespace causeway::device {

/// Groups that have memory of their own, nearer to them than the tables of channels: on GPUs it is
/// shared memory, which takes a tenth of the time. Others use the tables themselves. copy_near()
/// has a word copied there, whole also where another thread changes it meanwhile, and the thread
/// goes on; await_near() waits for all of its words.
template <class G>
concept HasNearMemory = requires(const G& group, std::uint64_t* to, const std::uint64_t* from) {
  { group.near } -> std::convertible_to<std::byte*>;
  group.copy_near(to, from);
  group.await_near();
};

namespace impl {

template <class Channel>
struct NearChannel {
  ChannelState state;  // first, whatever the channel
  Channel channel;
};

inline constexpr std::uint32_t kStateWords =
    offsetof(ChannelState, heard) / sizeof(std::uint64_t) + 1;

}  // namespace impl

/// What a group's near memory holds: one end of a channel.
inline constexpr std::uint32_t kNearBytes = sizeof(impl::NearChannel<SendChannel>);
static_assert(sizeof(impl::NearChannel<ReceiveChannel>) <= kNearBytes);

/// Copies a channel's end into near memory; what was there is no longer used: the group meets at a
/// barrier between send() or receive() and this. Its state has to follow. All threads of the group
/// call both, and then await_near() and a barrier before they use what this returns, for send() or
/// receive(), once. Without near memory that is the channel itself.
template <class G, class Channel>
CAUSEWAY_FN const Channel& bring_near(const G& group, const Channel& channel) {
  if constexpr (HasNearMemory<G>) {
    static_assert(sizeof(Channel) % sizeof(std::uint64_t) == 0);
    constexpr std::uint32_t kWords = sizeof(Channel) / sizeof(std::uint64_t);
    constexpr std::uint32_t kPointer = offsetof(Channel, state) / sizeof(std::uint64_t);
    auto& near = *reinterpret_cast<impl::NearChannel<Channel>*>(group.near);
    const auto* const from = reinterpret_cast<const std::uint64_t*>(&channel);
    auto* const to = reinterpret_cast<std::uint64_t*>(&near.channel);
    for (std::uint32_t i = group.rank(); i < kWords; i += group.size()) {
      if (i == kPointer) {
        to[i] = reinterpret_cast<std::uintptr_t>(&near.state);
      } else {
        group.copy_near(&to[i], &from[i]);
      }
    }
    return near.channel;
  } else {
    return channel;
  }
}

/// Copies the state of the channel that was brought near last, which lies at `state`, to it.
template <class G>
CAUSEWAY_FN void bring_state_near(const G& group, const ChannelState* state) {
  if constexpr (HasNearMemory<G>) {
    auto& near = *reinterpret_cast<ChannelState*>(group.near);
    for (std::uint32_t i = group.rank(); i < impl::kStateWords; i += group.size()) {
      group.copy_near(&(&near.position)[i], &(&state->position)[i]);
    }
  }
}

/// Waits until what this thread has brought near is there.
template <class G>
CAUSEWAY_FN void await_near(const G& group) {
  if constexpr (HasNearMemory<G>) group.await_near();
}

/// Where a state has no copy near by, all have to have read it before it changes.
template <class G>
CAUSEWAY_FN void sync_before_changes(const G& group) {
  if constexpr (!HasNearMemory<G>) group.sync();
}

}  // namespace causeway::device
