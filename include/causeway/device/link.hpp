// Links: how a group reaches one peer.
#pragma once

#include <causeway/device/group.hpp>
#include <causeway/device/network.hpp>
#include <causeway/device/wait.hpp>

#include <concepts>

namespace causeway::device {

enum class LinkKind : std::uint32_t {
  kSelf = 0,     ///< the peer is this rank
  kMemory = 1,   ///< the peer's memory is addressable: NVLink, or shared memory on the host device
  kNetwork = 2,  ///< the peer runs on another host
};

namespace impl {

/// Stands for the condition of a wait where the concept below asks for one.
struct Always {
  CAUSEWAY_FN bool operator()(std::uint64_t) const { return true; }
};

}  // namespace impl

/// A link reaches one segment of the peer's memory, by byte offsets into it.
///
/// put(group, offset, from, bytes) moves bytes there; all threads of the group call it.
/// window(offset) is where a group forms bytes in place that commit(group, offset, bytes) then
/// sends on their way. signal(offset, value) stores a word at the peer: one thread calls it, after
/// a group barrier, and it releases every put and commit of the group before that barrier.
/// store(offset, value) stores a word that the same thread's next signal releases.
/// wait(word, control, fault, until) polls a word in this rank's own memory until until(value) is
/// true and acquires what the signal that stored the value released; false when given up.
template <class L>
concept Link = requires(const L& link, const ThreadGroup& group, std::uint64_t n, const void* from,
                        const std::uint64_t* word, const WaitControl& control, Fault& fault) {
  typename L::Device;
  { L::kKind } -> std::convertible_to<LinkKind>;
  link.put(group, n, from, n);
  { link.window(n) } -> std::same_as<std::byte*>;
  link.commit(group, n, n);
  link.store(n, n);
  link.signal(n, n);
  { link.wait(word, control, fault, impl::Always{}) } -> std::same_as<bool>;
};

/// A link that also reads: get(group, to, offset, bytes) moves bytes here. All threads of the group
/// call it.
template <class L>
concept ReadableLink = Link<L> &&
    requires(const L& link, const ThreadGroup& group, void* to, std::uint64_t n) {
  link.get(group, to, n, n);
};

/// A link over memory that this device loads from and stores to itself.
template <class D, LinkKind Kind>
struct AddressableLink {
  using Device = D;
  static constexpr LinkKind kKind = Kind;

  std::byte* segment;  ///< the peer's, as this rank addresses it

  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void put(const G& group, std::uint64_t offset, const void* from,
                       std::uint64_t bytes) const {
    Device::copy(group, segment + offset, from, bytes);
  }
  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void get(const G& group, void* to, std::uint64_t offset, std::uint64_t bytes) const {
    Device::copy(group, to, segment + offset, bytes);
  }
  CAUSEWAY_FN std::byte* window(std::uint64_t offset) const { return segment + offset; }
  /// Nothing is left to do: what a group stores in the window is stored at the peer.
  template <Group G>
  CAUSEWAY_FN void commit(const G&, std::uint64_t, std::uint64_t) const {}

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void store(std::uint64_t offset, std::uint64_t value) const {
    Device::store_far(reinterpret_cast<std::uint64_t*>(segment + offset), value);
  }
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void signal(std::uint64_t offset, std::uint64_t value) const {
    Device::store_release(reinterpret_cast<std::uint64_t*>(segment + offset), value);
  }
  CAUSEWAY_TEMPLATE
  template <class Until>
  CAUSEWAY_FN bool wait(const std::uint64_t* word, const WaitControl& control, Fault& fault,
                        Until until) const {
    return wait_until<Device>(word, control, fault, until);
  }
};

template <class Device>
using SelfLink = AddressableLink<Device, LinkKind::kSelf>;
template <class Device>
using MemoryLink = AddressableLink<Device, LinkKind::kMemory>;

/// A link as it lies in a communicator's tables; with_link gives it its type back.
struct LinkHandle {
  LinkKind kind;
  std::byte* segment;           ///< for network links the channel's block, of which this rank has
                                ///< the ring alone there
  NetworkPort* port = nullptr;  ///< this and the rest for network links
  std::uint32_t peer = 0;
  std::uint32_t lane = 0;
  bool outgoing = false;
};

/// A device that can hand a port what is to go over the network.
template <class Device>
concept PostsToNetwork = requires(NetworkPort& port, const NetworkPost& post,
                                  const WaitControl& control) {
  Device::post(port, post, control);
};

/// A link to a rank of another host. Its segment is the channel's block: bytes are formed in this
/// rank's copy, and signal() posts what has been committed since the last one. Up to
/// NetworkPost::kMostRanges pieces that do not touch travel as they are; of more, the last takes
/// along what lies between them, which costs time alone: the peer has those bytes already, or does
/// not look at them yet. Made anew by each thread; the group's leader keeps the record and signals.
template <class D>
class NetworkLink {
 public:
  using Device = D;
  static constexpr LinkKind kKind = LinkKind::kNetwork;

