// GraphMemory: memory of the device that graphs refer to.
#include "cuda_graphs.hpp"

#include "cuda_support.hpp"

#include <list>
#include <mutex>

namespace causeway {

namespace {

/// Memory of graphs that are gone.
struct Left {
  std::mutex mutex;  ///< never held where CUDA is called: graphs end inside of its calls
  std::list<Memory> memory;
};

/// Never destroyed: graphs may end when the program does.
Left& left() {
  static auto& all = *new Left;
  return all;
}

void give_back() {
  std::list<Memory> ended;
  {
    const std::lock_guard lock(left().mutex);
    ended.swap(left().memory);
  }
  const OutsideCaptures outside;
  ended.clear();
}

Status capture_of(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                  cudaGraph_t* graph) {
#if CUDART_VERSION >= 13000
  CAUSEWAY_CUDA(cudaStreamGetCaptureInfo, stream, status, id, graph);
#else
  CAUSEWAY_CUDA(cudaStreamGetCaptureInfo_v3, stream, status, id, graph);
#endif
  return {};
}

}  // namespace

struct GraphMemory::Kept {
  Kept() = default;
  /// On any thread, also on one of CUDA's. Allocates nothing.
  ~Kept() {
    const std::lock_guard lock(left().mutex);
    left().memory.splice(left().memory.end(), memory);
  }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

  std::list<Memory> memory;
};

GraphMemory::GraphMemory() : kept_(std::make_shared<Kept>()) { give_back(); }

GraphMemory::~GraphMemory() {
  kept_.reset();
  give_back();
}

Status GraphMemory::bind(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  unsigned long long capture = 0;
  cudaGraph_t graph = nullptr;
  CAUSEWAY_TRY(capture_of(stream, &status, &capture, &graph));
  // One that has become invalid makes no graph.
  if (status != cudaStreamCaptureStatusActive || capture == last_bound_) return {};
  using Owner = std::shared_ptr<Kept>;
  auto owner = std::make_unique<Owner>(kept_);
  const auto end = [](void* ended) { delete static_cast<Owner*>(ended); };
  cudaUserObject_t object = nullptr;
  CAUSEWAY_CUDA(cudaUserObjectCreate, &object, owner.get(), end, 1, cudaUserObjectNoDestructorSync);
  static_cast<void>(owner.release());
  const cudaError_t code = cudaGraphRetainUserObject(graph, object, 1, cudaGraphUserObjectMove);
  if (code != cudaSuccess) ignore(cudaUserObjectRelease(object, 1));
  CAUSEWAY_TRY(cuda_status("cudaGraphRetainUserObject", code));
  last_bound_ = capture;
  return {};
}

void GraphMemory::keep(const Memory& memory) {
  if (in_use()) kept_->memory.push_back(memory);
}

}  // namespace causeway
