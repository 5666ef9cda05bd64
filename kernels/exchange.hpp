// Exchange: what each thread block of a launch does, on any device.
#pragma once

#include "args.h"

#include <causeway/device/arrival.hpp>
#include <causeway/device/near.hpp>
#include <causeway/device/receive.hpp>
#include <causeway/device/self.hpp>
#include <causeway/device/send.hpp>

#include <type_traits>

namespace causeway::kernels {

/// The part of a message that one of its lanes carries, in a group that sees to each
/// `lane_step`-th lane.
CAUSEWAY_FN constexpr device::Share lane_share(const SendItem& item, std::uint32_t tag,
                                               std::uint32_t lane, std::uint32_t lane_step = 1) {
  const std::uint64_t begin = device::smaller(lane * item.lane_bytes, item.bytes);
  const std::uint64_t bytes = device::smaller(item.lane_bytes, item.bytes - begin);
  return {item.bytes,
          begin,
          bytes,
          item.piece_bytes,
          item.lanes,
          tag,
          static_cast<device::Protocol>(item.protocol),
          nullptr,
          item.paired,
          lane_step};
}

/// One exchange. Work with peers is cut into visits, a visit being one lane of one message. Each
/// block makes its own in each role, by items and then by lanes, both ascending. A block's two
/// roles, send and receive, run side by side and never wait for each other, and items are in the
/// order of hops, which is the same at both ends of a message. So the lowest unfinished visit of
/// all ranks can always go on, whatever their numbers of blocks and however each rank shares them
/// out in each role.
/// `Lists` is WorkLists, or has what that has. `Gathers` is for exchanges with layouts; without
/// them copies are all that the hooks do.
template <class Device, class Lists, bool Gathers = false>
struct Exchange {
  ExchangeArgs args;
  Lists lists;

  CAUSEWAY_FN std::uint32_t blocks() const { return args.split.blocks; }
  /// The same in one block, whose lists of visits go to `visits`. On the host.
  Exchange as_one_block(Visits (&visits)[2]) const {
    Exchange result = *this;
    result.args.split = {1, 1, 0};
    visits[kSends] = visits[kReceives] = no_visits();
    if (args.sends > 0) visits[kSends] = all_visits(lists.send[0].peer);
    if (args.receives > 0) visits[kReceives] = all_visits(lists.receive[0].peer);
    result.lists.visits = visits;
    result.lists.short_visits = nullptr;
    return result;
  }

  /// Sends what the block has to send. Calls gate.open() before it reads what launches and programs
  /// change, and gate(), which is a barrier too, before it writes; false ends the role. All threads
  /// of the group call both. In launches that may come early, what the first visit needs that never
  /// changes has been worked out before, while the GPU is busy with what precedes the launch;
  /// others read all at once.
  CAUSEWAY_TEMPLATE
  template <device::Group G, class Gate>
  CAUSEWAY_FN void send(const G& group, std::uint32_t block, Gate&& gate) const {
    const Visits visits = lists.visits_of(args, kSends, block);
    const Sending<G> sending{*this, group, visits.lane_step};
    if (!serve(group, visits, lists.send, args.sends, gate, sending)) return;
    if (block < args.split.first_self || args.declined) return;
    move_to_self(group, *this, block - args.split.first_self);
  }

  /// Receives what the block has to receive; likewise.
  CAUSEWAY_TEMPLATE
  template <device::Group G, class Gate>
  CAUSEWAY_FN void receive(const G& group, std::uint32_t block, Gate&& gate) const {
    const Visits visits = lists.visits_of(args, kReceives, block);
    const Receiving<G> receiving{*this, group, visits.lane_step};
    serve(group, visits, lists.receive, args.receives, gate, receiving);
  }

  /// True when no send would wait, so that one thread may run all sends before all receives.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool sends_at_once() const {
    if (args.declined) return false;
    for (std::uint32_t i = 0; i < args.sends; ++i) {
      const SendItem& item = lists.send[i];
      for (std::uint32_t lane = 0; lane < item.lanes; ++lane) {
        if (!device::sends_at_once<Device>(args.comm.send_channel(item.peer, lane),
                                           lane_share(item, args.send_tag, lane), 1)) {
          return false;
        }
      }
    }
    return true;
  }

  /// One block's receives of items [first, last) alone; `visits` as above. On the host.
  Exchange with_receives(std::uint32_t first, std::uint32_t last, Visits (&visits)[2]) const {
    Exchange result = *this;
    result.args.receives = last - first;
    result.lists.receive += first;
    return result.as_one_block(visits);
  }

