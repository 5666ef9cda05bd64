// What the core asks about GPUs wherever exchanges run. Without CUDA there are none.
#pragma once

#include "device_id.hpp"
#include "status.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace causeway {

struct BlockCopy;

/// Whether host code cannot load from and store to the memory at `address`. Never starts CUDA up:
/// where the process has not, there is no such memory.
bool is_gpu_memory(const void* address);

/// Copies between memory of which one side or both are a GPU's, and returns when it is done.
Status copy_gpu_memory(const BlockCopy& copy);

/// Whether `stream`, a cudaStream_t, is being captured into a graph.
bool is_capturing(void* stream);

/// What is known of a GPU whose memory could not be opened.
struct UnreachableGpu {
  GpuId id;
  int process;             ///< that uses it
  std::string problem;     ///< what the driver said
  bool visible;            ///< this process can see it
  bool peer_access;        ///< and could access its memory
  std::string visibility;  ///< CUDA_VISIBLE_DEVICES here; empty if unset
};

/// The error that names the most likely cause.
Status unreachable(const UnreachableGpu& gpu);

}  // namespace causeway
