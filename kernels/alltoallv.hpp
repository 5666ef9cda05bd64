// alltoallv: what each block of a launch does, on any device.
#pragma once

#include "args.h"

#include <causeway/device/receive.hpp>
#include <causeway/device/self.hpp>
#include <causeway/device/send.hpp>

namespace causeway::kernels {

inline constexpr std::uint32_t kAlltoallvTag = 1;

/// The part of a block that one of its lanes carries. Parts begin on multiples of a line.
CAUSEWAY_FN constexpr device::Share lane_share(const SendBlock& block, std::uint32_t lane) {
  const std::uint64_t part =
      device::round_up((block.bytes + block.lanes - 1) / block.lanes, device::kLineBytes);
  const std::uint64_t begin = device::smaller(lane * part, block.bytes);
  const std::uint64_t bytes =
      lane < block.lanes ? device::smaller(part, block.bytes - begin) : std::uint64_t{0};
  return {block.bytes, begin, bytes, block.piece_bytes, block.lanes, kAlltoallvTag};
}

/// One exchange. Work with peers is cut into visits, a visit being one lane of one pair of ranks;
/// visit v is lane v / (size - 1) of the peer 1 + v % (size - 1) hops away, and of n blocks that
/// serve peers block b serves visits b, b + n, ... in this order. A block's two roles, send and
/// receive, run side by side and never wait for each other, so the lowest unfinished visit of all
/// ranks can always go on, whatever their numbers of blocks. `Gathers` is for exchanges with
/// layouts; without them copies are all that the hooks do.
template <class Device, bool Gathers = false>
struct Alltoallv {
  AlltoallvArgs args;

  CAUSEWAY_FN std::uint32_t blocks() const { return args.split.blocks; }
  CAUSEWAY_FN Alltoallv as_one_block() const {
    Alltoallv result = *this;
    result.args.split = {1, 1, 0};
    return result;
  }

  CAUSEWAY_TEMPLATE
  template <device::Group G>
  CAUSEWAY_FN void send(const G& group, std::uint32_t block) const {
    for (std::uint32_t v = first_visit(block); v < visits(); v += args.split.peer_blocks) {
      const std::uint32_t peer = (args.comm.rank + hops(v)) % args.comm.size;
      if (!send_to(group, peer, lane(v))) return;
    }
    if (block < args.split.first_self || args.declined) return;
    move_to_self(group, block - args.split.first_self, args.split.blocks - args.split.first_self);
  }

  CAUSEWAY_TEMPLATE
  template <device::Group G>
  CAUSEWAY_FN void receive(const G& group, std::uint32_t block) const {
    for (std::uint32_t v = first_visit(block); v < visits(); v += args.split.peer_blocks) {
      const std::uint32_t peer = (args.comm.rank + args.comm.size - hops(v)) % args.comm.size;
      if (!receive_from(group, peer, lane(v))) return;
    }
  }

  /// True when no send would wait, so that one thread may run all sends before all receives.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool sends_at_once() const {
    if (args.declined) return false;
    for (std::uint32_t peer = 0; peer < args.comm.size; ++peer) {
      if (peer == args.comm.rank) continue;
      for (std::uint32_t lane = 0; lane < args.comm.lanes; ++lane) {
        const std::uint64_t bytes = lane_share(args.send[peer], lane).bytes;
        if (!device::sends_at_once<Device>(args.comm.send_channel(peer, lane), bytes, 1)) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  CAUSEWAY_FN std::uint32_t visits() const { return (args.comm.size - 1) * args.comm.lanes; }
  CAUSEWAY_FN std::uint32_t first_visit(std::uint32_t block) const {
    return block < args.split.peer_blocks ? block : visits();
  }
  CAUSEWAY_FN std::uint32_t lane(std::uint32_t visit) const { return visit / (args.comm.size - 1); }
  CAUSEWAY_FN std::uint32_t hops(std::uint32_t visit) const {
    return 1 + visit % (args.comm.size - 1);
  }

  CAUSEWAY_TEMPLATE
  template <device::Group G>
  CAUSEWAY_FN bool send_to(const G& group, std::uint32_t peer, std::uint32_t lane) const {
    const SendBlock& block = args.send[peer];
    device::Share share = lane_share(block, lane);
    if (args.declined) {
      share = {0, 0, 0, 1, 1, kAlltoallvTag};
      if (lane == 0) share.protocol = device::Protocol::kDeclined;
    }
    const auto hook = source(block);
    const device::SendChannel& channel = args.comm.send_channel(peer, lane);
    bool sent = false;
    device::with_link<Device>(channel.link, args.comm.control, [&](const auto& link) {
      sent = device::send(group, link, channel, share, args.comm.control, hook);
    });
    return sent;
  }

  CAUSEWAY_TEMPLATE
  template <device::Group G>
  CAUSEWAY_FN bool receive_from(const G& group, std::uint32_t peer, std::uint32_t lane) const {
    const ReceiveBlock& block = args.receive[peer];
    const auto hook = destination(block);
    const device::ReceiveChannel& channel = args.comm.receive_channel(peer, lane);
    const device::Request request{args.declined ? 0 : block.bytes, args.declined};
    bool received = false;
    device::with_link<Device>(channel.link, args.comm.control, [&](const auto& link) {
      received = device::receive(group, link, channel, request, args.comm.control, hook);
    });
    return received;
  }

  CAUSEWAY_FN device::Layout layout(std::uint32_t index) const {
    return index == 0 ? device::Layout{} : args.layouts[index];
  }
  CAUSEWAY_FN auto source(const SendBlock& block) const {
    const std::byte* const from = args.sendbuf + block.offset;
    if constexpr (Gathers) {
      return device::GatherFrom<Device>{from, layout(block.layout)};
    } else {
      return device::CopyFrom<Device>{from};
    }
  }
  CAUSEWAY_FN auto destination(const ReceiveBlock& block) const {
    std::byte* const to = args.recvbuf + block.offset;
    if constexpr (Gathers) {
      return device::ScatterTo<Device>{to, layout(block.layout)};
    } else {
      return device::CopyTo<Device>{to};
    }
  }

  /// Moves one of `parts` parts of the rank's block to itself. Hooks that gather and scatter meet
  /// in the ring of a lane, of which each part has one to itself.
  CAUSEWAY_TEMPLATE
  template <device::Group G>
  CAUSEWAY_FN void move_to_self(const G& group, std::uint32_t part, std::uint32_t parts) const {
    const std::uint32_t self = args.comm.rank;
    if constexpr (Gathers) {
      parts = device::smaller(parts, args.comm.lanes);
      if (part >= parts) return;
    }
    const SendBlock& from = args.send[self];
    const ReceiveBlock& to = args.receive[self];
    const device::Share share = lane_share({0, from.bytes, 1, parts, 0}, part);
    const device::SendChannel& channel = args.comm.send_channel(self, Gathers ? part : 0);
    device::move_self(group, device::SelfLink<Device>{channel.link.region}, channel, share.offset,
                      device::accepted_bytes(share.offset, share.bytes, to.bytes, 1), source(from),
                      destination(to));
    if (part == 0 && from.bytes > to.bytes && group.rank() == 0) {
      device::report_fault<Device>(
          args.comm.control, {device::Fault::kTruncated, device::WaitFor::kNothing, self, 0, 0,
                              from.bytes, to.bytes, 0});
    }
  }
};

}  // namespace causeway::kernels