  CAUSEWAY_FN NetworkLink(const LinkHandle& handle, const WaitControl& control)
      : port_(*handle.port),
        block_(handle.segment),
        control_(control),
        post_{handle.peer, handle.lane, handle.outgoing ? 1U : 0U, 0, {}, 0, 0} {}

  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void put(const G& group, std::uint64_t offset, const void* from,
                       std::uint64_t bytes) const {
    Device::copy(group, window(offset), from, bytes);
    commit(group, offset, bytes);
  }
  CAUSEWAY_FN std::byte* window(std::uint64_t offset) const { return block_ + offset; }
  template <Group G>
  CAUSEWAY_FN void commit(const G& group, std::uint64_t offset, std::uint64_t bytes) const {
    if (group.rank() != 0 || bytes == 0) return;
    NetworkPost::Range* const last = post_.range + post_.ranges - 1;
    if (post_.ranges > 0 && last->offset + last->bytes == offset) {
      last->bytes += bytes;
    } else if (post_.ranges < NetworkPost::kMostRanges) {
      post_.range[post_.ranges++] = {offset, bytes};
    } else {
      const std::uint64_t begin = last->offset < offset ? last->offset : offset;
      const std::uint64_t last_end = last->offset + last->bytes;
      const std::uint64_t end = last_end > offset + bytes ? last_end : offset + bytes;
      *last = {begin, end - begin};
    }
  }
  /// Words of one end arrive in their order.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void store(std::uint64_t offset, std::uint64_t value) const { signal(offset, value); }
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void signal(std::uint64_t offset, std::uint64_t value) const {
    post_.word_offset = offset;
    post_.value = value;
    Device::post(port_, post_, control_);
    post_.ranges = 0;
  }
  CAUSEWAY_TEMPLATE
  template <class Until>
  CAUSEWAY_FN bool wait(const std::uint64_t* word, const WaitControl& control, Fault& fault,
                        Until until) const {
    return wait_until<Device>(word, control, fault, until);
  }

 private:
  NetworkPort& port_;
  std::byte* const block_;
  const WaitControl& control_;
  mutable NetworkPost post_;
};

/// Calls action(link) with the link of the handle's kind, which is not the rank itself. `control`
/// is for the waits of the link itself.
CAUSEWAY_TEMPLATE
template <class Device, class Action>
CAUSEWAY_FN void with_peer_link(const LinkHandle& handle, const WaitControl& control,
                                Action&& action) {
  if constexpr (PostsToNetwork<Device>) {
    if (handle.kind == LinkKind::kNetwork) {
      action(NetworkLink<Device>(handle, control));
      return;
    }
  }
  action(MemoryLink<Device>{handle.segment});
}

/// The same for any link.
CAUSEWAY_TEMPLATE
template <class Device, class Action>
CAUSEWAY_FN void with_link(const LinkHandle& handle, const WaitControl& control, Action&& action) {
  if (handle.kind == LinkKind::kSelf) {
    action(SelfLink<Device>{handle.segment});
  } else {
    with_peer_link<Device>(handle, control, action);
  }
}

}  // namespace causeway::device
