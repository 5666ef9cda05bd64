// A GPU as a benchmark's device: a stream, and CUDA graphs of the calls that are replayed on it.
#include "gpu_device.hpp"

#include <cstring>
#include <fstream>

namespace causeway::osu {
namespace {

std::string driver_version() {
  int version = 0;
  cudaDriverGetVersion(&version);
  std::string text =
      "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  if (std::getline(file, line)) {
    text += ", " + line;
  }
  return text;
}

}  // namespace

std::string cuda_failure(const char* call, cudaError_t code) {
  if (code == cudaSuccess) {
    return {};
  }
  return std::string(call) + " failed: " + cudaGetErrorString(code) + " (" +
         cudaGetErrorName(code) + ")";
}

int visible_gpus(std::string& why) {
  int gpus = 0;
  const cudaError_t code = cudaGetDeviceCount(&gpus);
  if (code != cudaSuccess) {
    int driver = 0;
    const bool has_driver = cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0;
    why = has_driver ? cudaGetErrorString(code) : "no CUDA driver is installed";
    return 0;
  }
  if (gpus == 0) {
    why = "no GPU is visible";
  }
  return gpus;
}

GpuDevice::GpuDevice(int ordinal, int graph_calls, bool validates)
    : ordinal_(ordinal), graph_calls_(graph_calls), validates_(validates) {}

GpuDevice::~GpuDevice() {
  forget();
  if (stream_ != nullptr) {
    cudaStreamDestroy(stream_);
  }
}

std::string GpuDevice::set_up() {
  std::string error = cuda_failure("cudaSetDevice", cudaSetDevice(ordinal_));
  if (!error.empty()) {
    return error;
  }
  cudaDeviceProp properties{};
  error = cuda_failure("cudaGetDeviceProperties", cudaGetDeviceProperties(&properties, ordinal_));
  if (!error.empty()) {
    return error;
  }
  gpu_name_ = properties.name;
  return cuda_failure("cudaStreamCreateWithFlags",
                      cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

std::vector<std::string> GpuDevice::table_remarks() const {
  const std::string calls =
      graph_calls_ > 0 ? "calls replayed from a CUDA graph of " + std::to_string(graph_calls_)
                       : std::string("calls enqueued one by one");
  return {"Device: " + gpu_name_ + ", " + calls,
          "Latency: a window's calls on a stream until all are done, divided by their number"};
}

std::vector<std::string> GpuDevice::file_remarks() const {
  return {"GPU: " + gpu_name_, "driver: " + driver_version(),
          "calls per CUDA graph: " +
              (graph_calls_ > 0 ? std::to_string(graph_calls_) : std::string("no graph"))};
}

Buffer GpuDevice::allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (cudaMalloc(&memory, bytes) != cudaSuccess || cudaMemset(memory, 0, bytes) != cudaSuccess ||
      cudaDeviceSynchronize() != cudaSuccess) {
    cudaGetLastError();
    cudaFree(memory);
    memory = nullptr;
  }
  return {static_cast<std::byte*>(memory), [](std::byte* buffer) { cudaFree(buffer); }};
}

// Pinned, so that copies are as fast as they can be.
Buffer GpuDevice::allocate_mirror(std::size_t bytes) {
  void* memory = nullptr;
  if (cudaMallocHost(&memory, bytes) == cudaSuccess) {
    std::memset(memory, 0, bytes);
  } else {
    cudaGetLastError();
    memory = nullptr;
  }
  return {static_cast<std::byte*>(memory), [](std::byte* buffer) { cudaFreeHost(buffer); }};
}

std::string GpuDevice::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
  std::string error =
      cuda_failure("cudaMemcpyAsync", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_));
  return error.empty() ? cuda_failure("copying", cudaStreamSynchronize(stream_)) : error;
}

std::string GpuDevice::pack_rows(std::byte* to, const std::byte* from, const Rows& rows,
                                 bool at_once) {
  if (at_once) {
    return cuda_failure("cudaMemcpy2DAsync",
                        cudaMemcpy2DAsync(to, rows.bytes, from, rows.pitch, rows.bytes, rows.rows,
                                          cudaMemcpyDefault, stream_));
  }
  std::string error;
  for (std::size_t row = 0; row < rows.rows && error.empty(); ++row) {
    error = cuda_failure("cudaMemcpyAsync",
                         cudaMemcpyAsync(to + row * rows.bytes, from + row * rows.pitch, rows.bytes,
                                         cudaMemcpyDefault, stream_));
  }
  return error;
}

int GpuDevice::rounded_up(int calls) const {
  return graph_calls_ > 0 ? (calls + graph_calls_ - 1) / graph_calls_ * graph_calls_ : calls;
}

std::string GpuDevice::prepare(Library& library, const Call& call) {
  // A library may set up its connections in its first exchange, which is not for a graph to record.
  std::string error = enqueue(library, call, 1);
  error = error.empty() ? finish(library) : error;
  if (graph_calls_ == 0 || !library.can_be_captured()) {
    return error;
  }
  for (const int times : {graph_calls_, 1}) {
    Graph& graph = graphs_[{&library, times}];
    if (error.empty() && !graph && (times == graph_calls_ || validates_)) {
      error = capture(library, call, times, graph);
    }
  }
  return error;
}

std::string GpuDevice::capture(Library& library, const Call& call, int times, Graph& graph) {
  // Other threads, such as a library's own, may go on calling CUDA.
  std::string error = cuda_failure(
      "cudaStreamBeginCapture", cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  if (!error.empty()) {
    return error;
  }
  error = enqueue(library, call, times);
  cudaGraph_t captured = nullptr;
  const std::string ended =
      cuda_failure("cudaStreamEndCapture", cudaStreamEndCapture(stream_, &captured));
  if (!error.empty() || !ended.empty()) {
    return error.empty() ? ended : error;
  }
  cudaGraphExec_t instance = nullptr;
  error = cuda_failure("cudaGraphInstantiate", cudaGraphInstantiate(&instance, captured, 0));
  graph.reset(instance);
  cudaGraphDestroy(captured);
  if (!error.empty()) {
    return error;
  }
  error = cuda_failure("cudaGraphUpload", cudaGraphUpload(instance, stream_));
  return error.empty() ? finish(library) : error;
}

std::string GpuDevice::enqueue(Library& library, const Call& call, int times) {
  std::string error;
  for (int n = 0; n < times && error.empty(); ++n) {
    error = library.exchange(call);
  }
  return error;
}

std::string GpuDevice::finish(const Library& library) {
  std::string error =
      cuda_failure("exchange on the GPU: cudaStreamSynchronize", cudaStreamSynchronize(stream_));
  return error.empty() ? library.late_failure() : error;
}

std::string GpuDevice::run(Library& library, const Call& call, int times) {
  std::string error;
  if (graph_calls_ == 0 || !library.can_be_captured()) {
    error = enqueue(library, call, times);
  } else {
    // Only checks ask for less than a graph of calls.
    const int calls = times % graph_calls_ == 0 ? graph_calls_ : 1;
    const cudaGraphExec_t graph = graphs_.at({&library, calls}).get();
    for (int done = 0; done < times && error.empty(); done += calls) {
      error = cuda_failure("cudaGraphLaunch", cudaGraphLaunch(graph, stream_));
    }
  }
  return error.empty() ? finish(library) : error;
}

}  // namespace causeway::osu
