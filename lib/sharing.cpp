// Sharing: which ranks can share memory, found out by trying.
#include "sharing.hpp"

#include "log.hpp"
#include "shared_segment.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace causeway {

namespace {

std::size_t index_of(int rank) { return static_cast<std::size_t>(rank); }

/// Bits of a word that say which ranks' memory a rank has opened, those of its host_id by their
/// place among them.
constexpr std::size_t kWordBits = 64;

/// One rank's part in the trial.
class Trial {
 public:
  Trial(Bootstrap& bootstrap, const std::vector<Place>& places)
      : bootstrap_(bootstrap), places_(places), why_(places.size()), done_(places.size()) {
    std::vector<std::uint64_t> names;
    for (const Place& place : places) names.push_back(place.host_id);
    for (std::size_t rank = 0; rank < names.size(); ++rank) {
      const auto before =
          std::count(names.begin(), names.begin() + static_cast<long>(rank), names[rank]);
      positions_.push_back(static_cast<std::size_t>(before));
      most_ = std::max(most_, positions_.back() + 1);
    }
  }

  /// Offers a page that says whose it is.
  Status offer() {
    CAUSEWAY_TRY(agree(bootstrap_, make_page()));
    return allgather(bootstrap_, page_->descriptor(), &descriptors_);
  }

  /// Opens the pages that are not open yet, and tells the others of those that are. Nobody lets go
  /// of a page before all have tried.
  Status open(Reach reach, Opened* opened) {
    for (std::size_t rank = 0; rank < places_.size(); ++rank) {
      if (!done_[rank]) done_[rank] = is_of_name(rank) && try_rank(rank, reach);
    }
    return tell(opened);
  }

  const Place& own() const { return places_[index_of(bootstrap_.rank())]; }
  bool is_of_name(std::size_t rank) const { return places_[rank].host_id == own().host_id; }
  const std::string& why(std::size_t rank) const { return why_[rank]; }

 private:
  Status make_page() {
    CAUSEWAY_TRY(SharedSegment::create(sizeof(std::uint64_t), &page_));
    std::memcpy(page_->data(), &own().process_id, sizeof(std::uint64_t));
    return {};
  }

  bool try_rank(std::size_t rank, Reach reach) {
    const Place& place = places_[rank];
    if (place.process_id == own().process_id) return true;
    std::shared_ptr<SharedSegment> page;
    const Status status =
        SharedSegment::open(place.desk, descriptors_[rank], sizeof(std::uint64_t), reach, &page);
    why_[rank] = status.message();
    if (!status.ok()) return false;
    const bool is_right =
        std::memcmp(page->data(), &place.process_id, sizeof place.process_id) == 0;
    if (!is_right) why_[rank] = "the memory that was opened is another process's";
    return is_right;
  }

  Status tell(Opened* opened) {
    const std::size_t words = (most_ + kWordBits - 1) / kWordBits;
    std::vector<std::uint64_t> mine(words);
    for (std::size_t rank = 0; rank < places_.size(); ++rank) {
      const std::size_t bit = positions_[rank];
      if (done_[rank]) mine[bit / kWordBits] |= std::uint64_t{1} << bit % kWordBits;
    }
    std::vector<std::uint64_t> all(words * places_.size());
    CAUSEWAY_TRY(bootstrap_.allgather(mine.data(), words * sizeof mine[0], all.data()));
    opened->assign(places_.size(), std::vector<bool>(places_.size()));
    for (std::size_t from = 0; from < places_.size(); ++from) {
      for (std::size_t to = 0; to < places_.size(); ++to) {
        if (places_[from].host_id != places_[to].host_id) continue;
        const std::size_t bit = positions_[to];
        (*opened)[from][to] = (all[from * words + bit / kWordBits] >> bit % kWordBits & 1) != 0;
      }
    }
    return {};
  }

