// Links: how a group reaches one peer.
#pragma once

#include <causeway/device/group.hpp>
#include <causeway/device/wait.hpp>

#include <concepts>

namespace causeway::device {

enum class LinkKind : std::uint32_t {
  kSelf = 0,    ///< the peer is this rank
  kMemory = 1,  ///< the peer's memory is addressable: NVLink, or shared memory on the host device
};

namespace impl {

/// Stands for the condition of a wait where the concept below asks for one.
struct Always {
  CAUSEWAY_FN bool operator()(std::uint64_t) const { return true; }
};

}  // namespace impl

/// A link reaches one region of the peer's memory, by byte offsets into it.
///
/// put(group, offset, from, bytes) and get(group, to, offset, bytes) move bytes; all threads of the
/// group call them. window(offset) is where a group forms bytes in place that commit(group, offset,
/// bytes) then sends on their way. signal(offset, value) stores a word at the peer: one thread
/// calls it, after a group barrier, and it releases every put and commit of the group before that
/// barrier. wait(word, control, fault, until) polls a word in this rank's own memory until
/// until(value) is true and acquires what the signal that stored the value released; false when
/// given up.
template <class L>
concept Link = requires(const L& link, const ThreadGroup& group, std::uint64_t n, void* to,
                        const void* from, const std::uint64_t* word, const WaitControl& control,
                        Fault& fault) {
  typename L::Device;
  { L::kKind } -> std::convertible_to<LinkKind>;
  link.put(group, n, from, n);
  link.get(group, to, n, n);
  { link.window(n) } -> std::same_as<std::byte*>;
  link.commit(group, n, n);
  link.signal(n, n);
  { link.wait(word, control, fault, impl::Always{}) } -> std::same_as<bool>;
};

/// A link over memory that this device loads from and stores to itself.
template <class D, LinkKind Kind>
struct AddressableLink {
  using Device = D;
  static constexpr LinkKind kKind = Kind;

  std::byte* region;  ///< the peer's region, as this rank addresses it

  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void put(const G& group, std::uint64_t offset, const void* from,
                       std::uint64_t bytes) const {
    Device::copy(group, region + offset, from, bytes);
  }
  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void get(const G& group, void* to, std::uint64_t offset, std::uint64_t bytes) const {
    Device::copy(group, to, region + offset, bytes);
  }
  CAUSEWAY_FN std::byte* window(std::uint64_t offset) const { return region + offset; }
  /// Nothing is left to do: what a group stores in the window is stored at the peer.
  template <Group G>
  CAUSEWAY_FN void commit(const G&, std::uint64_t, std::uint64_t) const {}

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void signal(std::uint64_t offset, std::uint64_t value) const {
    Device::store_release(reinterpret_cast<std::uint64_t*>(region + offset), value);
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
  std::byte* region;
};

/// Calls action(link) with the link of the handle's kind.
CAUSEWAY_TEMPLATE
template <class Device, class Action>
CAUSEWAY_FN void with_link(const LinkHandle& handle, Action&& action) {
  if (handle.kind == LinkKind::kSelf) {
    action(SelfLink<Device>{handle.region});
  } else {
    action(MemoryLink<Device>{handle.region});
  }
}

}  // namespace causeway::device
