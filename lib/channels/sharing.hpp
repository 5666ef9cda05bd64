// Sharing: which ranks can share memory, found out by trying.
#pragma once

#include "bootstrap.hpp"
#include "descriptor_server.hpp"
#include "topology.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace causeway {

/// Which ranks have opened which others' memory, among those of one host_id.
class Opened {
 public:
  /// Nobody has.
  explicit Opened(const std::vector<Place>& places);

  /// The ranks of this one's host_id, ascending, it among them.
  const std::vector<std::size_t>& neighbours(std::size_t rank) const {
    return groups_[group_of_[rank]];
  }

  /// Of a rank, a bit for each of its neighbours; all ranks have as many words.
  std::vector<std::uint64_t>& words() { return words_; }
  std::size_t words_of_rank() const { return words_of_rank_; }

  /// Of neighbours.
  bool has(std::size_t from, std::size_t to) const;
  void set(std::size_t from, std::size_t to, bool opened);
  bool share(std::size_t a, std::size_t b) const { return has(a, b) && has(b, a); }

  /// Whether a rank shares memory with all of its neighbours, and whether all ranks do.
  bool complete(std::size_t rank) const;
  bool complete() const;

 private:
  std::vector<std::vector<std::size_t>> groups_;  ///< in the order of their first ranks
  std::vector<std::size_t> group_of_;             ///< by rank
  std::vector<std::size_t> position_;             ///< by rank, in its group
  std::size_t words_of_rank_ = 0;
  std::vector<std::uint64_t> words_;
};

/// Splits the ranks of each host_id so that those of a host share memory, each with each, and gives
/// the hosts that come of it a host_id each. The same on every rank that calls it with the same
/// arguments: in rank order, each joins the first host all ranks of which it shares memory with.
void split_hosts(const Opened& opened, std::vector<Place>* places);

/// Collective: has the ranks of each host_id open each other's memory, and changes *places so that
/// it is equal for those alone that all can. Where some cannot look into others, their processes
/// serve their descriptors, and *server keeps them doing so. *why_apart is for Topology. The lowest
/// rank of a host that falls apart logs why. On failure every rank gets the same error.
Status share_by_trial(Bootstrap& bootstrap, std::vector<Place>* places,
                      std::vector<std::string>* why_apart,
                      std::shared_ptr<DescriptorServer>* server);

/// Whether this process can read the memory of all others of its host, found out by trying.
bool reads_host_ranks(const Topology& topology);

}  // namespace causeway
