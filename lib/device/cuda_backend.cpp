// The CUDA device: kernels over GPU memory that CUDA IPC shares between processes.
#include "cuda_copies.hpp"
#include "cuda_graphs.hpp"
#include "cuda_lists.hpp"
#include "cuda_support.hpp"
#include "device_backend.hpp"
#include "gpu_memory_budget.hpp"
#include "launch_budget.hpp"
#include "schedule.hpp"
#include "tuner.hpp"

#include <launch.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace causeway {

namespace {

/// The launches of this process on one GPU.
struct GpuLaunches {
  explicit GpuLaunches(std::uint32_t blocks) : budget(blocks) {}

  std::mutex mutex;  ///< held from a launch's entry into the budget until its event is recorded
  LaunchBudget budget;
};

GpuLaunches& launches_on(int ordinal, std::uint32_t blocks) {
  static std::mutex mutex;
  // Never destroyed: a program may exit with communicators attached.
  static auto& all = *new std::map<int, std::unique_ptr<GpuLaunches>>;
  const std::lock_guard lock(mutex);
  std::unique_ptr<GpuLaunches>& launches = all[ordinal];
  if (!launches) launches = std::make_unique<GpuLaunches>(blocks);
  return *launches;
}

/// Between looks at an exchange, where a yield would give the thread's time to one that only spins.
constexpr std::chrono::microseconds kNap{20};

class CudaBackend final : public DeviceBackend {
 public:
  CudaBackend(int ordinal, const kernels::Launchers& launchers) : ordinal_(ordinal) {
    if (launchers.cuda == nullptr) return;
    launch_ = launchers.cuda;
    load_ = launchers.load_cuda;
  }
  ~CudaBackend() override {
    const GpuAside aside(ordinal_);
    if (launches_ != nullptr) {
      const std::lock_guard lock(launches_->mutex);
      launches_->budget.leave(done_);
    }
    if (done_ != nullptr) ignore(cudaEventDestroy(done_));
  }

  Status set_up() {
    const GpuAside aside(ordinal_);
    CAUSEWAY_CUDA(cudaDeviceGetAttribute, &multiprocessors_, cudaDevAttrMultiProcessorCount,
                  ordinal_);
    cudaDeviceProp properties{};
    CAUSEWAY_CUDA(cudaGetDeviceProperties, &properties, ordinal_);
    id_ = gpu_id_of(properties);
    CAUSEWAY_TRY(queries_.find());
    cudaStream_t stream = nullptr;
    CAUSEWAY_CUDA(cudaStreamCreateWithFlags, &stream, cudaStreamNonBlocking);
    stream_ = {stream, [ordinal = ordinal_](cudaStream_t ended) {
                 const GpuAside there(ordinal);
                 ignore(cudaStreamDestroy(ended));
               }};
    CAUSEWAY_CUDA(cudaEventCreateWithFlags, &done_, cudaEventDisableTiming);
    return {};
  }

  DeviceKind kind() const override { return DeviceKind::kCuda; }
  GpuId gpu() const override { return id_; }
  /// Blocks that wait for each other's ranks have to be on the GPU at the same time, one on each
  /// multiprocessor.
  std::uint32_t blocks(std::optional<std::uint64_t> wish, std::uint32_t sharers) const override {
    const std::uint64_t most =
        std::min(most_of_budget(static_cast<std::uint32_t>(multiprocessors_)) / sharers,
                 kernels::kMostBlocks);
    return static_cast<std::uint32_t>(
        std::max<std::uint64_t>(1, std::min(most, wish.value_or(most))));
  }
  std::uint64_t default_ring_bytes(std::uint64_t rings) const override {
    return gpu_ring_bytes(rings);
  }
  std::uint64_t default_ll_bytes(std::uint64_t ranks) const override { return gpu_ll_bytes(ranks); }
  std::uint64_t default_ll128_bytes(std::uint64_t ranks, std::uint64_t lanes) const override {
    return gpu_ll128_bytes(ranks, lanes);
  }

  Status create_segment(std::size_t bytes, Memory* memory, MemoryOffer* offer) override {
    const GpuAside aside(ordinal_);
    Allocation made;
    CAUSEWAY_TRY(allocate_shareable(bytes, &made));
    *memory = made.memory;
    CAUSEWAY_TRY(zero(memory->get(), bytes));
    return export_memory(memory->get(), bytes, offer);
  }

  Status allocate_shareable(std::size_t bytes, Allocation* allocation) override {
    const GpuAside aside(ordinal_);
    void* made = nullptr;
    const std::size_t size = std::max<std::size_t>(bytes, 1);
    CAUSEWAY_CUDA(cudaMalloc, &made, size);
    const int ordinal = ordinal_;
    const auto free = [ordinal](std::byte* address) {
      const GpuAside there(ordinal);
      ignore(cudaFree(address));
    };
    *allocation = {Memory(static_cast<std::byte*>(made), free), size, -1};
    return {};
  }