  Bootstrap& bootstrap_;
  const std::vector<Place>& places_;
  std::vector<std::size_t> positions_;  ///< by rank: among those of its host_id
  std::size_t most_ = 0;                ///< ranks of one host_id
  std::shared_ptr<SharedSegment> page_;
  std::vector<int> descriptors_;
  std::vector<std::string> why_;
  std::vector<bool> done_;
};

/// Ranks of one host_id that have not opened each other's memory.
bool are_apart(const Opened& opened, const std::vector<Place>& places, std::size_t a,
               std::size_t b) {
  return places[a].host_id == places[b].host_id && !(opened[a][b] && opened[b][a]);
}

bool falls_apart(const Opened& opened, const std::vector<Place>& places, std::size_t rank) {
  for (std::size_t other = 0; other < places.size(); ++other) {
    if (are_apart(opened, places, rank, other)) return true;
  }
  return false;
}

/// Whether there is anything to try, on any rank.
bool has_neighbours(const std::vector<Place>& places) {
  std::map<std::uint64_t, std::uint64_t> processes;
  return std::ranges::any_of(places, [&](const Place& place) {
    return processes.emplace(place.host_id, place.process_id).first->second != place.process_id;
  });
}

/// The first rank of this rank's host_id that has not opened another's memory, and that one.
std::pair<std::size_t, std::size_t> first_apart(const Opened& opened,
                                                const std::vector<Place>& places, std::size_t own) {
  const std::uint64_t name = places[own].host_id;
  for (std::size_t from = 0; from < places.size(); ++from) {
    for (std::size_t to = 0; to < places.size(); ++to) {
      if (places[from].host_id == name && places[to].host_id == name && !opened[from][to]) {
        return {from, to};
      }
    }
  }
  return {places.size(), places.size()};
}

/// Why this rank is not of one host with others of its host_id, by rank.
std::vector<std::string> reasons(const Trial& trial, const Opened& opened,
                                 const std::vector<Place>& split, std::size_t own) {
  std::vector<std::string> why(split.size());
  for (std::size_t rank = 0; rank < split.size(); ++rank) {
    if (!trial.is_of_name(rank) || split[rank].host_id == split[own].host_id) continue;
    why[rank] = "the same host, but ";
    if (!opened[own][rank]) {
      why[rank] += trial.why(rank);
    } else if (!opened[rank][own]) {
      why[rank] += "it cannot open this rank's memory";
    } else {
      why[rank] += "not all ranks that share memory with one of the two do with the other";
    }
  }
  return why;
}

}  // namespace

void split_hosts(const Opened& opened, std::vector<Place>* places) {
  struct Host {
    std::uint64_t name;  ///< the host_id that its ranks had
    std::uint64_t id;
    std::vector<std::size_t> ranks;
  };
  std::vector<Host> hosts;
  for (std::size_t rank = 0; rank < places->size(); ++rank) {
    const std::uint64_t name = (*places)[rank].host_id;
    const auto takes = [&](const Host& host) {
      return host.name == name && std::ranges::all_of(host.ranks, [&](std::size_t member) {
               return opened[rank][member] && opened[member][rank];
             });
    };
    auto host = std::ranges::find_if(hosts, takes);
    if (host == hosts.end()) {
      const bool is_first = std::ranges::count(hosts, name, &Host::name) == 0;
      const std::uint64_t apart = is_first ? 0 : (rank + 1) * 0xd1b54a32d192ed03U;
      host = hosts.insert(host, {name, name ^ apart, {}});
    }
    host->ranks.push_back(rank);
  }
  for (const Host& host : hosts) {
    for (const std::size_t rank : host.ranks) (*places)[rank].host_id = host.id;
  }
}

Status share_by_trial(Bootstrap& bootstrap, std::vector<Place>* places,
                      std::vector<std::string>* why_apart,
                      std::shared_ptr<DescriptorServer>* server) {
  why_apart->clear();
  server->reset();
  if (!has_neighbours(*places)) return {};
  const auto own = index_of(bootstrap.rank());
  const std::vector<Place> named = *places;
  Trial trial(bootstrap, named);
  Opened opened;
  const auto any_falls_apart = [&] {
    for (std::size_t rank = 0; rank < named.size(); ++rank) {
      if (falls_apart(opened, named, rank)) return true;
    }
    return false;
  };
  CAUSEWAY_TRY(trial.offer());
  CAUSEWAY_TRY(trial.open(Reach::kTrace, &opened));
  if (!any_falls_apart()) return {};
  if (falls_apart(opened, named, own)) {
    const Status serves = DescriptorServer::get(server);
    if (!serves.ok()) {
      log(LogLevel::kWarn, "rank %zu cannot hand its memory to others: %s", own,
          serves.message().c_str());
    }
  }
  CAUSEWAY_TRY(agree(bootstrap, {}));  // all serve
  CAUSEWAY_TRY(trial.open(Reach::kAny, &opened));
  if (!any_falls_apart()) return {};
  split_hosts(opened, places);
  *why_apart = reasons(trial, opened, *places, own);
  const auto [from, to] = first_apart(opened, named, own);
  if (from == own) {
    log(LogLevel::kWarn,
        "rank %zu and rank %zu both run on %s, but %s; ranks that do not share memory exchange "
        "over "
        "the network",
        from, to, named[own].host_name, trial.why(to).c_str());
  }
  return {};
}

}  // namespace causeway
