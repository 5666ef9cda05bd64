// What the CUDA parts of the library share, and what the core asks of GPU memory.
#include "cuda_support.hpp"

#include "device_backend.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <vector>

namespace causeway {

namespace {

/// CUDA copies blocks together where they do not overlap and lie less than 2 GiB apart.
bool is_pitch(std::int64_t stride, std::size_t bytes) {
  return stride >= static_cast<std::int64_t>(bytes) && stride < std::int64_t{1} << 31;
}

/// A function of the driver API. It is looked up when it is needed, so that the library loads where
/// there is no driver.
template <class Function>
Status find_in_driver(const char* name, Function* function) {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  CAUSEWAY_CUDA(cudaGetDriverEntryPointByVersion, name, &entry, 12000, cudaEnableDefault, &found);
  if (found != cudaDriverEntryPointSuccess) {
    return Status::error(ErrorKind::kSystem, "the CUDA driver has no %s", name);
  }
  *function = reinterpret_cast<Function>(entry);
  return {};
}

Status copy_on(int gpu, cudaStream_t stream, const BlockCopy& copy) {
  const CurrentGpu current(gpu);
  if (copy.blocks > 1 && is_pitch(copy.to_stride, copy.bytes) &&
      is_pitch(copy.from_stride, copy.bytes)) {
    CAUSEWAY_CUDA(cudaMemcpy2DAsync, copy.to, static_cast<std::size_t>(copy.to_stride), copy.from,
                  static_cast<std::size_t>(copy.from_stride), copy.bytes, copy.blocks,
                  cudaMemcpyDefault, stream);
  } else {
    for (std::size_t i = 0; i < copy.blocks; ++i) {
      CAUSEWAY_CUDA(cudaMemcpyAsync, copy.target(i), copy.source(i), copy.bytes, cudaMemcpyDefault,
                    stream);
    }
  }
  CAUSEWAY_CUDA(cudaStreamSynchronize, stream);
  return {};
}

}  // namespace

Status DriverQueries::find() {
  CAUSEWAY_TRY(find_in_driver("cuStreamQuery", &ask_of_stream_));
  CAUSEWAY_TRY(find_in_driver("cuEventQuery", &ask_of_event_));
  return find_in_driver("cuStreamGetId", &id_of_stream_);
}

cudaError_t DriverQueries::ask(cudaStream_t stream) const {
  static_assert(int{CUDA_ERROR_NOT_READY} == int{cudaErrorNotReady});
  const OutsideCaptures outside;
  return static_cast<cudaError_t>(ask_of_stream_(stream));
}

cudaError_t DriverQueries::ask(cudaEvent_t event) const {
  const OutsideCaptures outside;
  return static_cast<cudaError_t>(ask_of_event_(event));
}

std::optional<unsigned long long> DriverQueries::id_of(cudaStream_t stream) const {
  unsigned long long id = 0;
  return id_of_stream_(stream, &id) == CUDA_SUCCESS ? std::optional(id) : std::nullopt;
}

int owner_of(const void* address) {
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, address) != cudaSuccess) {
    cudaGetLastError();
    return kNoGpu;
  }
  return attributes.type == cudaMemoryTypeDevice ? attributes.device : kNoGpu;
}

Status find_range(const void* address, const std::byte** base, std::size_t* bytes) {
  CUresult (*ask)(CUdeviceptr*, std::size_t*, CUdeviceptr) = nullptr;
  CAUSEWAY_TRY(find_in_driver("cuMemGetAddressRange", &ask));
  CUdeviceptr start = 0;
  const CUresult code = ask(&start, bytes, reinterpret_cast<CUdeviceptr>(address));
  if (code != CUDA_SUCCESS) {
    return Status::error(ErrorKind::kSystem, "cuMemGetAddressRange failed: %d", code);
  }
  *base = reinterpret_cast<const std::byte*>(start);
  return {};
}

bool is_shareable(const void* address) {
  CUresult (*ask)(void*, CUpointer_attribute, CUdeviceptr) = nullptr;
  if (!find_in_driver("cuPointerGetAttribute", &ask).ok()) return false;
  unsigned capable = 0;
  return ask(&capable, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE,
             reinterpret_cast<CUdeviceptr>(address)) == CUDA_SUCCESS &&
         capable != 0;
}

Status cuda_status(const char* call, cudaError_t code) {
  if (code == cudaSuccess) return {};
  cudaGetLastError();  // ours to report, not the application's to find later
  return Status::error(ErrorKind::kSystem, "%s failed: %s (%s)", call, cudaGetErrorString(code),
                       cudaGetErrorName(code));
}