  Status export_memory(const void* base, std::size_t bytes, MemoryOffer* offer) override {
    const GpuAside aside(ordinal_);
    if (owner_of(base) != ordinal_) {
      return {ErrorKind::kUnsupported, "the memory is not this rank's GPU's"};
    }
    const std::byte* start = nullptr;
    std::size_t size = 0;
    CAUSEWAY_TRY(find_range(base, &start, &size));
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(base) - start);
    CAUSEWAY_TRY(check_inside(base, bytes, offset, size));
    if (!is_shareable(base)) {
      return {ErrorKind::kUnsupported, "the memory cannot be shared by CUDA IPC"};
    }
    cudaIpcMemHandle_t handle{};
    CAUSEWAY_CUDA(cudaIpcGetMemHandle, &handle, const_cast<std::byte*>(start));
    *offer = {-1, ordinal_, offset, size, {}, id_};
    static_assert(sizeof handle == sizeof offer->handle);
    std::memcpy(offer->handle, &handle, sizeof handle);
    return {};
  }

  bool reaches(const void* address) const override {
    const int owner = owner_of(address);
    return owner == ordinal_ || (owner != kNoGpu && is_shareable(address));
  }

  Status open_memory(const Place& owner, const MemoryOffer& offer, Memory* memory) override {
    const GpuAside aside(ordinal_);
    cudaIpcMemHandle_t handle{};
    std::memcpy(&handle, offer.handle, sizeof handle);
    void* base = nullptr;
    const cudaError_t code = cudaIpcOpenMemHandle(&base, handle, cudaIpcMemLazyEnablePeerAccess);
    if (code != cudaSuccess) {
      cudaGetLastError();
      return why_unreachable(owner, offer.gpu, code);
    }
    const int ordinal = ordinal_;
    const std::shared_ptr<void> opened(base, [ordinal](void* address) {
      const GpuAside there(ordinal);
      ignore(cudaIpcCloseMemHandle(address));
    });
    *memory = Memory(opened, static_cast<std::byte*>(base) + offer.offset);
    return {};
  }

  Status enable_access(const MemoryOffer& offer) override {
    if (offer.ordinal == ordinal_) return {};
    const GpuAside aside(ordinal_);
    const cudaError_t code = cudaDeviceEnablePeerAccess(offer.ordinal, 0);
    if (code == cudaErrorPeerAccessAlreadyEnabled) {
      cudaGetLastError();
      return {};
    }
    return cuda_status("cudaDeviceEnablePeerAccess", code);
  }

  void withdraw(const MemoryOffer&) override {}

  /// On the stream, because giving memory back with cudaFree waits for every kernel of the process.
  Status allocate(std::size_t bytes, Memory* memory) override {
    const GpuAside aside(ordinal_);
    void* made = nullptr;
    CAUSEWAY_CUDA(cudaMallocAsync, &made, bytes, stream_.get());
    const int ordinal = ordinal_;
    *memory =
        Memory(static_cast<std::byte*>(made), [ordinal, stream = stream_](std::byte* address) {
          const GpuAside there(ordinal);
          ignore(cudaFreeAsync(address, stream.get()));
        });
    return zero(made, bytes);
  }

  using DeviceBackend::copy;
  Status copy(const BlockCopy& copy) override {
    const OutsideCaptures outside;
    return copy_memory(ordinal_, stream_.get(), copy);
  }

  void order_frees() override {
    const CurrentGpu gpu(ordinal_);
    if (launched_) ignore(cudaStreamWaitEvent(stream_.get(), done_, 0));
  }

  Status map_host_memory(const Memory& memory, std::size_t bytes, Memory* as_seen) override {
    const GpuAside aside(ordinal_);
    CAUSEWAY_CUDA(cudaHostRegister, memory.get(), bytes,
                  cudaHostRegisterMapped | cudaHostRegisterPortable);
    void* address = nullptr;
    CAUSEWAY_CUDA(cudaHostGetDevicePointer, &address, memory.get(), 0);
    // The registration ends before the memory does.
    *as_seen = Memory(static_cast<std::byte*>(address), [memory](std::byte*) {
      const OutsideCaptures outside;
      ignore(cudaHostUnregister(memory.get()));
    });
    return {};
  }

