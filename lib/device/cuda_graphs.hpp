// GraphMemory: memory of the device that graphs refer to. Only in builds with CUDA.
#pragma once

#include "memory.hpp"
#include "status.hpp"

#include <cuda_runtime_api.h>

#include <memory>

namespace causeway {

/// Keeps memory that a communicator lets go of while graphs may still read it. It goes back when
/// another GraphMemory is made or ends after the last of those graphs: what ends with a graph may
/// not call CUDA. Calls as those of a device.
class GraphMemory {
 public:
  GraphMemory();
  ~GraphMemory();
  GraphMemory(const GraphMemory&) = delete;
  GraphMemory& operator=(const GraphMemory&) = delete;

  /// Before a launch is captured: counts the graph that `stream` is being captured into, and what
  /// is made of it, among those that memory is kept for.
  Status bind(cudaStream_t stream);

  /// Whether a graph lives that memory is kept for.
  bool in_use() const { return kept_.use_count() > 1; }

  /// Keeps memory as long as any does.
  void keep(const Memory& memory);

 private:
  struct Kept;

  std::shared_ptr<Kept> kept_;         ///< each graph is an owner too
  unsigned long long last_bound_ = 0;  ///< the capture, of which each has another number
};

}  // namespace causeway
