// Regions: memory that the ranks of a communicator have registered for others to write to.
#include "regions.hpp"

#include "allocations.hpp"

#include <algorithm>
#include <functional>

namespace causeway {

namespace {

std::size_t index_of(int rank) { return static_cast<std::size_t>(rank); }

}  // namespace

/// What a rank gives. Plain data.
struct RegionSet::Offer {
  MemoryOffer memory;
  bool shared;      ///< other processes can open it
  std::byte* base;  ///< this and the next for ranks of the same process
  const Memory* keep;
  std::uint64_t bytes;
};

Status RegionSet::create(const Topology& topology, DeviceMemory& backend) {
  topology_ = &topology;
  backend_ = &backend;
  reachable_.assign(index_of(topology.size()), 0);
  const std::size_t views = topology.host_ranks().size() * device::kMostRegions;
  return backend.allocate(views * sizeof(device::RegionView), &views_);
}

const device::RegionView* RegionSet::views(int rank) const {
  const auto& ranks = topology_->host_ranks();
  const auto found = std::ranges::find(ranks, rank);
  if (found == ranks.end()) return nullptr;
  return reinterpret_cast<const device::RegionView*>(views_.get()) +
         (found - ranks.begin()) * device::kMostRegions;
}

/// Registrations come and go in the same order on all ranks, so the place is the same too.
std::uint32_t RegionSet::free_place() const {
  std::uint32_t place = 1;
  const auto is_taken = [&](const auto& region) {
    return device::region_place(region->name) == place;
  };
  while (std::ranges::any_of(regions_, is_taken)) ++place;
  return place;
}

Status RegionSet::add(Bootstrap& bootstrap, void* base, std::uint64_t bytes, Sharing sharing,
                      const Region** region) {
  const std::uint32_t place = free_place();
  if (place >= device::kMostRegions) {
    return Status::error(ErrorKind::kUnsupported,
                         "comm has %u registered buffers, plans' among them, and takes no more",
                         place - 1);
  }
  ++changes_;
  // Counted on all ranks, whatever comes of it on some.
  const std::uint64_t name = (++registrations_ << device::kRegionPlaceBits) | place;
  std::unique_ptr<Region> made;
  Offer mine{};
  const auto offer = [&]() -> Status {
    regions_.reserve(regions_.size() + 1);
    made = std::make_unique<Region>();
    made->name = name;
    made->base = bytes == 0 ? nullptr : static_cast<std::byte*>(base);
    made->bytes = bytes;
    made->peers.resize(index_of(topology_->size()));
    mine.base = made->base;
    mine.keep = &made->keep;
    mine.bytes = bytes;
    if (bytes == 0) return {};
    made->keep = find_allocation(base).memory;
    const Status exported = backend_->export_memory(base, bytes, &mine.memory);
    mine.shared = exported.ok();
    const bool passes =
        exported.kind() == ErrorKind::kUnsupported || sharing == Sharing::kIfPossible;
    return passes ? Status() : exported;
  };
  std::vector<Offer> all;
  CAUSEWAY_TRY(allgather(bootstrap, offer, mine, &all));
  Status opened = agree(bootstrap, [&] { return open(mine, all, made.get()); });
  // A peer posts the name only when all know it.
  if (opened.ok()) opened = agree(bootstrap, [&] { return enter(*made, true); });
  if (!opened.ok()) {
    static_cast<void>(guarded([&] { return enter(*made, false); }));
    static_cast<void>(close(bootstrap, made.get()));
    return opened;
  }
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (made->peers[rank] != nullptr && all[rank].bytes > 0) ++reachable_[rank];
  }
  *region = made.get();
  regions_.push_back(std::move(made));
  return {};
}

