// alltoallv on the CUDA device.
#include "alltoallv_cuda.cuh"
#include "launch.h"

namespace causeway::kernels {

int launch_alltoallv_cuda(const AlltoallvArgs& args, const SendBlock* send,
                          const ReceiveBlock* receive, void* stream) {
  return launch_alltoallv_on<device::CudaDevice>(args, send, receive, stream);
}

int load_alltoallv_cuda() { return load_alltoallv_on<device::CudaDevice>(); }

}  // namespace causeway::kernels
