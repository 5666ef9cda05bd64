// Exchange: what each thread block of a launch does, on any device.
#pragma once

#include "args.h"

#include <causeway/device/near.hpp>
#include <causeway/device/receive.hpp>
#include <causeway/device/self.hpp>
#include <causeway/device/send.hpp>

namespace causeway::kernels {

inline constexpr std::uint32_t kAlltoallvTag = 1;

/// The part of a block that one of its lanes carries, in a group that sees to each so-many-th.
CAUSEWAY_FN constexpr device::Share lane_share(const SendBlock& block, std::uint32_t lane,
                                               std::uint32_t lane_step = 1) {
  const std::uint64_t begin = device::smaller(lane * block.lane_bytes, block.bytes);
  const std::uint64_t bytes = device::smaller(block.lane_bytes, block.bytes - begin);
  return {block.bytes,
          begin,
          bytes,
          block.piece_bytes,
          block.lanes,
          kAlltoallvTag,
          static_cast<device::Protocol>(block.protocol),
          nullptr,
          true,
          lane_step};
}

/// The blocks of an exchange on the host.
struct BlockLists {
  const SendBlock* send;
  const ReceiveBlock* receive;

  Visits visits(const ExchangeArgs& args, Role role, std::uint32_t block) const {
    return visits_of(args, role, block);
  }
};

/// One exchange. Work with peers is cut into visits, a visit being one lane of one pair of ranks.
/// Each block makes its own in each role, by hops to the peer and then by lanes, both ascending. A
/// block's two roles, send and receive, run side by side and never wait for each other, so the
/// lowest unfinished visit of all ranks can always go on, whatever their numbers of blocks and
/// however each rank shares them out in each role.
/// `Gathers` is for exchanges with layouts; without them copies are all that the hooks do.
template <class Device, class Blocks, bool Gathers = false>
struct Exchange {
  ExchangeArgs args;
  Blocks lists;  ///< has send[comm.size], receive[comm.size], by rank, and visits()

  CAUSEWAY_FN std::uint32_t blocks() const { return args.split.blocks; }
  /// On the host.
  Exchange as_one_block() const {
    Exchange result = *this;
    result.args.split = {1, 1, 0};
    result.args.visits = kAllVisits;
    return result;
  }

  /// Calls gate.open() before it reads what launches and programs change, and gate(), which is a
  /// barrier too, before it writes; false ends the role. All threads of the group call both. In
  /// launches that may come early, what the first visit needs that never changes has been worked
  /// out before, while the GPU is busy with what precedes the launch; others read all at once.
  CAUSEWAY_TEMPLATE
  template <device::Group G, class Gate>
  CAUSEWAY_FN void send(const G& group, std::uint32_t block, Gate&& gate) const {
    const device::Communicator& comm = args.comm;
    const Visits visits = lists.visits(args, kSends, block);
    const device::SendChannel* channel = nullptr;
    device::Share share{};
    auto hook = source(lists.send[comm.rank]);
    device::SendAhead ahead{};
    const auto find = [&](std::uint32_t peer, std::uint32_t lane) {
      channel = &device::bring_near(group, comm.send_channel(peer, lane));
      share = share_for(peer, lane, visits.lane_step);
      hook = source(lists.send[peer]);
    };
    const auto prepare = [&] {
      device::with_peer_link<Device>(channel->link, comm.control, [&](const auto& link) {
        device::prepare_send(link, *channel, share, hook, ahead);
      });
    };
    const auto read = [&](std::uint32_t peer, std::uint32_t lane) {
      device::ChannelState* const states = comm.states_of(peer);
      device::bring_state_near(group, &states[2 * lane]);
      device::read_ahead<Device>(group, share, &states[1].heard, hook, ahead);
    };
    std::uint32_t hops = visits.hops;
    std::uint32_t lane = visits.lane;
    const bool has_visits = hops < comm.size;
    std::uint32_t peer = wrapped(comm.rank + hops);
    if (has_visits) find(peer, lane);
    const bool early = has_visits && args.overlap.with_next;
    if (early) {
      device::await_near(group);
      group.sync();
      prepare();
    }
    gate.open();
    if (has_visits) read(peer, lane);
    device::await_near(group);
    if (!gate()) return;
    if (has_visits && !early) prepare();
    while (hops < comm.size) {
      // All lanes of a pair have come equally far.
      ahead.sequence = channel->state->sequence + 1;
      if (!send_to(group, *channel, share, hook, ahead)) return;
      lane += visits.lane_step;
      if (lane >= share.lanes) {
        hops += args.split.hop_step();
        if (hops >= comm.size) break;
        peer = wrapped(comm.rank + hops);
        lane = visits.lane;
      }
      between_barriers(group, [&] {
        find(peer, lane);
        read(peer, lane);
      });
      prepare();
    }
    if (block < args.split.first_self || args.declined) return;
    move_to_self(group, *this, block - args.split.first_self);
  }

