// Planned exchanges by copy engines: whether all ranks may make one so, and which copies it is.
// Pure: no MPI, no device.
#include "engine.hpp"

#include <algorithm>

namespace causeway {

namespace {

/// A row has the numbers of entries of each kind, and then the entries, in the order of rounds: the
/// k-th one of a peer is of round k.
constexpr std::size_t kHead = 2;
constexpr std::size_t kSendWords = 1;  ///< the peer, and whether it is sent some bytes
constexpr std::size_t kAskWords = 3;   ///< the peer, bytes and place
constexpr std::uint64_t kSendsBytes = std::uint64_t{1} << 32;

/// Calls each(peer, block) for the edges of a pattern in one role, as a row has them.
template <class Each>
void for_each_edge(std::uint32_t self, const Pattern& pattern, std::vector<Edge> Round::*list,
                   std::optional<std::uint32_t> Round::*of_self, const Each& each) {
  for (const Round& round : pattern.rounds) {
    for (const Edge& edge : round.*list) each(edge.peer, edge.block);
    if (round.*of_self) each(self, *(round.*of_self));
  }
}

}  // namespace

std::vector<std::uint64_t> BlockTable::row(int self, const Pattern& pattern, const Buffers& buffers,
                                           const std::byte* region) {
  const auto own = static_cast<std::uint32_t>(self);
  std::vector<std::uint64_t> row(kHead);
  const auto add_send = [&](std::uint32_t peer, std::uint32_t block) {
    row.push_back(peer | (buffers.send[block].bytes > 0 ? kSendsBytes : 0));
    ++row[0];
  };
  const auto add_ask = [&](std::uint32_t peer, std::uint32_t place) {
    const Extent& block = buffers.receive[place];
    const std::byte* const begin = static_cast<const std::byte*>(buffers.recvbuf) + block.offset;
    const bool in_region = block.bytes != 0 && block.layout == nullptr;
    row.insert(row.end(),
               {peer, block.bytes, in_region ? static_cast<std::uint64_t>(begin - region) : 0});
    ++row[1];
  };
  for_each_edge(own, pattern, &Round::sends, &Round::to_self, add_send);
  for_each_edge(own, pattern, &Round::receives, &Round::from_self, add_ask);
  return row;
}

bool BlockTable::sends(std::uint32_t from, std::uint32_t to, std::size_t round) const {
  const auto row = row_of(from);
  for (const std::uint64_t entry : row.subspan(kHead, row[0] * kSendWords)) {
    if (static_cast<std::uint32_t>(entry) == to && round-- == 0) return (entry & kSendsBytes) != 0;
  }
  return false;
}

BlockTable::Asked BlockTable::asked(std::uint32_t by, std::uint32_t of, std::size_t round) const {
  const auto row = row_of(by);
  const auto entries = row.subspan(kHead + row[0] * kSendWords, row[1] * kAskWords);
  for (std::size_t i = 0; i < entries.size(); i += kAskWords) {
    if (entries[i] == of && round-- == 0) return {entries[i + 1], entries[i + 2]};
  }
  return {0, 0};
}

Shortage BlockTable::find_shortage(int self, const Pattern& pattern, const Buffers& buffers) const {
  const auto own = static_cast<std::uint32_t>(self);
  for (std::size_t k = 0; k < pattern.rounds.size(); ++k) {
    const Round& round = pattern.rounds[k];
    const auto look_at = [&](std::uint32_t peer, std::uint32_t block) {
      return Shortage{peer, buffers.send[block].bytes, asked(peer, own, k).bytes};
    };
    for (const Edge& edge : round.sends) {
      const Shortage found = look_at(edge.peer, edge.block);
      if (found.any()) return found;
    }
    if (!round.to_self) continue;
    const Shortage found = look_at(own, *round.to_self);
    if (found.any()) return found;
  }
  return {};
}

EngineVote vote_on_engine(const ScheduleLimits& limits, int self, const Pattern& pattern,
                          const Buffers& buffers, std::span<const Memory> peers) {
  const auto own = static_cast<std::uint32_t>(self);
  EngineVote vote{true, true, false};
  const auto send = [&](std::uint32_t peer, std::uint32_t place) {
    const Extent& block = buffers.send[place];
    const bool reached = block.bytes == 0 || peers[peer] != nullptr;
    vote.possible = vote.possible && block.layout == nullptr && reached;
    if (peer == own || block.bytes == 0) return;
    vote.sends = true;
    vote.wanted = vote.wanted && prefers_engine(limits, pattern.operation, peer, block.bytes);
  };
  const auto receive = [&](std::uint32_t, std::uint32_t place) {
    vote.possible = vote.possible && buffers.receive[place].layout == nullptr;
  };
  const auto is_far = [&](const Edge& edge) {
    return !limits.links.empty() && limits.links[edge.peer] != device::LinkKind::kMemory;
  };
  for (const Round& round : pattern.rounds) {
    vote.possible = vote.possible && std::ranges::none_of(round.sends, is_far) &&
                    std::ranges::none_of(round.receives, is_far);
  }
  for_each_edge(own, pattern, &Round::sends, &Round::to_self, send);
  for_each_edge(own, pattern, &Round::receives, &Round::from_self, receive);
  return vote;
}

bool go_by_engine(std::span<const EngineVote> votes) {
  const auto agrees = [](const EngineVote& vote) { return vote.possible && vote.wanted; };
  return std::ranges::all_of(votes, agrees) && std::ranges::any_of(votes, &EngineVote::sends);
}

std::vector<PeerCopy> EngineRound::copies(const Buffers& buffers,
                                          std::span<const Memory> peers) const {
  std::vector<PeerCopy> made;
  const auto add = [&](std::uint32_t peer, std::uint32_t place) {
    const Extent& block = buffers.send[place];
    if (block.bytes == 0) return;
    const BlockTable::Asked asked = table_.asked(peer, self_, number_);
    made.push_back({peers[peer].get() + asked.place,
                    static_cast<const std::byte*>(buffers.sendbuf) + block.offset, block.bytes});
  };
  for (const Edge& edge : round_.sends) add(edge.peer, edge.block);
  if (round_.to_self) add(self_, *round_.to_self);
  return made;
}

std::vector<std::uint32_t> EngineRound::senders() const {
  std::vector<std::uint32_t> ranks;
  for (const Edge& edge : round_.receives) {
    if (table_.sends(edge.peer, self_, number_)) ranks.push_back(edge.peer);
  }
  return ranks;
}

std::vector<std::uint32_t> EngineRound::receivers() const {
  std::vector<std::uint32_t> ranks;
  for (const Edge& edge : round_.sends) {
    if (table_.sends(self_, edge.peer, number_)) ranks.push_back(edge.peer);
  }
  return ranks;
}

std::uint64_t EngineRound::words_bytes() const { return 2 * most_words() * kWordBytes; }

Words EngineRound::words(const std::vector<std::uint32_t>& tells,
                         const std::vector<std::uint32_t>& hears) const {
  Words made;
  std::vector<Edge> sends;
  std::vector<Edge> receives;
  const auto add = [](const std::vector<std::uint32_t>& ranks, std::size_t first,
                      std::vector<Edge>* edges, std::vector<Extent>* blocks) {
    for (const std::uint32_t rank : ranks) {
      const std::size_t word = first + blocks->size();
      edges->push_back({rank, static_cast<std::uint32_t>(blocks->size())});
      blocks->push_back({static_cast<std::int64_t>(word * kWordBytes), kWordBytes});
    }
  };
  add(tells, 0, &sends, &made.send);
  add(hears, most_words(), &receives, &made.receive);
  made.pattern = pattern_of_edges(operation_, static_cast<int>(self_),
                                  static_cast<int>(table_.ranks()), sends, receives);
  if (made.pattern.rounds.empty()) made.pattern.rounds.emplace_back();
  return made;
}

}  // namespace causeway
