// Exchanges with a message from any source on the CUDA device.
#include "any_source.hpp"
#include "cuda_launch.cuh"
#include "launch.h"

#include <causeway/device/post_ring.hpp>

namespace causeway::kernels {

int launch_any_source_cuda(const ExchangeArgs& args, const WorkLists& lists, void* stream) {
  using Operation = AnySourceExchange<device::WithPostRing<device::CudaDevice>>;
  return run_on_cuda<false>(Operation(args, lists), stream);
}

}  // namespace causeway::kernels