  CAUSEWAY_TEMPLATE
  template <device::Group G, class Gate>
  CAUSEWAY_FN void receive(const G& group, std::uint32_t block, Gate&& gate) const {
    const device::Communicator& comm = args.comm;
    const Visits visits = lists.visits(args, kReceives, block);
    const device::ReceiveChannel* channel = nullptr;
    device::Request request{};
    auto hook = destination(lists.receive[comm.rank]);
    device::ReceiveAhead ahead{};
    const auto find = [&](std::uint32_t peer, std::uint32_t lane) {
      channel = &device::bring_near(group, comm.receive_channel(peer, lane));
      request = request_for(peer, visits.lane_step);
      hook = destination(lists.receive[peer]);
    };
    const auto read = [&](std::uint32_t peer, std::uint32_t lane) {
      device::bring_state_near(group, &comm.states_of(peer)[2 * lane + 1]);
    };
    std::uint32_t hops = visits.hops;
    std::uint32_t lane = visits.lane;
    std::uint32_t lanes = comm.lanes;
    const bool has_visits = hops < comm.size;
    std::uint32_t peer = wrapped(comm.rank + comm.size - hops);
    if (has_visits) find(peer, lane);
    const bool early = has_visits && args.overlap.with_next;
    if (early) {
      device::await_near(group);
      group.sync();
      ahead = device::prepare_receive(group, *channel, request);
    }
    gate.open();
    if (has_visits) read(peer, lane);
    device::await_near(group);
    if (!gate()) return;
    if (has_visits && !early) ahead = device::prepare_receive(group, *channel, request);
    while (hops < comm.size) {
      ahead.sequence = channel->state->sequence + 1;
      const device::Received received = receive_from(group, *channel, request, hook, ahead);
      if (!received) return;
      lanes = device::smaller(lanes, received.lanes);
      lane += visits.lane_step;
      if (lane >= lanes) {
        hops += args.split.hop_step();
        if (hops >= comm.size) break;
        peer = wrapped(comm.rank + comm.size - hops);
        lane = visits.lane;
        lanes = comm.lanes;
      }
      between_barriers(group, [&] {
        find(peer, lane);
        read(peer, lane);
      });
      ahead = device::prepare_receive(group, *channel, request);
    }
  }

