// NetworkBlocks: what the network channels of a rank lie in, and the ring that its device posts in.
#include "network_blocks.hpp"

#include "channel_layout.hpp"

#include <sys/mman.h>
#include <causeway/device/host_device.hpp>
#include <causeway/device/post_ring.hpp>

#include <cerrno>
#include <cstring>

namespace causeway {

namespace {

/// Posts of a rank that wait for the library. A thread block posts once a piece or word; that many
/// are under way only where the library's thread does not run.
constexpr std::uint64_t kPosts = 4096;

/// Zeros that become memory when they are first used.
Status reserve(std::size_t bytes, Memory* memory) {
  void* const address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return Status::error(ErrorKind::kSystem, "cannot map %zu bytes of memory for the network: %s",
                         bytes, std::strerror(errno));
  }
  *memory = Memory(static_cast<std::byte*>(address),
                   [bytes](std::byte* mapped) { munmap(mapped, bytes); });
  return {};
}

}  // namespace

Status NetworkBlocks::create(const Topology& topology, const NetworkSettings& settings,
                             DeviceMemory& backend) {
  backend_ = &backend;
  settings_ = settings;
  index_.resize(static_cast<std::size_t>(topology.size()));
  std::uint64_t peers = 0;
  for (const int rank : topology.remote_ranks()) index_[static_cast<std::size_t>(rank)] = peers++;
  bytes_of_rings_ = device::round_up(settings.lanes * settings.ring_bytes, kPageBytes);
  rings_as_seen_.resize(2 * peers);
  CAUSEWAY_TRY(reserve(2 * peers * bytes_of_rings_, &rings_));
  const std::uint64_t bytes_of_words =
      device::round_up(2 * peers * settings.lanes * device::kLineBytes, kPageBytes);
  CAUSEWAY_TRY(reserve(bytes_of_words, &words_));
  CAUSEWAY_TRY(backend.map_host_memory(words_, bytes_of_words, &words_as_seen_));
  const std::uint64_t start = settings.start_count;
  for (const int rank : topology.remote_ranks()) {
    for (std::uint32_t lane = 0; lane < settings.lanes && start != 0; ++lane) {
      const device::SenderWords in = words_of_sender(start);
      const device::ReceiverWords out = words_of_receiver(start);
      std::memcpy(words(rank, lane, false), &in, sizeof in);
      std::memcpy(words(rank, lane, true), &out, sizeof out);
    }
  }
  return make_post_ring();
}

Status NetworkBlocks::make_post_ring() {
  constexpr std::uint64_t kBytes = kPageBytes + kPosts * sizeof(device::PostSlot);
  CAUSEWAY_TRY(reserve(kBytes, &posts_));
  CAUSEWAY_TRY(backend_->map_host_memory(posts_, kBytes, &posts_as_seen_));
  CAUSEWAY_TRY(backend_->allocate(2 * device::kLineBytes, &counts_));
  post_ring_ = {reinterpret_cast<device::PostSlot*>(posts_as_seen_.get() + kPageBytes), kPosts,
                reinterpret_cast<const std::uint64_t*>(posts_as_seen_.get()),
                reinterpret_cast<std::uint64_t*>(counts_.get()),
                reinterpret_cast<std::uint64_t*>(counts_.get() + device::kLineBytes)};
  return {};
}

Status NetworkBlocks::open_rings(int rank, bool outgoing) {
  Memory& opened = rings_as_seen_[2 * index_of(rank) + (outgoing ? 1 : 0)];
  if (opened) return {};
  const Memory rings(rings_, rings_.get() + rings_at(rank, outgoing));
  Memory as_seen;
  CAUSEWAY_TRY(backend_->map_host_memory(rings, bytes_of_rings_, &as_seen));
  if (as_seen.get() != rings.get()) {
    return {ErrorKind::kUnsupported,
            "the device addresses host memory in another way than the host does: it cannot use the "
            "network"};
  }
  opened = std::move(as_seen);
  return {};
}

bool NetworkBlocks::store(int source, const device::NetworkPost& post, const std::byte* data,
                          std::size_t bytes) {
  if (post.lane >= settings_.lanes || post.ranges > device::NetworkPost::kMostRanges ||
      (post.outgoing == 0 && post.ranges != 0) || post.word_offset % sizeof(std::uint64_t) != 0 ||
      post.word_offset > device::NetworkPost::kRing - sizeof(std::uint64_t)) {
    return false;
  }
  std::uint64_t named = 0;
  for (std::uint32_t i = 0; i < post.ranges; ++i) {
    const device::NetworkPost::Range& range = post.range[i];
    const std::uint64_t at = range.offset - device::NetworkPost::kRing;
    if (range.offset < device::NetworkPost::kRing || at > settings_.ring_bytes ||
        range.bytes > settings_.ring_bytes - at) {
      return false;
    }
    named += range.bytes;
  }
  if (named != bytes) return false;
  // What goes out there comes in here.
  std::byte* const to = ring(source, post.lane, false) - device::NetworkPost::kRing;
  for (std::uint32_t i = 0; i < post.ranges; ++i) {
    std::memcpy(to + post.range[i].offset, data, post.range[i].bytes);
    data += post.range[i].bytes;
  }
  std::byte* const word = words(source, post.lane, post.outgoing == 0) + post.word_offset;
  __atomic_store_n(reinterpret_cast<std::uint64_t*>(word), post.value, __ATOMIC_RELEASE);
  return true;
}

std::uint64_t NetworkBlocks::launches_over() const {
  return device::HostDevice::load_acquire(
      reinterpret_cast<const std::uint64_t*>(posts_.get() + device::kLineBytes));
}

bool NetworkBlocks::take(device::NetworkPost* post) {
  return device::take_post<device::HostDevice>(
      reinterpret_cast<const device::PostSlot*>(posts_.get() + kPageBytes), kPosts,
      reinterpret_cast<std::uint64_t*>(posts_.get()), post);
}

}  // namespace causeway