  bool addresses(const void* address) const override {
    cudaPointerAttributes attributes{};
    if (cudaPointerGetAttributes(&attributes, address) != cudaSuccess) {
      cudaGetLastError();
      return false;
    }
    return attributes.type == cudaMemoryTypeManaged || attributes.type == cudaMemoryTypeHost ||
           (attributes.type == cudaMemoryTypeDevice && attributes.device == ordinal_);
  }

  Status prepare(std::uint32_t, std::uint32_t sharers, std::uint32_t sharers_here) override {
    const GpuAside aside(ordinal_);
    alone_ = sharers == 1;
    // Ranks that are threads of one process wait for each other, and must not queue behind each
    // other; they have divided the GPU between them.
    if (sharers_here == 1) {
      launches_ = &launches_on(ordinal_, static_cast<std::uint32_t>(multiprocessors_));
    }
    return cuda_status("loading kernels", static_cast<cudaError_t>(load_()));
  }

  Status try_ll128(const device::Communicator& comm, bool* hold) override {
    const GpuAside aside(ordinal_);
    Memory failures;
    CAUSEWAY_TRY(allocate(sizeof(std::uint32_t), &failures));
    auto* const count = reinterpret_cast<std::uint32_t*>(failures.get());
    CAUSEWAY_TRY(cuda_status(
        "trying lines of ll128",
        static_cast<cudaError_t>(kernels::launch_ll128_trial(comm, count, stream_.get()))));
    std::uint32_t counted = 0;
    CAUSEWAY_TRY(copy(&counted, count, sizeof counted));
    *hold = counted == 0;
    return {};
  }

