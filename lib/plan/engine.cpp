// Planned exchanges by copy engines: whether all ranks may make one so, and which copies it is.
// Pure: no MPI, no device.
#include "engine.hpp"

#include <algorithm>

namespace causeway {

namespace {

/// A row has the numbers of entries of each kind, the tags of what is sent and of what is asked
/// for, and then the entries, in the order of rounds: the k-th one of a peer is of round k.
constexpr std::size_t kHead = 4;
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
  std::vector<std::uint64_t> row{0, 0, pattern.tags.send, pattern.tags.receive};
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

std::span<const std::uint64_t> BlockTable::sent(std::uint32_t from, std::uint32_t to,
                                                std::size_t round) const {
  const auto row = row_of(from);
  const auto entries = row.subspan(kHead, row[0] * kSendWords);
  for (std::size_t i = 0; i < entries.size(); i += kSendWords) {
    const bool is_to = static_cast<std::uint32_t>(entries[i]) == to;
    if (is_to && round-- == 0) return entries.subspan(i, kSendWords);
  }
  return {};
}

std::span<const std::uint64_t> BlockTable::received(std::uint32_t by, std::uint32_t of,
                                                    std::size_t round) const {
  const auto row = row_of(by);
  const auto entries = row.subspan(kHead + row[0] * kSendWords, row[1] * kAskWords);
  for (std::size_t i = 0; i < entries.size(); i += kAskWords) {
    if (entries[i] == of && round-- == 0) return entries.subspan(i, kAskWords);
  }
  return {};
}

bool BlockTable::sends(std::uint32_t from, std::uint32_t to, std::size_t round) const {
  const auto entry = sent(from, to, round);
  return !entry.empty() && (entry[0] & kSendsBytes) != 0;
}

BlockTable::Asked BlockTable::asked(std::uint32_t by, std::uint32_t of, std::size_t round) const {
  const auto entry = received(by, of, round);
  return entry.empty() ? Asked{0, 0} : Asked{entry[1], entry[2]};
}

/// What is wrong with a message, of which `message` has the ends and what is sent.
Mismatch BlockTable::compare(const Mismatch& message, std::size_t round) const {
  Mismatch found = message;
  const auto entry = received(message.to, message.from, round);
  const std::uint64_t tag = row_of(message.from)[2];
  const std::uint64_t asked_tag = row_of(message.to)[3];
  if (entry.empty()) {
    found.what = Mismatch::kNotReceived;
  } else if (sent(message.from, message.to, round).empty()) {
    found.what = Mismatch::kNotSent;
  } else if (tag != asked_tag) {
    found = {Mismatch::kTags, message.from, message.to, tag, asked_tag};
  } else if (message.sent > entry[1]) {
    found.what = Mismatch::kLonger;
    found.asked = entry[1];
  }
  return found;
}

Mismatch BlockTable::find_mismatch(int self, const Pattern& pattern, const Buffers& buffers) const {
  const auto own = static_cast<std::uint32_t>(self);
  for (std::size_t k = 0; k < pattern.rounds.size(); ++k) {
    const Round& round = pattern.rounds[k];
    std::vector<Mismatch> messages;
    for (const Edge& edge : round.sends) {
      messages.push_back({Mismatch::kNone, own, edge.peer, buffers.send[edge.block].bytes, 0});
    }
    for (const Edge& edge : round.receives) {
      messages.push_back({Mismatch::kNone, edge.peer, own, 0, 0});
    }
    if (round.to_self) {
      messages.push_back({Mismatch::kNone, own, own, buffers.send[*round.to_self].bytes, 0});
    }
    for (const Mismatch& message : messages) {
      const Mismatch found = compare(message, k);
      if (found.any()) return found;
    }
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
