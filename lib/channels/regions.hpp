// Regions: memory that the ranks of a communicator have registered for others to write to.
#pragma once

#include "bootstrap.hpp"
#include "channel_layout.hpp"
#include "device_memory.hpp"
#include "topology.hpp"

#include <memory>
#include <span>
#include <vector>

namespace causeway {

/// Where bytes lie in one of this rank's regions.
struct RegionPlace {
  std::uint64_t name = device::kNoRegion;  ///< or none
  std::uint64_t offset = 0;
};

/// A registration, as this rank sees it.
struct Region {
  std::uint64_t name;
  std::byte* base;  ///< of this rank's memory
  std::uint64_t bytes;
  std::vector<Memory> peers;         ///< by rank: as this rank's device addresses it; null where it
                                     ///< does not
  std::vector<std::uint64_t> sizes;  ///< by rank, in bytes
  Memory keep;                       ///< of what this rank gave, where the library made it
  Memory table;                      ///< of the device: peers' addresses and then sizes, by rank
};

/// What becomes of memory that is not in one allocation.
enum class Sharing {
  kChecked,     ///< an error
  kIfPossible,  ///< nobody shares it
};

/// The registrations of a communicator, and the tables in which its kernels look them up. A name is
/// in a peer's table as long as the peer may post it, and never comes back.
class RegionSet {
 public:
  /// Makes the tables. The others outlive the set.
  Status create(const Topology& topology, DeviceMemory& backend);

  /// By rank: kMostRegions views in memory of the device; null for ranks of other hosts.
  const device::RegionView* views(int rank) const;

  /// Collective: registers memory of this rank, and opens that of its peers. What cannot be shared
  /// is registered all the same. On failure every rank gets the same error.
  Status add(Bootstrap& bootstrap, void* base, std::uint64_t bytes, Sharing sharing,
             const Region** region);

  /// Collective, in the same order on all ranks, and none runs an exchange that uses the region.
  /// All ranks forget it, even where this returns an error.
  Status remove(Bootstrap& bootstrap, const Region* region);

  /// The region that holds bytes [begin, end), or none.
  RegionPlace find(const void* begin, const void* end) const;

  /// Another number whenever a region has come or gone.
  std::uint64_t changes() const { return changes_; }
  bool empty() const { return regions_.empty(); }

  /// How many of each rank's regions this rank can write to: what is referred to is kept up to
  /// date.
  std::span<const std::uint32_t> reachable() const { return reachable_; }

  /// Lets go of the peers' memory, but not of what this rank gave, which they may still have open.
  /// No launch is running or will.
  void close_peers();

  /// Never gives back memory that the library made and a user has freed: a peer may still write.
  void keep_own_memory();

 private:
  struct Offer;

  Status open(const Offer& mine, const std::vector<Offer>& all, Region* region);
  Status open_peer(int rank, const Offer& offer, Region* region);
  Status fill_table(Region* region);
  Status enter(const Region& region, bool present);
  static Status close(Bootstrap& bootstrap, Region* region);
  static void keep_memory(const Region& region);
  std::uint32_t free_place() const;

  const Topology* topology_ = nullptr;
  DeviceMemory* backend_ = nullptr;
  Memory views_;
  std::vector<std::uint32_t> reachable_;
  std::vector<std::unique_ptr<Region>> regions_;
  std::uint64_t registrations_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace causeway
