// Lists of exchanges in GPU memory, where they are too long for a kernel's arguments. Only in
// builds with CUDA.
#pragma once

#include "device_backend.hpp"
#include "memory.hpp"
#include "status.hpp"

#include <args.h>

#include <cuda_runtime_api.h>

#include <cstddef>
#include <vector>

namespace causeway {

/// Copies the lists of an exchange to memory of their own, and returns when they are there.
Status copy_lists(DeviceMemory& device, const kernels::ExchangeArgs& args,
                  const kernels::WorkLists& lists, Memory* there);

/// The lists of an exchange that copy_lists() has copied.
kernels::WorkLists lists_in(const Memory& there, const kernels::ExchangeArgs& args);

/// Memory for the lists of launches that follow each other, none of them in a graph.
class EagerLists {
 public:
  /// Enqueues a copy of the lists, which *lists then are; the host's may change at once. The launch
  /// before is over when the stream comes to the copy.
  Status bring(DeviceBackend& device, const kernels::ExchangeArgs& args, cudaStream_t stream,
               kernels::WorkLists* lists);

 private:
  std::vector<std::byte> packed_;
  Memory there_;
  std::size_t bytes_ = 0;  ///< of it
};

}  // namespace causeway
