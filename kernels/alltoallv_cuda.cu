// alltoallv on the CUDA device.
#include "alltoallv.hpp"
#include "cuda_launch.cuh"
#include "launch.h"

namespace causeway::kernels {

int launch_alltoallv_cuda(const AlltoallvArgs& args, void* stream) {
  return run_on_cuda(Alltoallv<device::CudaDevice>{args}, stream);
}

}  // namespace causeway::kernels
