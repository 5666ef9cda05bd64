// Copies of planned exchanges on the copy engines of a GPU.
#include "cuda_copies.hpp"

#include "cuda_support.hpp"

#include <algorithm>
#include <span>

namespace causeway {

namespace {

/// More streams than this do not make copies faster: a GPU has not many more copy engines.
constexpr std::size_t kMostStreams = 8;

/// The legacy stream goes by two names. A copy on it between two GPUs of a process waits for all
/// that is enqueued on either, which may wait for the copy.
bool is_legacy(cudaStream_t stream) { return stream == nullptr || stream == cudaStreamLegacy; }

/// Streams beside a user's.
class Branches {
 public:
  explicit Branches(int gpu) : gpu_(gpu) {}
  ~Branches() {
    const GpuAside aside(gpu_);
    for (const cudaEvent_t event : joins_) ignore(cudaEventDestroy(event));
    if (fork_ != nullptr) ignore(cudaEventDestroy(fork_));
    for (const cudaStream_t stream : streams_) ignore(cudaStreamDestroy(stream));
  }
  Branches(const Branches&) = delete;
  Branches& operator=(const Branches&) = delete;

  Status make(std::size_t count) {
    const OutsideCaptures outside;
    CAUSEWAY_CUDA(cudaEventCreateWithFlags, &fork_, cudaEventDisableTiming);
    for (std::size_t i = 0; i < count; ++i) {
      cudaStream_t stream = nullptr;
      CAUSEWAY_CUDA(cudaStreamCreateWithFlags, &stream, cudaStreamNonBlocking);
      streams_.push_back(stream);
      cudaEvent_t event = nullptr;
      CAUSEWAY_CUDA(cudaEventCreateWithFlags, &event, cudaEventDisableTiming);
      joins_.push_back(event);
    }
    return {};
  }

  /// Whether work of a capture may be enqueued: of one that it is part of, or of any if of none.
  bool may_join(unsigned long long capture) const {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    unsigned long long own = 0;
    const cudaError_t code = cudaStreamGetCaptureInfo(streams_.front(), &status, &own);
    ignore(code);
    if (code != cudaSuccess || status == cudaStreamCaptureStatusInvalidated) return false;
    return status == cudaStreamCaptureStatusNone || own == capture;
  }

  /// Appends them to *streams.
  Status fork(cudaStream_t stream, std::vector<cudaStream_t>* streams) const {
    CAUSEWAY_CUDA(cudaEventRecord, fork_, stream);
    for (const cudaStream_t branch : streams_) {
      CAUSEWAY_CUDA(cudaStreamWaitEvent, branch, fork_, 0);
      streams->push_back(branch);
    }
    return {};
  }

  Status join(cudaStream_t stream) const {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      CAUSEWAY_CUDA(cudaEventRecord, joins_[i], streams_[i]);
      CAUSEWAY_CUDA(cudaStreamWaitEvent, stream, joins_[i], 0);
    }
    return {};
  }

 private:
  const int gpu_;
  std::vector<cudaStream_t> streams_;
  std::vector<cudaEvent_t> joins_;  ///< of each stream
  cudaEvent_t fork_ = nullptr;
};

class CudaCopies final : public EngineCopies {
 public:
  CudaCopies(int gpu, std::size_t streams, std::vector<PeerCopy> list)
      : gpu_(gpu), streams_(streams), list_(std::move(list)) {}

  /// Makes the branches of starts that are not captured, and of the first that is.
  Status set_up() {
    const CurrentGpu gpu(gpu_);
    CAUSEWAY_TRY(add(&eager_));
    if (streams_ == 1) return {};
    captured_.emplace_back();
    return add(&captured_.back());
  }

