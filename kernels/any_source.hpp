// AnySourceExchange: an exchange of one message, which is received from any peer.
#pragma once

#include "exchange.hpp"

#include <causeway/device/any_source.hpp>

namespace causeway::kernels {

/// Up to one item of each role.
struct SingleItems {
  SendItem send[1];
  ReceiveItem receive[1];

  CAUSEWAY_FN constexpr Visits visits_of(const ExchangeArgs& args, Role role, std::uint32_t) const {
    if ((role == kSends ? args.sends : args.receives) == 0) return no_visits();
    const std::uint32_t peer = role == kSends ? send[0].peer : receive[0].peer;
    return {0, static_cast<std::uint16_t>(peer), 0, 1};
  }
};

/// Sends what there is to send, and, unless it is declined, receives one message from the first
/// peer whose next one is of the kind that is asked for, whatever receive[0].peer says; args.info
/// hears from whom. One block, since all lanes go with one peer. Gathers and scatters where layouts
/// are given.
template <class Device>
struct AnySourceExchange {
  using Single = Exchange<Device, SingleItems, true>;

  AnySourceExchange(const ExchangeArgs& exchange_args, const WorkLists& lists)
      : args(exchange_args) {
    args.split.blocks = 1;
    args.split.peer_blocks = 1;
    args.split.first_self = 0;
    if (args.sends > 0) items.send[0] = lists.send[0];
    if (args.receives > 0) items.receive[0] = lists.receive[0];
  }

  CAUSEWAY_FN std::uint32_t blocks() const { return 1; }

  CAUSEWAY_TEMPLATE
  template <device::Group G, class Gate>
  CAUSEWAY_FN void send(const G& group, std::uint32_t block, Gate&& gate) const {
    Single{args, items}.send(group, block, gate);
  }

  CAUSEWAY_TEMPLATE
  template <device::Group G, class Gate>
  CAUSEWAY_FN void receive(const G& group, std::uint32_t block, Gate&& gate) const {
    gate.open();
    if (!gate() || args.declined || args.receives == 0) return;
    std::uint64_t found = args.comm.size;
    if (group.rank() == 0) {
      const device::Request wanted{1, false, args.any_tag, args.receive_tag};
      found = device::find_sender<Device>(args.comm, wanted);
    }
    found = group.broadcast(found);
    if (found == args.comm.size) return;
    Single exchange{args, items};
    exchange.lists.receive[0].peer = static_cast<std::uint32_t>(found);
    exchange.receive(group, block, Entered<G>{group});
    if (group.rank() == 0 && args.info != nullptr) {
      args.info->source = static_cast<std::uint32_t>(found);
    }
  }

  CAUSEWAY_TEMPLATE
  CAUSEWAY_FN void await_pulled() const { Single{args, items}.await_pulled(); }

  /// Never: the roles run side by side, so that all ranks of a ring may wait for any source.
  CAUSEWAY_FN bool sends_at_once() const { return false; }
  AnySourceExchange as_one_block(Visits (&)[2]) const { return *this; }

  ExchangeArgs args;
  SingleItems items;

 private:
  /// The gate of a group that has passed its own: a barrier, no more.
  template <class G>
  struct Entered {
    const G& group;

    CAUSEWAY_FN void open() const {}
    CAUSEWAY_FN bool operator()() const {
      group.sync();
      return true;
    }
  };
};

}  // namespace causeway::kernels
