// Schedules: how the blocks of an exchange travel. Pure: no MPI, no device.
#include "schedule.hpp"

#include <algorithm>
#include <optional>

namespace causeway {

namespace {

/// Lanes whose lines hold the largest messages, and the same of ll128. Ranks lay their memory
/// out by it.
constexpr std::uint64_t kLlLanes = 16;
constexpr std::uint64_t kLl128Lanes = 32;

/// A visit takes as long as moving about this many bytes, also one that only hears of nothing.
constexpr std::uint64_t kVisitBytes = 2 * 1024;

constexpr std::uint64_t kMostPiece = std::uint64_t{1} << 31;

device::LinkKind link_to(const ScheduleLimits& limits, std::size_t peer) {
  return limits.links.empty() ? device::LinkKind::kMemory : limits.links[peer];
}

bool has_ll(const ScheduleLimits& limits, std::size_t peer) {
  return limits.ll_bytes > 0 && link_to(limits, peer) == device::LinkKind::kMemory;
}

/// Whether messages to a peer may go straight into its memory. On the host device one thread runs
/// all sends before all receives where none would wait, as none does that is all eager.
bool may_go_direct(const ScheduleLimits& limits, std::size_t peer, std::uint64_t bytes) {
  return !limits.regions.empty() && limits.regions[peer] > 0 &&
         link_to(limits, peer) == device::LinkKind::kMemory &&
         (limits.tuner->device() != DeviceKind::kHost || bytes > limits.piece_bytes);
}

/// The lanes of a message: receivers count on each of them to carry some of it.
std::uint8_t lanes_for(const ScheduleLimits& limits, const Choice& choice, std::uint64_t bytes) {
  const std::uint64_t most = std::min<std::uint64_t>(limits.lanes, choice.lanes);
  std::uint64_t lanes = std::clamp<std::uint64_t>(bytes / choice.lane_bytes, 1, most);
  const bool by_ll128 = choice.protocol == Protocol::kLl128;
  if (by_ll128 || choice.protocol == Protocol::kLl) {
    const std::uint64_t room = by_ll128 ? ll128_bytes_for(limits.ll128_bytes, limits.lanes)
                                        : ll_bytes_for(limits.ll_bytes, limits.lanes);
    const std::uint64_t share = std::min(choice.lane_bytes, room);
    lanes = std::clamp<std::uint64_t>((bytes + share - 1) / share, 1, most);
    // However few lanes are wished for, their lines have to hold the message.
    lanes = std::max(lanes, (bytes + room - 1) / room);
  }
  if (bytes == 0) return 1;
  const std::uint64_t each = kernels::lane_bytes_of(bytes, lanes);
  return static_cast<std::uint8_t>((bytes + each - 1) / each);
}

/// Whether a message to a peer may be read by it where it lies: side by side, and no hook gathers.
bool may_be_pulled(const ScheduleLimits& limits, std::size_t peer, bool gathers) {
  return !limits.pullers.empty() && limits.pullers[peer] != 0 && !gathers &&
         link_to(limits, peer) == device::LinkKind::kMemory;
}

MessageFacts facts_of(const ScheduleLimits& limits, Operation operation, std::size_t peer,
                      std::uint64_t bytes, bool gathers) {
  return {operation,
          link_to(limits, peer),
          bytes,
          limits.max_blocks,
          has_ll(limits, peer) && bytes <= limits.ll_bytes,
          may_go_direct(limits, peer, bytes),
          false,
          has_ll(limits, peer) && limits.ll128_bytes > 0 && bytes <= limits.ll128_bytes,
          may_be_pulled(limits, peer, gathers)};
}

/// How a message travels.
struct Travel {
  Choice choice;
  std::uint8_t lanes;
};

/// Says so for the messages of one exchange. Many are alike, and then it is worked out once.
class Chooser {
 public:
  Chooser(const ScheduleLimits& limits, const Messages& messages)
      : limits_(limits), operation_(messages.operation), gathers_(messages.gathers) {}