Status RegionSet::open(const Offer& mine, const std::vector<Offer>& all, Region* region) {
  for (const Offer& offer : all) region->sizes.push_back(offer.bytes);
  const auto own = index_of(topology_->rank());
  if (mine.bytes > 0) region->peers[own] = Memory(region->keep, region->base);
  for (const int rank : topology_->host_ranks()) {
    const Offer& offer = all[index_of(rank)];
    if (rank != topology_->rank() && offer.bytes > 0) CAUSEWAY_TRY(open_peer(rank, offer, region));
  }
  return fill_table(region);
}

Status RegionSet::open_peer(int rank, const Offer& offer, Region* region) {
  Memory& peer = region->peers[index_of(rank)];
  if (topology_->same_process(rank)) {
    if (!backend_->reaches(offer.base)) return {};
    peer = Memory(*offer.keep, offer.base);
    return {};
  }
  if (!offer.shared) return {};
  return backend_->open_memory(topology_->place(rank), offer.memory, &peer);
}

Status RegionSet::fill_table(Region* region) {
  std::vector<std::uint64_t> words;
  for (const Memory& peer : region->peers) {
    words.push_back(reinterpret_cast<std::uintptr_t>(peer.get()));
  }
  words.insert(words.end(), region->sizes.begin(), region->sizes.end());
  const std::size_t bytes = words.size() * sizeof(std::uint64_t);
  CAUSEWAY_TRY(backend_->allocate(bytes, &region->table));
  return backend_->copy(region->table.get(), words.data(), bytes);
}

/// Enters a region into the tables of the host's ranks, or takes it out.
Status RegionSet::enter(const Region& region, bool present) {
  for (const int rank : topology_->host_ranks()) {
    const Memory& peer = region.peers[index_of(rank)];
    if (peer == nullptr || rank == topology_->rank()) continue;
    device::RegionView view{device::kNoRegion, nullptr, 0};
    if (present) view = {region.name, peer.get(), region.sizes[index_of(rank)]};
    auto* const place =
        const_cast<device::RegionView*>(views(rank)) + device::region_place(region.name);
    CAUSEWAY_TRY(backend_->copy(place, &view, sizeof view));
  }
  return {};
}

Status RegionSet::remove(Bootstrap& bootstrap, const Region* region) {
  const auto found = std::ranges::find_if(
      regions_, [&](const auto& candidate) { return candidate.get() == region; });
  const std::unique_ptr<Region> leaving = std::move(*found);
  ++changes_;
  regions_.erase(found);
  for (std::size_t rank = 0; rank < reachable_.size(); ++rank) {
    if (leaving->peers[rank] != nullptr && leaving->sizes[rank] > 0) --reachable_[rank];
  }
  // Nobody writes any more; then nobody has it open any more; then its owner may free it.
  const Status status = agree(bootstrap, [&] { return enter(*leaving, false); });
  const Status closed = close(bootstrap, leaving.get());
  return status.ok() ? closed : status;
}

/// Lets go of the peers' memory, and returns when they have let go of this rank's, or will not say.
Status RegionSet::close(Bootstrap& bootstrap, Region* region) {
  region->peers.clear();
  const Status closed = agree(bootstrap, Status());
  if (!closed.ok()) keep_memory(*region);
  return closed;
}

void RegionSet::keep_memory(const Region& region) {
  static_cast<void>(guarded([&]() -> Status {
    new Memory(region.keep);
    return {};
  }));
}

RegionPlace RegionSet::find(const void* begin, const void* end) const {
  const std::less_equal<const void*> at_most;
  const auto* const first = static_cast<const std::byte*>(begin);
  for (const auto& region : regions_) {
    if (region->bytes > 0 && at_most(region->base, begin) &&
        at_most(end, region->base + region->bytes)) {
      return {region->name, static_cast<std::uint64_t>(first - region->base)};
    }
  }
  return {};
}

void RegionSet::close_peers() {
  for (const auto& region : regions_) region->peers.clear();
}

void RegionSet::keep_own_memory() {
  for (const auto& region : regions_) keep_memory(*region);
}

}  // namespace causeway
