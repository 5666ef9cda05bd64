// DeviceBackend: what the core needs of the device that runs a communicator's exchanges.
#pragma once

#include "device_memory.hpp"
#include "engine.hpp"
#include "gpu.hpp"
#include "memory.hpp"
#include "schedule.hpp"
#include "status.hpp"

#include <launch.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace causeway {

/// Copies that copy engines make again and again. It ends when nothing that was enqueued runs any
/// more. Calls as those of its device.
class EngineCopies {
 public:
  virtual ~EngineCopies() = default;

  /// Enqueues the copies behind what the stream holds; what it gets later is behind them. The
  /// stream may be capturing.
  virtual Status enqueue(void* stream) = 0;
};

/// A device of this process. Calls come from any thread, one at a time for each communicator.
class DeviceBackend : public DeviceMemory {
 public:
  /// Zeros on the host.
  virtual GpuId gpu() const = 0;

  /// Thread blocks of a launch where `sharers` ranks run on one device and the user may wish for a
  /// number.
  virtual std::uint32_t blocks(std::optional<std::uint64_t> wish, std::uint32_t sharers) const = 0;
  /// Bytes of each of a rank's `rings` rings.
  virtual std::uint64_t default_ring_bytes(std::uint64_t rings) const = 0;
  /// Largest message that travels in lines between `ranks` ranks of a host, and in those of ll128,
  /// over `lanes` lanes of each pair.
  virtual std::uint64_t default_ll_bytes(std::uint64_t ranks) const = 0;
  virtual std::uint64_t default_ll128_bytes(std::uint64_t ranks, std::uint64_t lanes) const = 0;

  /// Makes memory for users that any communicator can share.
  virtual Status allocate_shareable(std::size_t bytes, Allocation* allocation) = 0;

  /// Has memory of allocate() that is let go of from now on go back when what was enqueued is over.
  virtual void order_frees() = 0;

  /// Whether exchanges can load from and store to the memory at `address` themselves.
  virtual bool addresses(const void* address) const = 0;

  /// Gets ready for launches of up to `blocks` blocks. `sharers` ranks of the communicator, this
  /// one among them, run on this device, and `sharers_here` of these in this process.
  virtual Status prepare(std::uint32_t blocks, std::uint32_t sharers,
                         std::uint32_t sharers_here) = 0;

  /// A Ll128Trial. Not called on the host device.
  virtual Status try_ll128(const device::Communicator& comm, bool* hold) = 0;

  /// Runs an exchange to its end.
  virtual Status run(const Schedule& schedule) = 0;

  /// Makes of an exchange, of a pattern without any source, what waits for no rank that has not
  /// begun it, and says whether that was all. Where progress->sent is false after that, nothing has
  /// been done, and run() is for it; otherwise further calls, or finish_begun(), are.
  virtual bool advance(const Schedule&, kernels::HostProgress*) { return false; }
  virtual Status finish_begun(const Schedule&, const kernels::HostProgress&) {
    return {ErrorKind::kUnsupported, "the device makes exchanges at once"};
  }

  /// Enqueues an exchange on a user's stream; the host device has none, and runs it.
  virtual Status enqueue(const Schedule& schedule, void* stream) = 0;

  /// Has the lists of a schedule that will be launched again and again where launches find them.
  virtual Status keep_lists(Schedule* schedule) = 0;

  /// Prepares copies for copy engines. kUnsupported on the host device.
  virtual Status prepare_copies(std::vector<PeerCopy> list,
                                std::unique_ptr<EngineCopies>* copies) = 0;

  /// Whether a graph lives that holds an exchange, which it may replay at any time.
  virtual bool captured() const = 0;

  /// Has a thread of the library's own work with this device and with no other.
  virtual void serve_thread() = 0;

  /// Waits for what was enqueued, but for replays of graphs.
  virtual void finish() = 0;
};

/// kArgument unless `bytes` bytes at `base`, `offset` bytes into an allocation, lie in it.
Status check_inside(const void* base, std::size_t bytes, std::size_t offset,
                    std::size_t allocation_bytes);

/// The CPU threads of this process.
std::unique_ptr<DeviceBackend> make_host_backend(const kernels::Launchers& launchers = {});

/// The current GPU of the calling thread; null, with the reason in *why, when there is none.
std::unique_ptr<DeviceBackend> make_cuda_backend(const kernels::Launchers& launchers,
                                                 std::string* why);

}  // namespace causeway