  /// True when receiving an item would wait for no rank that has not begun to send it.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool has_come(std::uint32_t item) const {
    const ReceiveItem& receive = lists.receive[item];
    return device::has_come<Device>(args.comm.receive_channel(receive.peer, 0),
                                    request_for(receive, 1));
  }

  /// Waits until all that receivers read where it lies has been read. Called by one thread once
  /// both roles of all blocks have ended.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void await_pulled() const {
    each_pulled([&](const device::SendChannel& channel, const device::Share& share) {
      return device::await_pulled<Device>(channel, share, args.comm.control);
    });
  }

  /// True when that would not wait.
  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN bool is_pulled() const {
    return each_pulled([](const device::SendChannel& channel, const device::Share& share) {
      return device::is_pulled<Device>(channel, share);
    });
  }

 private:
  /// Calls call(channel, share) for what receivers read where it lies, until one is false.
  CAUSEWAY_TEMPLATE
  template <class Call>
  CAUSEWAY_FN bool each_pulled(Call&& call) const {
    for (std::uint32_t i = 0; i < args.sends && !args.declined; ++i) {
      const SendItem& item = lists.send[i];
      if (static_cast<device::Protocol>(item.protocol) != device::Protocol::kPull) continue;
      for (std::uint32_t lane = 0; lane < item.lanes; ++lane) {
        const device::SendChannel& channel = args.comm.send_channel(item.peer, lane);
        if (!call(channel, lane_share(item, args.send_tag, lane))) return false;
      }
    }
    return true;
  }

  static constexpr Visits all_visits(std::uint32_t first_peer) {
    return {0, static_cast<std::uint16_t>(first_peer), 0, 1};
  }

  using Source = std::conditional_t<Gathers, device::GatherFrom<Device>, device::CopyFrom<Device>>;
  using Destination =
      std::conditional_t<Gathers, device::ScatterTo<Device>, device::CopyTo<Device>>;

  /// The visits of a role that sends: find() and read() bring what one needs. The hook is apart: it
  /// is handed on by reference, and what lies beside it would not stay in registers.
  template <class G>
  struct Sending {
    using Hook = Source;

    const Exchange& exchange;
    const G& group;
    std::uint32_t lane_step;
    device::ChannelState* states = nullptr;   ///< of the peer's channels
    const std::uint64_t* progress = nullptr;  ///< of the peer, for read_ahead()
    const device::SendChannel* channel = nullptr;
    device::Share share{};
    device::SendAhead ahead{};

    CAUSEWAY_TEMPLATE
    CAUSEWAY_FN void find(const SendItem& item, std::uint32_t peer, std::uint32_t lane,
                          Source& hook) {
      const device::Communicator& comm = exchange.args.comm;
      states = comm.states_of(peer);
      const device::SendChannel& far = comm.send_channel(peer, lane);
      progress = item.paired ? &states[1].heard : &far.first_words->taken;
      channel = &device::bring_near(group, far);
      share = exchange.share_for(item, lane, lane_step);
      hook = exchange.source(item.offset, item.layout);
    }
    CAUSEWAY_TEMPLATE
    CAUSEWAY_FN void read(std::uint32_t lane, const Source& hook) {
      device::bring_state_near(group, &states[2 * lane]);
      device::read_ahead<Device>(group, share, progress, hook, ahead);
    }
    CAUSEWAY_TEMPLATE
    CAUSEWAY_FN void prepare(const Source& hook) {
      device::with_peer_link<Device>(
          channel->link, exchange.args.comm.control,
          [&](const auto& link) { device::prepare_send(link, *channel, share, hook, ahead); });
    }
    /// The lanes of the message; 0 when a wait was given up.
    CAUSEWAY_TEMPLATE
    CAUSEWAY_FN std::uint32_t move(const Source& hook) {
      ahead.sequence = channel->state->sequence + 1;
      const device::WaitControl& control = exchange.args.comm.control;
      bool sent = false;
      device::with_peer_link<Device>(channel->link, control, [&](const auto& link) {
        sent = device::send(group, link, *channel, share, control, hook, ahead);
      });
      return sent ? share.lanes : 0;
    }
  };

  /// The visits of a role that receives.
  template <class G>
  struct Receiving {
    using Hook = Destination;

    const Exchange& exchange;
    const G& group;
    std::uint32_t lane_step;
    device::ChannelState* states = nullptr;
    const device::ReceiveChannel* channel = nullptr;
    device::Request request{};
    device::ReceiveAhead ahead{};

    CAUSEWAY_TEMPLATE
    CAUSEWAY_FN void find(const ReceiveItem& item, std::uint32_t peer, std::uint32_t lane,
                          Destination& hook) {
      const device::Communicator& comm = exchange.args.comm;
      states = comm.states_of(peer);
      channel = &device::bring_near(group, comm.receive_channel(peer, lane));
      request = exchange.request_for(item, lane_step);
      hook = exchange.destination(item.offset, item.layout);
    }
    CAUSEWAY_TEMPLATE
    CAUSEWAY_FN void read(std::uint32_t lane, const Destination&) {
      device::bring_state_near(group, &states[2 * lane + 1]);
    }
    CAUSEWAY_TEMPLATE
    CAUSEWAY_FN void prepare(const Destination&) {
      ahead = device::prepare_receive(group, *channel, request);
    }
    CAUSEWAY_TEMPLATE
    CAUSEWAY_FN std::uint32_t move(const Destination& hook) {
      ahead.sequence = channel->state->sequence + 1;
      const device::WaitControl& control = exchange.args.comm.control;
      device::Received received{};
      device::with_peer_link<Device>(channel->link, control, [&](const auto& link) {
        received = device::receive(group, link, *channel, request, control, hook, ahead);
      });
      // A message of nothing has lane 0 all the same.
      return received ? received.lanes + (received.lanes == 0 ? 1 : 0) : 0;
    }
  };

  /// Makes a block's visits in one role, of `count` items. False when a wait was given up, or the
  /// gate did not let the group in.
  CAUSEWAY_TEMPLATE
  template <class G, class Item, class Gate, class Part>
  CAUSEWAY_FN bool serve(const G& group, const Visits& visits, const Item* items,
                         std::uint32_t count, Gate&& gate, Part part) const {
    typename Part::Hook hook{};
    std::uint32_t item = visits.item;
    std::uint32_t lane = visits.lane;
    std::uint32_t lanes = args.comm.lanes;
    const bool has_visits = item < count;
    if (has_visits) part.find(items[item], visits.peer, lane, hook);
    const bool early = has_visits && args.overlap.with_next;
    if (early) {
      device::await_near(group);
      group.sync();
      part.prepare(hook);
    }
    gate.open();
    if (has_visits) part.read(lane, hook);
    device::await_near(group);
    if (!gate()) return false;
    if (has_visits && !early) part.prepare(hook);
    while (item < count) {
      // All lanes of a pair have come equally far.
      const std::uint32_t found = part.move(hook);
      if (found == 0) return false;
      lanes = device::smaller(lanes, found);
      lane += visits.lane_step;
      if (lane >= lanes) {
        item += args.split.peer_blocks;
        if (item >= count) break;
        lane = visits.lane;
        lanes = args.comm.lanes;
      }
      group.sync();
      part.find(items[item], items[item].peer, lane, hook);
      part.read(lane, hook);
      device::await_near(group);
      group.sync();
      part.prepare(hook);
    }
    return true;
  }

  /// What a lane carries of a message.
  CAUSEWAY_FN device::Share share_for(const SendItem& item, std::uint32_t lane,
                                      std::uint32_t lane_step) const {
    if (!args.declined) return lane_share(item, args.send_tag, lane, lane_step);
    const auto protocol = lane == 0 ? device::Protocol::kDeclined : device::Protocol::kStaged;
    return {0, 0, 0, 1, 1, args.send_tag, protocol, nullptr, item.paired, lane_step};
  }

  /// What is asked of a peer.
  CAUSEWAY_FN device::Request request_for(const ReceiveItem& item, std::uint32_t lane_step) const {
    device::Request request{args.declined ? 0 : item.bytes,
                            args.declined,
                            args.any_tag,
                            args.declined ? 0 : args.receive_tag,
                            nullptr,
                            item.paired,
                            args.declined || !item.answered,
                            lane_step,
                            static_cast<device::Protocol>(item.protocol),
                            item.lane_bytes};
    if (!args.declined) request.info = args.info;
    if (item.layout == 0 && args.region != device::kNoRegion && request.bytes > 0) {
      request.region = args.region;
      request.region_offset = args.region_offset + static_cast<std::uint64_t>(item.offset);
    }
    return request;
  }

  CAUSEWAY_FN device::Layout layout(std::uint32_t index) const {
    return index == 0 ? device::Layout{} : args.layouts[index];
  }
  CAUSEWAY_FN Source source(std::int64_t offset, std::uint32_t layout_index) const {
    const std::byte* const from = args.sendbuf + offset;
    if constexpr (Gathers) {
      return {from, layout(layout_index)};
    } else {
      return {from};
    }
  }
  CAUSEWAY_FN Destination destination(std::int64_t offset, std::uint32_t layout_index) const {
    std::byte* const to = args.recvbuf + offset;
    if constexpr (Gathers) {
      return {to, layout(layout_index)};
    } else {
      return {to};
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
    const SelfItem& item = args.self;
    std::uint32_t parts = args.split.blocks - args.split.first_self;
    if constexpr (Gathers) {
      parts = device::smaller(parts, args.comm.lanes);
      if (part >= parts) return;
    }
    const std::uint64_t part_bytes = lane_bytes_of(item.bytes, parts);
    const std::uint64_t begin = device::smaller(part * part_bytes, item.bytes);
    const std::uint64_t bytes = device::smaller(part_bytes, item.bytes - begin);
    const device::SendChannel& channel = args.comm.send_channel(args.comm.rank, Gathers ? part : 0);
    device::move_self(group, device::SelfLink<Device>{channel.link.segment}, channel, begin,
                      device::accepted_bytes(begin, bytes, item.asked, 1),
                      operation.source(item.from, item.from_layout),
                      operation.destination(item.to, item.to_layout));
    if (part == 0 && item.bytes > item.asked && group.rank() == 0) {
      device::report_fault<Device>(
          args.comm.control, {device::Fault::kTruncated, device::WaitFor::kNothing, args.comm.rank,
                              0, 0, item.bytes, item.asked, 0});
    }
  }
};

}  // namespace causeway::kernels