  Travel choose(std::size_t peer, std::uint64_t bytes) {
    const MessageFacts message = facts_of(limits_, operation_, peer, bytes, gathers_);
    if (!last_ || *last_ != message) {
      travel_.choice = limits_.tuner->choose(message);
      travel_.lanes = lanes_for(limits_, travel_.choice, bytes);
      last_ = message;
    }
    return travel_;
  }

 private:
  const ScheduleLimits& limits_;
  const Operation operation_;
  const bool gathers_;
  std::optional<MessageFacts> last_;
  Travel travel_{};
};

/// The choice for what a rank sends itself.
Choice choose_for_self(const ScheduleLimits& limits, Operation operation, std::uint64_t bytes,
                       bool beside_lines) {
  return limits.tuner->choose(
      {operation, device::LinkKind::kSelf, bytes, limits.max_blocks, beside_lines, false});
}

/// What a multiprocessor copies in a second, and what a GPU's links carry all to all: measured on
/// H200s (osu_copy_rate).
constexpr double kBlockRate = 45e9;
constexpr double kLinkRate = 346e9;

/// Whether what a rank sends itself is sooner done by `self_blocks` blocks of its own, while
/// `peer_blocks` others serve the peers, than by all of them once these have.
bool self_is_faster_apart(const Schedule& schedule, std::uint32_t peer_blocks,
                          std::uint32_t self_blocks) {
  if (peer_blocks == 0) return true;
  double to_peers = 0;
  for (const Demand& demand : schedule.demands[kernels::kSends]) {
    to_peers += static_cast<double>(demand.work);
  }
  const auto to_self = static_cast<double>(schedule.args.self.bytes);
  const double peers = std::max(to_peers / peer_blocks / kBlockRate, to_peers / kLinkRate);
  const double apart = std::max(peers, to_self / self_blocks / kBlockRate);
  const double after = peers + to_self / (peer_blocks + self_blocks) / kBlockRate;
  return apart <= after;
}

/// What a role has to do with a peer. Without lines there is a group for every lane, of which those
/// that carry nothing wait for lane 0's word.
Demand demand_of(const ScheduleLimits& limits, std::size_t peer, std::uint64_t bytes,
                 std::uint32_t lanes) {
  const std::uint32_t visited = has_ll(limits, peer) ? lanes : limits.lanes;
  return {std::max(bytes, visited * kVisitBytes), visited, static_cast<std::uint32_t>(peer)};
}

kernels::SendItem send_item(const ScheduleLimits& limits, const Message& message,
                            const Travel& travel) {
  const std::uint64_t bytes = message.block->bytes;
  const std::uint64_t most_piece = std::min(limits.piece_bytes, kMostPiece);
  const bool largest = travel.choice.chunk == 0 && travel.choice.protocol != Protocol::kDirect;
  const std::uint64_t chunk = largest ? most_piece : travel.choice.chunk;
  return {message.block->offset,
          bytes,
          kernels::lane_bytes_of(bytes, travel.lanes),
          static_cast<std::uint32_t>(std::min(chunk, most_piece)),
          message.peer,
          0,
          travel.lanes,
          static_cast<std::uint8_t>(travel.choice.protocol),
          false};
}

kernels::ReceiveItem receive_item(const Message& message, const Travel& travel) {
  const std::uint64_t bytes = message.block->bytes;
  const std::uint64_t lane_bytes = kernels::lane_bytes_of(bytes, travel.lanes);
  return {message.block->offset,
          bytes,
          static_cast<std::uint32_t>(std::min<std::uint64_t>(lane_bytes, UINT32_MAX)),
          message.peer,
          0,
          static_cast<std::uint8_t>(travel.choice.protocol),
          false,
          false};
}

/// Finds out who is in both lists. Receives are in descending order of hops from here to the peer.
void pair_items(std::uint32_t self, std::uint32_t ranks, Schedule* schedule) {
  const auto hops_to = [&](std::uint32_t peer) {
    return peer > self ? peer - self : peer + ranks - self;
  };
  auto receive = schedule->receive.rbegin();
  for (kernels::SendItem& send : schedule->send) {
    const auto end = schedule->receive.rend();
    while (receive != end && hops_to(receive->peer) < hops_to(send.peer)) ++receive;
    if (receive == end || receive->peer != send.peer) continue;
    send.paired = true;
    receive->paired = true;
    receive->answered = send.bytes > 0;
  }
}

const Extent& no_block() {
  static const Extent nothing{0, 0};
  return nothing;
}

std::uint64_t part_of(std::uint64_t bytes, std::uint64_t parts) {
  return device::round_up((bytes + parts - 1) / parts, device::kLineBytes);
}

}  // namespace

std::uint64_t ll_bytes_for(std::uint64_t bytes, std::uint64_t lanes) {
  return part_of(bytes, std::min(lanes, kLlLanes));
}
std::uint64_t ll128_bytes_for(std::uint64_t bytes, std::uint64_t lanes) {
  return part_of(bytes, std::min(lanes, kLl128Lanes));
}

std::uint32_t most_useful_blocks(std::uint32_t lanes, std::uint32_t ranks) {
  return lanes * (ranks - 1) + kMostSelfBlocks;
}

bool prefers_engine(const ScheduleLimits& limits, Operation operation, std::size_t peer,
                    std::uint64_t bytes) {
  MessageFacts message = facts_of(limits, operation, peer, bytes, false);
  message.engine = message.link == device::LinkKind::kMemory;
  return limits.tuner->choose(message).protocol == Protocol::kEngine;
}

void list_messages(const Pattern& pattern, const Round& round, std::span<const Extent> send,
                   std::span<const Extent> receive, Messages* messages) {
  const auto block = [](std::span<const Extent> blocks, std::uint32_t place) {
    return blocks.empty() ? &no_block() : &blocks[place];
  };
  messages->operation = pattern.operation;
  messages->tags = pattern.tags;
  messages->any_source = pattern.any_source;
  messages->sends.clear();
  messages->receives.clear();
  for (const Edge& to : round.sends) messages->sends.push_back({to.peer, block(send, to.block)});
  for (const Edge& from : round.receives) {
    messages->receives.push_back({from.peer, block(receive, from.block)});
  }
  messages->to_self = round.to_self ? block(send, *round.to_self) : nullptr;
  messages->from_self = round.from_self ? block(receive, *round.from_self) : nullptr;
}

void make_schedule(const ScheduleLimits& limits, int self, int ranks, const Messages& messages,
                   Schedule* schedule) {
  auto& [sends, receives] = schedule->demands;
  schedule->send.clear();
  schedule->receive.clear();
  sends.clear();
  receives.clear();
  Chooser chooser(limits, messages);
  bool in_lines = limits.ll_bytes > 0;
  bool in_place = messages.in_place && !messages.receives.empty();
  std::uint32_t threads = 0;
  const auto choose = [&](const Message& message) {
    const Travel travel = chooser.choose(message.peer, message.block->bytes);
    const Protocol protocol = travel.choice.protocol;
    in_lines = in_lines && (protocol == Protocol::kLl || protocol == Protocol::kLl128);
    threads = std::max(threads, travel.choice.threads);
    return travel;
  };
  for (const Message& message : messages.sends) {
    const Travel travel = choose(message);
    schedule->send.push_back(send_item(limits, message, travel));
    sends.push_back(demand_of(limits, message.peer, message.block->bytes, travel.lanes));
  }
  for (const Message& message : messages.receives) {
    const Travel travel = choose(message);
    const std::uint64_t bytes = message.block->bytes;
    schedule->receive.push_back(receive_item(message, travel));
    receives.push_back(demand_of(limits, message.peer, bytes, travel.lanes));
    in_place = in_place && (bytes == 0 || travel.choice.protocol == Protocol::kDirect);
  }
  // What a rank sends and what it receives in one call may be of two calls at the other end.
  if (messages.operation != Operation::kSendrecv) {
    pair_items(static_cast<std::uint32_t>(self), static_cast<std::uint32_t>(ranks), schedule);
  }
  if (messages.any_source) {
    // Nothing is known of how it will come.
    for (kernels::ReceiveItem& item : schedule->receive) {
      item.protocol = static_cast<std::uint8_t>(Protocol::kStaged);
      item.lane_bytes = UINT32_MAX;
    }
  }
  const Extent& to_self = messages.to_self != nullptr ? *messages.to_self : no_block();
  const Extent& from_self = messages.from_self != nullptr ? *messages.from_self : no_block();
  // What little is copied beside messages in lines does not need a block's many threads.
  const Choice alone =
      choose_for_self(limits, messages.operation, to_self.bytes, limits.ll_bytes > 0);
  threads = std::max(threads, alone.threads);
  const bool beside_lines = in_lines && alone.protocol == Protocol::kLl;
  const Choice beside = choose_for_self(limits, messages.operation, to_self.bytes, beside_lines);
  schedule->self_blocks = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
      to_self.bytes / beside.lane_bytes, 1, std::min(beside.lanes, kMostSelfBlocks)));
  schedule->blocks_of_early = in_lines ? limits.max_ctas / 2 : 0;
  schedule->max_ctas = limits.max_ctas;
  kernels::ExchangeArgs& args = schedule->args;
  args.operation = messages.operation;
  args.send_tag = messages.tags.send;
  args.receive_tag = messages.tags.receive;
  args.any_tag = messages.tags.any;
  args.any_source = messages.any_source;
  args.sends = static_cast<std::uint32_t>(schedule->send.size());
  args.receives = static_cast<std::uint32_t>(schedule->receive.size());
  args.self = {to_self.offset, from_self.offset, to_self.bytes, from_self.bytes, 0, 0};
  args.split.threads = threads;
  // What comes in place is only heard of.
  args.split.send_threads = in_place ? threads - kernels::kThreadsThatHear : threads / 2;
  args.split =
      split_blocks(*schedule, messages.any_source ? 1 : limits.max_blocks, &schedule->visits);
}

