// Topology: which ranks share what.
#include "topology.hpp"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string_view>

namespace causeway {

namespace {

/// FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 14695981039346656037U;
  for (const char c : text) {
    value = (value ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }
  return value;
}

std::string link_target(const char* path) {
  char target[128];
  const ssize_t length = readlink(path, target, sizeof target);
  return length < 0 ? std::string() : std::string(target, static_cast<std::size_t>(length));
}

}  // namespace

Place this_place() {
  Place place{};
  place.desk = own_desk();
  place.process_id = place.desk.name;
  place.process_id_at = &own_desk().name;
  sched_getaffinity(0, sizeof place.processors, &place.processors);
  gethostname(place.host_name, sizeof place.host_name - 1);
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  // Processes open each other's memory by process number, which counts within a PID namespace.
  place.host_id = hash(std::string(place.host_name) + '|' + boot + '|' +
                       link_target("/proc/self/ns/pid") + '|' + link_target("/proc/self/ns/ipc"));
  return place;
}

Topology::Topology(int rank, std::vector<Place> places, std::vector<std::string> why_apart)
    : rank_(rank), places_(std::move(places)), why_apart_(std::move(why_apart)) {
  for (int other = 0; other < size(); ++other) {
    if (!same_host(other)) {
      remote_ranks_.push_back(other);
      continue;
    }
    if (other == rank) host_rank_ = static_cast<int>(host_ranks_.size());
    host_ranks_.push_back(other);
  }
}

std::size_t Topology::processors() const {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  for (const int other : host_ranks_) {
    CPU_OR(&usable, &usable, &place(other).processors);
  }
  return static_cast<std::size_t>(CPU_COUNT(&usable));
}

bool Topology::has_processor_per_rank() const { return processors() >= host_ranks_.size(); }

bool Topology::has_spare_processors() const {
  return processors() >= 2 * host_ranks_.size() && CPU_COUNT(&place(rank_).processors) >= 2;
}

Status Topology::check_one_host() const {
  if (remote_ranks_.empty()) return {};
  const int other = remote_ranks_.front();
  const std::string why = why_apart(other);
  return Status::error(ErrorKind::kUnsupported,
                       "rank %d runs on %s and rank %d on %s%s, and this build has no UCX to link "
                       "hosts",
                       rank_, place(rank_).host_name, other, place(other).host_name,
                       why.empty() ? " (or in another container)" : (": " + why).c_str());
}

}  // namespace causeway
