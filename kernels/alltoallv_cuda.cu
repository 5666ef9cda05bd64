// alltoallv on the CUDA device.
#include "alltoallv_cuda.cuh"
#include "launch.h"

namespace causeway::kernels {

using Networked = device::WithPostRing<device::CudaDevice>;
extern template int impl::launch_alltoallv_hooked<Networked>(const AlltoallvArgs&, const SendBlock*,
                                                             const ReceiveBlock*, void*);
extern template int impl::load_alltoallv_sized<Networked>();

int launch_alltoallv_cuda(const AlltoallvArgs& args, const SendBlock* send,
                          const ReceiveBlock* receive, void* stream) {
  return launch_alltoallv_on<device::CudaDevice>(args, send, receive, stream);
}

int load_alltoallv_cuda() { return load_alltoallv_on<device::CudaDevice>(); }

}  // namespace causeway::kernels
