// Planned exchanges by copy engines: whether all ranks may make one so, and which copies it is.
// Pure: no MPI, no device.
#include "engine.hpp"

#include <algorithm>

namespace causeway {

namespace {

/// Words to those ranks that Tells names, and from those that Hears names.
template <class Tells, class Hears>
Words words(std::size_t ranks, std::size_t self, const Tells& tells, const Hears& hears) {
  Words made;
  for (std::size_t peer = 0; peer < ranks; ++peer) {
    const auto extent = [&](bool any, std::size_t index) {
      return Extent{static_cast<std::int64_t>(index * kWordBytes),
                    any && peer != self ? kWordBytes : 0};
    };
    made.send.push_back(extent(tells(peer), peer));
    made.receive.push_back(extent(hears(peer), ranks + peer));
  }
  return made;
}

}  // namespace

std::vector<std::uint64_t> BlockTable::row(std::span<const Extent> send,
                                           std::span<const Extent> receive,
                                           const std::byte* recvbuf, const std::byte* region) {
  std::vector<std::uint64_t> row;
  for (const Extent& block : send) row.push_back(block.bytes);
  for (const Extent& block : receive) row.push_back(block.bytes);
  for (const Extent& block : receive) {
    const bool in_region = block.bytes != 0 && block.layout == nullptr;
    row.push_back(in_region ? static_cast<std::uint64_t>(recvbuf + block.offset - region) : 0);
  }
  return row;
}

EngineVote vote_on_engine(const ScheduleLimits& limits, int self, std::span<const Extent> send,
                          std::span<const Extent> receive, std::span<const Memory> peers) {
  const auto own = static_cast<std::size_t>(self);
  EngineVote vote{true, true, false};
  for (std::size_t peer = 0; peer < send.size(); ++peer) {
    const std::uint64_t bytes = send[peer].bytes;
    const bool memory_link =
        limits.links.empty() || peer == own || limits.links[peer] == device::LinkKind::kMemory;
    const bool in_a_row = send[peer].layout == nullptr && receive[peer].layout == nullptr;
    const bool reached = bytes == 0 || peers[peer] != nullptr;
    vote.possible = vote.possible && memory_link && in_a_row && reached;
    if (peer == own || bytes == 0) continue;
    vote.sends = true;
    vote.wanted = vote.wanted && prefers_engine(limits, peer, bytes);
  }
  return vote;
}

bool go_by_engine(std::span<const EngineVote> votes) {
  const auto agrees = [](const EngineVote& vote) { return vote.possible && vote.wanted; };
  return std::ranges::all_of(votes, agrees) && std::ranges::any_of(votes, &EngineVote::sends);
}

std::vector<PeerCopy> engine_copies(const BlockTable& table, int self, const std::byte* sendbuf,
                                    std::span<const Extent> send, std::span<const Memory> peers) {
  const auto own = static_cast<std::size_t>(self);
  std::vector<PeerCopy> copies;
  for (std::size_t hops = 1; hops <= table.ranks(); ++hops) {
    const std::size_t peer = (own + hops) % table.ranks();
    const std::uint64_t bytes = table.sent(own, peer);
    if (bytes == 0) continue;
    copies.push_back(
        {peers[peer].get() + table.place(peer, own), sendbuf + send[peer].offset, bytes});
  }
  return copies;
}

Words ready_words(const BlockTable& table, int self) {
  const auto own = static_cast<std::size_t>(self);
  return words(
      table.ranks(), own, [&](std::size_t peer) { return table.sent(peer, own) > 0; },
      [&](std::size_t peer) { return table.sent(own, peer) > 0; });
}

Words done_words(const BlockTable& table, int self) {
  const auto own = static_cast<std::size_t>(self);
  return words(
      table.ranks(), own, [&](std::size_t peer) { return table.sent(own, peer) > 0; },
      [&](std::size_t peer) { return table.sent(peer, own) > 0; });
}

}  // namespace causeway
