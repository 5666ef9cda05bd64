// Topology: which ranks share what.
#pragma once

#include "bootstrap.hpp"
#include "descriptor_server.hpp"

#include <sched.h>

#include <cstdint>
#include <string>

namespace causeway {

/// What a rank tells the others about where it runs. Plain data.
struct Place {
  std::uint64_t host_id;               ///< equal where processes may be able to share memory
  std::uint64_t process_id;            ///< random, one for the process: equal for threads of one,
  const std::uint64_t* process_id_at;  ///< and where the process has it
  DescriptorDesk desk;                 ///< of the process
  cpu_set_t processors;                ///< those that the process may run on
  char host_name[64];
};

/// Where this process runs.
Place this_place();

/// The ranks of one communicator, grouped by host.
class Topology {
 public:
  Topology() = default;
  /// `why_apart` says, by rank, why this rank does not share memory with one whose host has the
  /// same name; empty where there is nothing to say, or altogether.
  Topology(int rank, std::vector<Place> places, std::vector<std::string> why_apart = {});

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

  /// Why this rank does not share memory with one that could be expected to; empty for others.
  std::string why_apart(int rank) const {
    return why_apart_.empty() ? "" : why_apart_[static_cast<std::size_t>(rank)];
  }

  /// True when every rank of this host can have a processor to itself.
  bool has_processor_per_rank() const;

  /// True when every rank of this host can have two processors to itself, as far as it can tell,
  /// and this one may run on as many.
  bool has_spare_processors() const;

  /// Ranks on other hosts, ascending.
  const std::vector<int>& remote_ranks() const { return remote_ranks_; }

  /// An error that names a rank on another host than this one, for where there is no network link.
  Status check_one_host() const;

 private:
  /// Of this host that any of the ranks may run on.
  std::size_t processors() const;

  int rank_ = 0;
  std::vector<Place> places_;
  std::vector<std::string> why_apart_;
  std::vector<int> host_ranks_;
  std::vector<int> remote_ranks_;
  int host_rank_ = 0;
};

}  // namespace causeway