  /// True when no send would wait, so that one thread may run all sends before all receives.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool sends_at_once() const {
    if (args.declined) return false;
    for (std::uint32_t peer = 0; peer < args.comm.size; ++peer) {
      if (peer == args.comm.rank) continue;
      for (std::uint32_t lane = 0; lane < args.comm.lanes; ++lane) {
        if (!device::sends_at_once<Device>(args.comm.send_channel(peer, lane),
                                           lane_share(lists.send[peer], lane), 1)) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  CAUSEWAY_FN std::uint32_t wrapped(std::uint32_t rank) const {
    return rank < args.comm.size ? rank : rank - args.comm.size;
  }

  template <class G, class Action>
  CAUSEWAY_FN static void between_barriers(const G& group, const Action& action) {
    group.sync();
    action();
    device::await_near(group);
    group.sync();
  }

  /// What a lane carries of the block for a peer.
  CAUSEWAY_FN device::Share share_for(std::uint32_t peer, std::uint32_t lane,
                                      std::uint32_t lane_step) const {
    if (!args.declined) return lane_share(lists.send[peer], lane, lane_step);
    const auto protocol = lane == 0 ? device::Protocol::kDeclined : device::Protocol::kStaged;
    return {0, 0, 0, 1, 1, kAlltoallvTag, protocol, nullptr, true, lane_step};
  }

  CAUSEWAY_TEMPLATE
  template <device::Group G, class P>
  CAUSEWAY_FN bool send_to(const G& group, const device::SendChannel& channel,
                           const device::Share& share, const P& hook,
                           const device::SendAhead& ahead) const {
    bool sent = false;
    device::with_peer_link<Device>(channel.link, args.comm.control, [&](const auto& link) {
      sent = device::send(group, link, channel, share, args.comm.control, hook, ahead);
    });
    return sent;
  }

  /// What is asked of a peer.
  CAUSEWAY_FN device::Request request_for(std::uint32_t peer, std::uint32_t lane_step) const {
    const ReceiveBlock& block = lists.receive[peer];
    device::Request request{args.declined ? 0 : block.bytes,
                            args.declined,
                            nullptr,
                            true,
                            args.declined || lists.send[peer].bytes == 0,
                            lane_step,
                            static_cast<device::Protocol>(block.protocol),
                            block.lane_bytes};
    if (block.layout == 0 && args.region != device::kNoRegion) {
      request.region = args.region;
      request.region_offset = args.region_offset + static_cast<std::uint64_t>(block.offset);
    }
    return request;
  }

  CAUSEWAY_TEMPLATE
  template <device::Group G, class C>
  CAUSEWAY_FN device::Received receive_from(const G& group, const device::ReceiveChannel& channel,
                                            const device::Request& request, const C& hook,
                                            const device::ReceiveAhead& ahead) const {
    device::Received received{};
    device::with_peer_link<Device>(channel.link, args.comm.control, [&](const auto& link) {
      received = device::receive(group, link, channel, request, args.comm.control, hook, ahead);
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

  /// Moves one of the parts of the rank's block to itself. Hooks that gather and scatter meet in
  /// the ring of a lane, of which each part has one to itself. A call of its own: other blocks, and
  /// those with nothing to move, pass it by.
  CAUSEWAY_TEMPLATE
  template <device::Group G>
  CAUSEWAY_FN CAUSEWAY_CALL static void move_to_self(G group, const Exchange& operation,
                                                     std::uint32_t part) {
    const ExchangeArgs& args = operation.args;
    const std::uint32_t self = args.comm.rank;
    std::uint32_t parts = args.split.blocks - args.split.first_self;
    if constexpr (Gathers) {
      parts = device::smaller(parts, args.comm.lanes);
      if (part >= parts) return;
    }
    const SendBlock& from = operation.lists.send[self];
    const ReceiveBlock& to = operation.lists.receive[self];
    const std::uint64_t part_bytes = lane_bytes_of(from.bytes, parts);
    const device::Share share = lane_share({0, from.bytes, part_bytes, 1, 0, 1, 0}, part);
    const device::SendChannel& channel = args.comm.send_channel(self, Gathers ? part : 0);
    device::move_self(group, device::SelfLink<Device>{channel.link.region}, channel, share.offset,
                      device::accepted_bytes(share.offset, share.bytes, to.bytes, 1),
                      operation.source(from), operation.destination(to));
    if (part == 0 && from.bytes > to.bytes && group.rank() == 0) {
      device::report_fault<Device>(
          args.comm.control, {device::Fault::kTruncated, device::WaitFor::kNothing, self, 0, 0,
                              from.bytes, to.bytes, 0});
    }
  }
};

}  // namespace causeway::kernels