  Status run(const Schedule& schedule) override {
    const CurrentGpu gpu(ordinal_);
    CAUSEWAY_TRY(launch(schedule, stream_.get()));
    // The kernel's own waits end by abort word or deadline, so this does too.
    cudaError_t code = cudaErrorNotReady;
    const device::WaitControl& control = schedule.args.comm.control;
    while ((code = queries_.ask(stream_.get())) == cudaErrorNotReady) {
      if (control.port != nullptr) control.port->drive(*control.port);
      if (control.yields > 0) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(kNap);
      }
      if (control.idle != nullptr) control.idle();
    }
    return cuda_status("an exchange on the GPU", code);
  }

  Status enqueue(const Schedule& schedule, void* stream) override {
    const CurrentGpu gpu(ordinal_);
    return launch(schedule, static_cast<cudaStream_t>(stream));
  }

  /// Copies of several ranks on one GPU would queue behind each other on streams of their own.
  Status prepare_copies(std::vector<PeerCopy> list,
                        std::unique_ptr<EngineCopies>* copies) override {
    return make_cuda_copies(ordinal_, launches_ != nullptr, std::move(list), copies);
  }

  Status keep_lists(Schedule* schedule) override {
    if (kernels::has_inline_lists(schedule->args)) return {};
    return copy_lists(*this, schedule->args, schedule->lists(), &schedule->device_lists);
  }

  bool captured() const override { return graph_memory_.in_use(); }
  void keep_for_graphs(const Memory& memory) override { graph_memory_.keep(memory); }

  void serve_thread() override { cudaSetDevice(ordinal_); }

  void finish() override {
    const GpuAside aside(ordinal_);
    if (launched_) ignore(cudaEventSynchronize(done_));
  }

 private:
  Status zero(void* memory, std::size_t bytes) {
    CAUSEWAY_CUDA(cudaMemsetAsync, memory, 0, bytes, stream_.get());
    return cuda_status("cudaStreamSynchronize", cudaStreamSynchronize(stream_.get()));
  }

  /// Launches of one communicator run in the order in which they were enqueued, whatever their
  /// streams. In a capture the order is the graph's.
  Status launch(const Schedule& schedule, cudaStream_t stream) {
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    CAUSEWAY_CUDA(cudaStreamIsCapturing, stream, &capture);
    const bool captured = capture != cudaStreamCaptureStatusNone;
    if (captured) CAUSEWAY_TRY(graph_memory_.bind(stream));
    std::optional<unsigned long long> id;
    if (!captured) id = queries_.id_of(stream);
    if (!captured && launched_ && (!id || id != last_stream_)) {
      CAUSEWAY_CUDA(cudaStreamWaitEvent, stream, done_, 0);
    }
    kernels::ExchangeArgs args = schedule.args;
    // Where other ranks' launches want the same GPU, none comes before its time.
    const std::uint32_t most_of_two = alone_ ? schedule.max_ctas : 0;
    args.overlap.with_next = 2 * args.split.blocks <= most_of_two;
    if (captured && captured_early_ > 0) {
      args.overlap.with_previous = captured_early_ + args.split.blocks <= most_of_two;
    }
    kernels::WorkLists lists = schedule.lists();
    VisitLists fewer;
    std::unique_lock<std::mutex> entered;
    if (!captured && launches_ != nullptr) {
      entered = std::unique_lock(launches_->mutex);
      std::uint32_t blocks = 0;
      CAUSEWAY_TRY(enter_budget(args.split.blocks, most_of_two, stream, &blocks, &args.overlap));
      if (blocks < args.split.blocks) {
        args.split = split_blocks(schedule, blocks, &fewer);
        lists = schedule.lists_with(fewer);
      }
    }
    if (!kernels::has_inline_lists(args)) {
      CAUSEWAY_TRY(bring_lists(args, schedule, captured, stream, &lists));
    }
    CAUSEWAY_TRY(cuda_status("launching an exchange",
                             static_cast<cudaError_t>(launch_(args, lists, stream))));
    if (captured) {
      captured_early_ = args.overlap.with_next ? args.split.blocks : 0;
      return {};
    }
    CAUSEWAY_CUDA(cudaEventRecord, done_, stream);
    launched_ = true;
    last_stream_ = id;
    return {};
  }

  /// Has lists in GPU memory when a launch on the stream comes to read them. Graphs keep theirs.
  Status bring_lists(const kernels::ExchangeArgs& args, const Schedule& schedule, bool captured,
                     cudaStream_t stream, kernels::WorkLists* lists) {
    const bool has_own = schedule.device_lists && lists->visits == schedule.visits.whole.data();
    if (!captured && !has_own) return eager_lists_.bring(*this, args, stream, lists);
    Memory there = schedule.device_lists;
    if (!has_own) CAUSEWAY_TRY(copy_lists(*this, args, *lists, &there));
    if (captured) graph_memory_.keep(there);
    *lists = lists_in(there, args);
    return {};
  }

  /// Enters a launch into the GPU's budget, which makes it wait for others on its stream, or have
  /// fewer blocks.
  Status enter_budget(std::uint32_t wish, std::uint32_t most_of_two, cudaStream_t stream,
                      std::uint32_t* granted, kernels::Overlap* overlap) {
    const auto is_over = [this](LaunchBudget::Owner event) {
      return queries_.ask(event_of(event)) == cudaSuccess;
    };
    const LaunchBudget::Admission admission =
        launches_->budget.enter(done_, std::this_thread::get_id(), wish, most_of_two, is_over);
    *granted = admission.blocks;
    *overlap = {admission.with_previous, admission.with_next};
    for (const LaunchBudget::Owner event : admission.before) {
      CAUSEWAY_CUDA(cudaStreamWaitEvent, stream, event_of(event), 0);
    }
    return {};
  }

  /// Launches go by their communicator's event.
  static cudaEvent_t event_of(LaunchBudget::Owner owner) {
    return static_cast<cudaEvent_t>(const_cast<void*>(owner));
  }

  const int ordinal_;
  decltype(&kernels::launch_exchange_cuda) launch_ = kernels::launch_exchange_cuda;
  decltype(&kernels::load_exchange_cuda) load_ = kernels::load_exchange_cuda;
  int multiprocessors_ = 0;
  bool alone_ = false;                ///< whether no other rank has this GPU
  std::uint32_t captured_early_ = 0;  ///< of the last captured one, if it lets the next come
  GpuId id_{};
  GpuLaunches* launches_ = nullptr;  ///< that this communicator's count among; null where ranks of
                                     ///< this process share the GPU
  std::shared_ptr<CUstream_st> stream_;  ///< of blocking calls; allocate()'s memory has it too
  cudaEvent_t done_ = nullptr;           ///< after the last launch
  std::optional<unsigned long long> last_stream_;
  bool launched_ = false;
  DriverQueries queries_;
  EagerLists eager_lists_;
  GraphMemory graph_memory_;
};

}  // namespace

std::unique_ptr<DeviceBackend> make_cuda_backend(const kernels::Launchers& launchers,
                                                 std::string* why) {
  int gpus = 0;
  const cudaError_t code = cudaGetDeviceCount(&gpus);
  if (code != cudaSuccess || gpus == 0) {
    ignore(code);
    *why = code == cudaSuccess ? "no GPU is visible" : cudaGetErrorString(code);
    return nullptr;
  }
  int ordinal = 0;
  ignore(cudaGetDevice(&ordinal));
  auto backend = std::make_unique<CudaBackend>(ordinal, launchers);
  const Status status = backend->set_up();
  *why = status.message();
  if (!status.ok()) return nullptr;
  return backend;
}

bool is_capturing(void* stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaError_t code = cudaStreamIsCapturing(static_cast<cudaStream_t>(stream), &status);
  ignore(code);
  return code == cudaSuccess && status != cudaStreamCaptureStatusNone;
}

}  // namespace causeway
