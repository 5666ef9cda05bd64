// Sharing: which ranks can share memory, found out by trying.
#include "sharing.hpp"

#include "log.hpp"
#include "shared_segment.hpp"

#include <causeway/device/host_device.hpp>

#include <algorithm>
#include <cstring>
#include <map>

namespace causeway {

namespace {

constexpr std::size_t kWordBits = 64;

/// One rank's part in the trial.
class Trial {
 public:
  Trial(Bootstrap& bootstrap, const std::vector<Place>& places)
      : bootstrap_(bootstrap),
        own_(static_cast<std::size_t>(bootstrap.rank())),
        places_(places),
        opened_(places),
        why_(places.size()) {}

  /// Collective: offers a page that says whose it is.
  Status offer() {
    int descriptor = -1;
    const auto make = [&]() -> Status {
      CAUSEWAY_TRY(make_page());
      descriptor = page_->descriptor();
      return {};
    };
    return allgather(bootstrap_, make, descriptor, &descriptors_);
  }

  /// Collective: opens the pages that are not open yet, and tells the others of those that are.
  /// Nobody lets go of a page before all have tried.
  Status open(Reach reach) {
    const std::size_t words = opened_.words_of_rank();
    std::vector<std::uint64_t> told;
    CAUSEWAY_TRY(agree(bootstrap_, [&]() -> Status {
      for (const std::size_t rank : opened_.neighbours(own_)) {
        if (!opened_.has(own_, rank)) opened_.set(own_, rank, try_rank(rank, reach));
      }
      const auto mine = opened_.words().begin() + static_cast<std::ptrdiff_t>(own_ * words);
      told.assign(mine, mine + static_cast<std::ptrdiff_t>(words));
      bootstrap_.reserve(words * sizeof told[0]);
      return {};
    }));
    return bootstrap_.allgather(told.data(), words * sizeof told[0], opened_.words().data());
  }

  const Opened& opened() const { return opened_; }

  /// Why this rank is not of one host with others of its host_id as it was, by rank.
  std::vector<std::string> reasons(const std::vector<Place>& split) const {
    std::vector<std::string> why(split.size());
    for (const std::size_t rank : opened_.neighbours(own_)) {
      if (split[rank].host_id == split[own_].host_id) continue;
      why[rank] = "the same host, but ";
      if (!opened_.has(own_, rank)) {
        why[rank] += why_[rank];
      } else if (!opened_.has(rank, own_)) {
        why[rank] += "it cannot open this rank's memory";
      } else {
        why[rank] += "not all ranks that share memory with one of the two do with the other";
      }
    }
    return why;
  }

  /// Says why the host falls apart, if no lower rank has something to say.
  void log_reason() const {
    for (const std::size_t from : opened_.neighbours(own_)) {
      for (const std::size_t to : opened_.neighbours(own_)) {
        if (opened_.has(from, to)) continue;
        if (from != own_) return;
        log(LogLevel::kWarn,
            "rank %zu and rank %zu both run on %s, but %s; ranks that do not share memory count as "
            "ranks of different hosts",
            from, to, places_[own_].host_name, why_[to].c_str());
        return;
      }
    }
  }

 private:
  Status make_page() {
    CAUSEWAY_TRY(SharedSegment::create(sizeof(std::uint64_t), &page_));
    std::memcpy(page_->data(), &places_[own_].process_id, sizeof(std::uint64_t));
    return {};
  }

  bool try_rank(std::size_t rank, Reach reach) {
    const Place& place = places_[rank];
    if (place.process_id == places_[own_].process_id) return true;
    std::shared_ptr<SharedSegment> page;
    const Status status =
        SharedSegment::open(place.desk, descriptors_[rank], sizeof(std::uint64_t), reach, &page);
    why_[rank] = status.message();
    if (!status.ok()) return false;
    why_[rank] = "the memory that was opened is another process's";
    return std::memcmp(page->data(), &place.process_id, sizeof place.process_id) == 0;
  }

