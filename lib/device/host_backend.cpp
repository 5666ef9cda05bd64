// The host device: CPU threads over shared memory.
#include "allocations.hpp"
#include "device_backend.hpp"
#include "shared_segment.hpp"

#include <launch.h>

#include <algorithm>
#include <bit>
#include <new>

namespace causeway {

namespace {

/// Rings of a rank take up to this much together, within the limits below for each. Large rings
/// make more messages eager, which one thread can serve without waiting.
constexpr std::uint64_t kRingBudget = std::uint64_t{32} << 20;
/// Larger messages are slower in lines, a word at a time, than copied.
constexpr std::uint64_t kMostLines = 128;
constexpr std::uint64_t kLeastRing = std::uint64_t{64} << 10;
constexpr std::uint64_t kMostRing = std::uint64_t{1} << 20;

class HostBackend final : public DeviceBackend {
 public:
  explicit HostBackend(const kernels::Launchers& launchers) : launch_(launchers.host) {}

  DeviceKind kind() const override { return DeviceKind::kHost; }
  GpuId gpu() const override { return {}; }
  std::uint32_t blocks(std::optional<std::uint64_t> wish, std::uint32_t) const override {
    return static_cast<std::uint32_t>(wish.value_or(1));
  }
  std::uint64_t default_ring_bytes(std::uint64_t rings) const override {
    return std::clamp(std::bit_floor(kRingBudget / rings), kLeastRing, kMostRing);
  }

  std::uint64_t default_ll_bytes(std::uint64_t) const override { return kMostLines; }

  /// Nor does it help to have fewer flags.
  std::uint64_t default_ll128_bytes(std::uint64_t, std::uint64_t) const override { return 0; }

  Status create_segment(std::size_t bytes, Memory* memory, MemoryOffer* offer) override {
    std::shared_ptr<SharedSegment> segment;
    CAUSEWAY_TRY(SharedSegment::create(bytes, &segment));
    offered_ = segment;
    *offer = offer_of(segment->descriptor(), 0, bytes);
    *memory = Memory(segment, segment->data());
    return {};
  }

  Status allocate_shareable(std::size_t bytes, Allocation* allocation) override {
    std::shared_ptr<SharedSegment> segment;
    CAUSEWAY_TRY(SharedSegment::create(std::max<std::size_t>(bytes, 1), &segment));
    *allocation = {Memory(segment, segment->data()), segment->bytes(), segment->descriptor()};
    return {};
  }

  Status export_memory(const void* base, std::size_t bytes, MemoryOffer* offer) override {
    const Allocation allocation = find_allocation(base);
    if (allocation.descriptor < 0) {
      return {ErrorKind::kUnsupported, "the memory was not made by MPIX_Mem_alloc"};
    }
    const auto offset =
        static_cast<std::size_t>(static_cast<const std::byte*>(base) - allocation.memory.get());
    *offer = offer_of(allocation.descriptor, offset, allocation.bytes);
    return check_inside(base, bytes, offset, allocation.bytes);
  }

  Status open_memory(const Place& owner, const MemoryOffer& offer, Memory* memory) override {
    std::shared_ptr<SharedSegment> segment;
    CAUSEWAY_TRY(SharedSegment::open(owner.desk, offer.descriptor, offer.allocation_bytes,
                                     Reach::kAny, &segment));
    *memory = Memory(segment, segment->data() + offer.offset);
    return {};
  }

  bool reaches(const void*) const override { return true; }

  Status enable_access(const MemoryOffer&) override { return {}; }

  void withdraw(const MemoryOffer&) override {
    if (offered_) offered_->close_descriptor();
    offered_.reset();
  }

  Status allocate(std::size_t bytes, Memory* memory) override {
    constexpr std::align_val_t kAlign{device::kLineBytes};
    auto* const bytes_made = static_cast<std::byte*>(::operator new(bytes, kAlign));
    std::fill_n(bytes_made, bytes, std::byte{0});
    *memory = Memory(bytes_made, [](std::byte* made) { ::operator delete(made, kAlign); });
    return {};
  }

  using DeviceBackend::copy;
  Status copy(const BlockCopy& copy) override {
    if (is_gpu_memory(copy.to) || is_gpu_memory(copy.from)) return copy_gpu_memory(copy);
    for (std::size_t i = 0; i < copy.blocks; ++i) {
      std::copy_n(copy.source(i), copy.bytes, copy.target(i));
    }
    return {};
  }

  void order_frees() override {}

  Status map_host_memory(const Memory& memory, std::size_t, Memory* as_seen) override {
    *as_seen = memory;
    return {};
  }

  bool addresses(const void* address) const override { return !is_gpu_memory(address); }

  Status prepare(std::uint32_t blocks, std::uint32_t, std::uint32_t) override {
    const std::uint32_t threads = 2 * blocks - 1;
    const Status started = guarded([&]() -> Status {
      executor_ = std::make_unique<kernels::HostExecutor>(threads);
      return {};
    });
    if (started.ok()) return {};
    return Status::error(ErrorKind::kSystem, "cannot start %u threads: %s", threads,
                         started.message().c_str());
  }

  Status try_ll128(const device::Communicator&, bool*) override {
    return {ErrorKind::kUnsupported, "the host device releases its flags"};
  }

  Status run(const Schedule& schedule) override {
    launch_(*executor_, schedule.args, schedule.lists());
    return {};
  }

  bool advance(const Schedule& schedule, kernels::HostProgress* progress) override {
    return kernels::advance_exchange_host(schedule.args, schedule.lists(), progress);
  }

  Status finish_begun(const Schedule& schedule, const kernels::HostProgress& progress) override {
    kernels::finish_exchange_host(schedule.args, schedule.lists(), progress);
    return {};
  }

  Status enqueue(const Schedule& schedule, void*) override { return run(schedule); }
  Status keep_lists(Schedule*) override { return {}; }

  Status prepare_copies(std::vector<PeerCopy>, std::unique_ptr<EngineCopies>*) override {
    return {ErrorKind::kUnsupported, "the host device has no copy engines"};
  }

  bool captured() const override { return false; }

  void keep_for_graphs(const Memory&) override {}

  void serve_thread() override {}

  void finish() override {}

 private:
  static MemoryOffer offer_of(int descriptor, std::uint64_t offset,
                              std::uint64_t allocation_bytes) {
    return {descriptor, -1, offset, allocation_bytes, {}, {}};
  }

  std::shared_ptr<SharedSegment> offered_;
  const decltype(kernels::Launchers::host) launch_;
  std::unique_ptr<kernels::HostExecutor> executor_;
};

}  // namespace

Status check_inside(const void* base, std::size_t bytes, std::size_t offset,
                    std::size_t allocation_bytes) {
  if (bytes <= allocation_bytes - offset) return {};
  return Status::error(
      ErrorKind::kArgument,
      "bytes = %zu at base = %p reach beyond their allocation, which has %zu there", bytes, base,
      allocation_bytes - offset);
}

std::unique_ptr<DeviceBackend> make_host_backend(const kernels::Launchers& launchers) {
  return std::make_unique<HostBackend>(launchers);
}

}  // namespace causeway
