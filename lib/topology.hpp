// Topology: which ranks share what.
#pragma once

#include "bootstrap.hpp"

#include <sched.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

namespace causeway {

/// What runs exchanges.
enum class DeviceKind : std::uint32_t { kHost = 1, kCuda = 2 };

/// What a rank tells the others about where it runs. Plain data.
struct Place {
  std::uint64_t host_id;     ///< equal where processes can open each other's memory
  std::uint64_t process_id;  ///< random, one for the process: equal for threads of one
  pid_t pid;
  cpu_set_t processors;  ///< those that the process may run on
  char host_name[64];
};

/// Where this process runs.
Place this_place();

/// The ranks of one communicator, grouped by host.
class Topology {
 public:
  Topology() = default;
  Topology(int rank, std::vector<Place> places);

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(places_.size()); }
  const Place& place(int rank) const { return places_[static_cast<std::size_t>(rank)]; }

  /// Ranks on the same host as this one, ascending, this one among them. Every rank of the host has
  /// the same list.
  const std::vector<int>& host_ranks() const { return host_ranks_; }

  /// This rank's index in host_ranks().
  int host_rank() const { return host_rank_; }

  bool same_host(int rank) const { return place(rank).host_id == place(rank_).host_id; }
  bool same_process(int rank) const { return place(rank).process_id == place(rank_).process_id; }

  /// True when every rank of this host can have a processor to itself.
  bool has_processor_per_rank() const;

  /// Ranks on other hosts, ascending.
  const std::vector<int>& remote_ranks() const { return remote_ranks_; }

  /// An error that names a pair of ranks on different hosts, the same on every rank, where there is
  /// no network link.
  Status check_one_host() const;

 private:
  int rank_ = 0;
  std::vector<Place> places_;
  std::vector<int> host_ranks_;
  std::vector<int> remote_ranks_;
  int host_rank_ = 0;
};

}  // namespace causeway