  Bootstrap& bootstrap_;
  const std::size_t own_;
  const std::vector<Place>& places_;
  Opened opened_;
  std::shared_ptr<SharedSegment> page_;
  std::vector<int> descriptors_;
  std::vector<std::string> why_;  ///< by rank: its memory could not be opened
};

/// Whether there is anything to try, on any rank.
bool has_neighbours(const std::vector<Place>& places) {
  std::map<std::uint64_t, std::uint64_t> processes;
  return std::ranges::any_of(places, [&](const Place& place) {
    return processes.emplace(place.host_id, place.process_id).first->second != place.process_id;
  });
}

}  // namespace

Opened::Opened(const std::vector<Place>& places) {
  std::map<std::uint64_t, std::size_t> group_of_name;
  std::size_t most = 0;
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    const auto group = group_of_name.emplace(places[rank].host_id, groups_.size()).first->second;
    if (group == groups_.size()) groups_.emplace_back();
    group_of_.push_back(group);
    position_.push_back(groups_[group].size());
    groups_[group].push_back(rank);
    most = std::max(most, groups_[group].size());
  }
  words_of_rank_ = (most + kWordBits - 1) / kWordBits;
  words_.resize(words_of_rank_ * places.size());
}

bool Opened::has(std::size_t from, std::size_t to) const {
  const std::size_t bit = position_[to];
  return (words_[from * words_of_rank_ + bit / kWordBits] >> bit % kWordBits & 1) != 0;
}

void Opened::set(std::size_t from, std::size_t to, bool opened) {
  const std::size_t bit = position_[to];
  std::uint64_t& word = words_[from * words_of_rank_ + bit / kWordBits];
  word &= ~(std::uint64_t{1} << bit % kWordBits);
  word |= std::uint64_t{opened} << bit % kWordBits;
}

bool Opened::complete(std::size_t rank) const {
  return std::ranges::all_of(neighbours(rank),
                             [&](std::size_t other) { return share(rank, other); });
}

bool Opened::complete() const {
  for (std::size_t rank = 0; rank < group_of_.size(); ++rank) {
    if (!complete(rank)) return false;
  }
  return true;
}

void split_hosts(const Opened& opened, std::vector<Place>* places) {
  std::vector<std::uint64_t> ids(places->size());
  for (std::size_t rank = 0; rank < places->size(); ++rank) {
    const auto& neighbours = opened.neighbours(rank);
    if (neighbours.front() != rank) continue;
    std::vector<std::vector<std::size_t>> hosts;
    for (const std::size_t joining : neighbours) {
      auto host = std::ranges::find_if(hosts, [&](const auto& members) {
        return std::ranges::all_of(
            members, [&](std::size_t member) { return opened.share(joining, member); });
      });
      if (host == hosts.end()) host = hosts.emplace(host);
      host->push_back(joining);
      const std::size_t first = host->front();
      const std::uint64_t apart = first == rank ? 0 : (first + 1) * 0xd1b54a32d192ed03U;
      ids[joining] = (*places)[rank].host_id ^ apart;
    }
  }
  for (std::size_t rank = 0; rank < places->size(); ++rank) (*places)[rank].host_id = ids[rank];
}

Status share_by_trial(Bootstrap& bootstrap, std::vector<Place>* places,
                      std::vector<std::string>* why_apart,
                      std::shared_ptr<DescriptorServer>* server) {
  std::vector<Place> named;
  std::unique_ptr<Trial> trial;
  CAUSEWAY_TRY(agree(bootstrap, [&]() -> Status {
    why_apart->clear();
    server->reset();
    if (!has_neighbours(*places)) return {};
    named = *places;
    trial = std::make_unique<Trial>(bootstrap, named);
    return {};
  }));
  if (!trial) return {};
  CAUSEWAY_TRY(trial->offer());
  CAUSEWAY_TRY(trial->open(Reach::kTrace));
  if (trial->opened().complete()) return {};
  // Behind this all serve that have to.
  CAUSEWAY_TRY(agree(bootstrap, [&]() -> Status {
    if (trial->opened().complete(static_cast<std::size_t>(bootstrap.rank()))) return {};
    const Status serves = DescriptorServer::get(server);
    if (!serves.ok()) {
      log(LogLevel::kWarn, "rank %d cannot hand its memory to others: %s", bootstrap.rank(),
          serves.message().c_str());
    }
    return {};
  }));
  CAUSEWAY_TRY(trial->open(Reach::kAny));
  if (trial->opened().complete()) return {};
  return agree(bootstrap, [&]() -> Status {
    split_hosts(trial->opened(), places);
    *why_apart = trial->reasons(*places);
    trial->log_reason();
    return {};
  });
}

bool reads_host_ranks(const Topology& topology) {
  return std::ranges::all_of(topology.host_ranks(), [&](int rank) {
    const Place& place = topology.place(rank);
    std::uint64_t found = 0;
    return topology.same_process(rank) ||
           (device::HostDevice::read_process(place.desk.pid, &found, place.process_id_at,
                                             sizeof found) == 0 &&
            found == place.process_id);
  });
}

}  // namespace causeway