kernels::BlockSplit split_blocks(const Schedule& schedule, std::uint32_t blocks,
                                 VisitLists* visits) {
  const auto& sends = schedule.demands[kernels::kSends];
  const auto& receives = schedule.demands[kernels::kReceives];
  const auto items = static_cast<std::uint32_t>(std::max(sends.size(), receives.size()));
  std::uint32_t peer_blocks = 0;
  if (items > 0) {
    // What cannot be divided between items alike is for the rank itself, if it has use of it.
    const std::uint32_t left = blocks > items ? std::min(blocks % items, schedule.self_blocks) : 0;
    peer_blocks = make_visits(sends, receives, blocks - left, visits);
  }
  const auto split = [&](std::uint32_t all, std::uint32_t first_self) {
    return kernels::BlockSplit{all, peer_blocks, first_self, schedule.args.split.threads,
                               schedule.args.split.send_threads};
  };
  if (peer_blocks == blocks) return split(blocks, 0);
  std::uint32_t self_blocks = std::min(blocks - peer_blocks, schedule.self_blocks);
  if (peer_blocks < schedule.blocks_of_early) {
    self_blocks = std::min(self_blocks, schedule.blocks_of_early - peer_blocks);
  }
  const bool apart = self_is_faster_apart(schedule, peer_blocks, self_blocks);
  return split(peer_blocks + self_blocks, apart ? peer_blocks : 0);
}

}  // namespace causeway
