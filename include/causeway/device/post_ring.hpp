// Posting through a ring: for devices whose threads cannot call the library.
#pragma once

#include <causeway/device/wait.hpp>

namespace causeway::device {

/// Writes a post into the ring, and releases with it what the caller's group has written before its
/// last barrier. It waits only while the ring is full, for the library; a wait that is given up is
/// reported, and the communicator has failed. Called by one thread of a group; those of other
/// groups may call it at the same time.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN void push_post(const PostRing& ring, const NetworkPost& post,
                           const WaitControl& control) {
  const std::uint64_t ticket = Device::add(ring.tickets, 1);
  // `taken` lies at the far end of a bus.
  if (ticket - Device::load_acquire(ring.seen) >= ring.capacity) {
    Fault fault = Fault::kNone;
    std::uint64_t taken = 0;
    const bool left = wait_until<Device>(ring.taken, control, fault, [&](std::uint64_t count) {
      taken = count;
      return ticket - count < ring.capacity;
    });
    if (!left) {
      report_fault<Device>(control, {fault, WaitFor::kPostRing, post.peer, post.lane, 0,
                                     ticket - ring.capacity + 1, taken, 0});
      return;
    }
    Device::store_release(ring.seen, taken);
  }
  PostSlot& slot = ring.slots[ticket & (ring.capacity - 1)];
  slot.post = post;
  Device::store_release(&slot.turn, ticket + 1);
}

/// Takes the next post out of a ring's slots if it is there, and acquires what was released with
/// it. `taken` is the ring's count, which only the one thread that takes writes.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool take_post(const PostSlot* slots, std::uint64_t capacity, std::uint64_t* taken,
                           NetworkPost* post) {
  const PostSlot& slot = slots[*taken & (capacity - 1)];
  if (Device::load_acquire(&slot.turn) != *taken + 1) return false;
  *post = slot.post;
  Device::store_release(taken, *taken + 1);
  return true;
}

/// A device, with network links that post through the port's ring.
template <class Base>
struct WithPostRing : Base {
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN static void post(const NetworkPort& port, const NetworkPost& post,
                               const WaitControl& control) {
    push_post<WithPostRing>(port.posts, post, control);
  }
};

}  // namespace causeway::device