  Status enqueue(void* user_stream) override {
    if (list_.empty()) return {};
    const CurrentGpu gpu(gpu_);
    auto* const stream = static_cast<cudaStream_t>(user_stream);
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    unsigned long long capture = 0;
    CAUSEWAY_CUDA(cudaStreamGetCaptureInfo, stream, &status, &capture);
    const bool captured = status != cudaStreamCaptureStatusNone;
    if (!captured && !is_legacy(stream)) {
      bool batched = false;
      CAUSEWAY_TRY(enqueue_batch(stream, &batched));
      if (batched) return {};
    }
    std::vector<cudaStream_t> streams;
    if (!is_legacy(stream)) streams.push_back(stream);
    if (streams_ == 1 && !streams.empty()) return enqueue_on(streams);
    const Branches* branches = eager_.get();
    if (captured) CAUSEWAY_TRY(find_branches(capture, &branches));
    CAUSEWAY_TRY(branches->fork(stream, &streams));
    CAUSEWAY_TRY(enqueue_on(streams));
    return branches->join(stream);
  }

 private:
  Status add(std::unique_ptr<Branches>* branches) const {
    *branches = std::make_unique<Branches>(gpu_);
    return (*branches)->make(std::max<std::size_t>(streams_ - 1, 1));
  }

  /// Until a capture ends the branches that it took are its own.
  Status find_branches(unsigned long long capture, const Branches** found) {
    for (const auto& branches : captured_) {
      if (!branches->may_join(capture)) continue;
      *found = branches.get();
      return {};
    }
    std::unique_ptr<Branches> made;
    CAUSEWAY_TRY(add(&made));
    captured_.push_back(std::move(made));
    *found = captured_.back().get();
    return {};
  }

  Status enqueue_on(std::span<const cudaStream_t> streams) const {
    for (std::size_t i = 0; i < list_.size(); ++i) {
      const PeerCopy& copy = list_[i];
      CAUSEWAY_CUDA(cudaMemcpyAsync, copy.to, copy.from, copy.bytes, cudaMemcpyDefault,
                    streams[i % streams.size()]);
    }
    return {};
  }

  /// A batch keeps more of the copy engines busy than copies on streams do. Drivers older than the
  /// library's CUDA may not have it.
  Status enqueue_batch(cudaStream_t stream, bool* enqueued) {
#if CUDART_VERSION >= 12080
    if (!has_batches_) return {};
    std::vector<void*> to;
    std::vector<void*> from;
    std::vector<std::size_t> bytes;
    for (const PeerCopy& copy : list_) {
      to.push_back(copy.to);
      from.push_back(const_cast<std::byte*>(copy.from));
      bytes.push_back(copy.bytes);
    }
    cudaMemcpyAttributes attributes{};
    attributes.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
    std::size_t first = 0;
#if CUDART_VERSION >= 13000
    const cudaError_t code = cudaMemcpyBatchAsync(to.data(), from.data(), bytes.data(), to.size(),
                                                  &attributes, &first, 1, stream);
#else
    const cudaError_t code = cudaMemcpyBatchAsync(to.data(), from.data(), bytes.data(), to.size(),
                                                  &attributes, &first, 1, nullptr, stream);
#endif
    has_batches_ = code != cudaErrorCallRequiresNewerDriver && code != cudaErrorNotSupported;
    if (!has_batches_) {
      cudaGetLastError();
      return {};
    }
    *enqueued = code == cudaSuccess;
    return cuda_status("cudaMemcpyBatchAsync", code);
#else
    static_cast<void>(stream);
    static_cast<void>(enqueued);
    return {};
#endif
  }

  const int gpu_;
  const std::size_t streams_;  ///< that copies go on, a user's among them
  const std::vector<PeerCopy> list_;
  std::unique_ptr<Branches> eager_;
  std::vector<std::unique_ptr<Branches>> captured_;
  [[maybe_unused]] bool has_batches_ = true;
};

}  // namespace

Status make_cuda_copies(int gpu, bool on_several_streams, std::vector<PeerCopy> list,
                        std::unique_ptr<EngineCopies>* copies) {
  const std::size_t streams =
      on_several_streams ? std::clamp<std::size_t>(list.size(), 1, kMostStreams) : 1;
  auto made = std::make_unique<CudaCopies>(gpu, streams, std::move(list));
  CAUSEWAY_TRY(made->set_up());
  *copies = std::move(made);
  return {};
}

}  // namespace causeway
