// Streams and graphs that end with their scope.
#pragma once

#include "gpu.hpp"

#include <vector>

namespace causeway::test {

class Stream {
 public:
  Stream() { CHECK_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { CHECK_CUDA(cudaStreamDestroy(stream_)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator cudaStream_t() const { return stream_; }
  void synchronize() const { CHECK_CUDA(cudaStreamSynchronize(stream_)); }
  /// Makes what is enqueued later wait for what the other stream holds now.
  void wait_for(const Stream& other) const {
    cudaEvent_t event = nullptr;
    CHECK_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    CHECK_CUDA(cudaEventRecord(event, other));
    CHECK_CUDA(cudaStreamWaitEvent(stream_, event, 0));
    CHECK_CUDA(cudaEventDestroy(event));
  }
  /// Enqueues a function of the host.
  void enqueue(cudaHostFn_t function) const {
    CHECK_CUDA(cudaLaunchHostFunc(stream_, function, nullptr));
  }

 private:
  cudaStream_t stream_ = nullptr;
};

/// What body() enqueues on a stream, as a graph that can be launched.
class Graph {
 public:
  template <class Body>
  Graph(const Stream& stream, const Body& body) {
    CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    body();
    CHECK_CUDA(cudaStreamEndCapture(stream, &graph_));
    CHECK_CUDA(cudaGraphInstantiate(&exec_, graph_, 0));
  }
  ~Graph() {
    CHECK_CUDA(cudaGraphExecDestroy(exec_));
    CHECK_CUDA(cudaGraphDestroy(graph_));
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// How many copies it holds.
  std::size_t copies() const {
    std::size_t count = 0;
    CHECK_CUDA(cudaGraphGetNodes(graph_, nullptr, &count));
    std::vector<cudaGraphNode_t> nodes(count);
    CHECK_CUDA(cudaGraphGetNodes(graph_, nodes.data(), &count));
    std::size_t copies = 0;
    for (const cudaGraphNode_t node : nodes) {
      cudaGraphNodeType type{};
      CHECK_CUDA(cudaGraphNodeGetType(node, &type));
      copies += type == cudaGraphNodeTypeMemcpy ? 1 : 0;
    }
    return copies;
  }

  void launch(const Stream& stream) const { CHECK_CUDA(cudaGraphLaunch(exec_, stream)); }

 private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace causeway::test