/// Memory of another GPU of this process may come from a pool that this one has no access to: it
/// goes through the host, each half on the GPU that owns it.
Status copy_memory(int gpu, cudaStream_t stream, const BlockCopy& copy) {
  const int target = owner_of(copy.to);
  const int source = owner_of(copy.from);
  const auto is_other = [&](int owner) { return owner != kNoGpu && owner != gpu; };
  if (!is_other(target) && !is_other(source)) return copy_on(gpu, stream, copy);
  std::vector<std::byte> middle(copy.bytes * copy.blocks);
  const auto stride = static_cast<std::int64_t>(copy.bytes);
  CAUSEWAY_TRY(
      copy_on(source == kNoGpu ? gpu : source, cudaStreamPerThread,
              {middle.data(), stride, copy.from, copy.from_stride, copy.bytes, copy.blocks}));
  return copy_on(target == kNoGpu ? gpu : target, cudaStreamPerThread,
                 {copy.to, copy.to_stride, middle.data(), stride, copy.bytes, copy.blocks});
}

namespace {

/// The driver's own functions, which need no context; the runtime would first make one, and of the
/// GPU that happens to be current. The library is there when anything in the process uses CUDA.
struct Driver {
  CUresult (*ask)(void*, CUpointer_attribute, CUdeviceptr) = nullptr;
  CUresult (*retain)(CUcontext*, CUdevice) = nullptr;
  CUresult (*release)(CUdevice) = nullptr;
  CUresult (*push)(CUcontext) = nullptr;
  CUresult (*pop)(CUcontext*) = nullptr;

  Driver() {
    void* const library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) return;
    const auto find = [&](const char* name, auto* function) {
      *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(library, name));
    };
    find("cuPointerGetAttribute", &ask);
    find("cuDevicePrimaryCtxRetain", &retain);
    find("cuDevicePrimaryCtxRelease_v2", &release);
    find("cuCtxPushCurrent_v2", &push);
    find("cuCtxPopCurrent_v2", &pop);
  }
};

const Driver& driver() {
  static const Driver the_driver;
  return the_driver;
}

/// Makes a GPU current for a scope by its context, which there is, and not by its number: a thread
/// that has no GPU, as one of the library's own, has none afterwards.
class CurrentContext {
 public:
  explicit CurrentContext(int gpu) : gpu_(gpu) {
    CUcontext context = nullptr;
    retained_ = driver().retain != nullptr && driver().retain(&context, gpu) == CUDA_SUCCESS;
    pushed_ = retained_ && driver().push(context) == CUDA_SUCCESS;
  }
  ~CurrentContext() {
    CUcontext popped = nullptr;
    if (pushed_) driver().pop(&popped);
    if (retained_) driver().release(gpu_);
  }
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;

 private:
  const int gpu_;
  bool retained_ = false;
  bool pushed_ = false;
};

}  // namespace

bool is_gpu_memory(const void* address) {
  const auto ask = driver().ask;
  if (ask == nullptr || address == nullptr) return false;
  const auto where = reinterpret_cast<CUdeviceptr>(address);
  unsigned type = 0;
  unsigned managed = 0;
  return ask(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, where) == CUDA_SUCCESS &&
         type == CU_MEMORYTYPE_DEVICE &&
         ask(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, where) == CUDA_SUCCESS && managed == 0;
}

Status copy_gpu_memory(const BlockCopy& copy) {
  const void* const on_gpu = is_gpu_memory(copy.to) ? copy.to : copy.from;
  int gpu = 0;
  if (driver().ask(&gpu, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
                   reinterpret_cast<CUdeviceptr>(on_gpu)) != CUDA_SUCCESS) {
    return {ErrorKind::kSystem, "the CUDA driver does not say which GPU has a buffer"};
  }
  const CurrentContext context(gpu);
  const OutsideCaptures outside;
  return copy_memory(gpu, cudaStreamPerThread, copy);
}

GpuId gpu_id_of(const cudaDeviceProp& properties) {
  GpuId id{};
  static_assert(sizeof id.bytes == sizeof properties.uuid);
  std::memcpy(id.bytes, &properties.uuid, sizeof id.bytes);
  return id;
}

Status why_unreachable(const Place& owner, const GpuId& id, cudaError_t code) {
  UnreachableGpu gpu{id, static_cast<int>(owner.desk.pid), cudaGetErrorString(code), false, false,
                     ""};
  if (const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES")) gpu.visibility = visible;
  int gpus = 0;
  int mine = 0;
  ignore(cudaGetDeviceCount(&gpus));
  ignore(cudaGetDevice(&mine));
  for (int other = 0; other < gpus; ++other) {
    cudaDeviceProp properties{};
    const cudaError_t found = cudaGetDeviceProperties(&properties, other);
    ignore(found);
    if (found != cudaSuccess) continue;
    if (gpu_id_of(properties) != id) continue;
    int access = 0;
    ignore(cudaDeviceCanAccessPeer(&access, mine, other));
    gpu.visible = true;
    gpu.peer_access = access != 0 || other == mine;
  }
  return unreachable(gpu);
}

}  // namespace causeway
