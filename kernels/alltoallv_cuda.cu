// alltoallv on the CUDA device.
#include "alltoallv_cuda.cuh"
#include "launch.h"

namespace causeway::kernels {

namespace impl {

// These take the longest to compile, and have files of their own.
using Networked = device::WithPostRing<device::CudaDevice>;
extern template int launch_alltoallv_sized<Networked, false>(const AlltoallvArgs&, const SendBlock*,
                                                             const ReceiveBlock*, void*);
extern template int launch_alltoallv_sized<Networked, true>(const AlltoallvArgs&, const SendBlock*,
                                                            const ReceiveBlock*, void*);
extern template int load_alltoallv_sized<Networked, false>();
extern template int load_alltoallv_sized<Networked, true>();

}  // namespace impl

int launch_alltoallv_cuda(const AlltoallvArgs& args, const SendBlock* send,
                          const ReceiveBlock* receive, void* stream) {
  return launch_alltoallv_on<device::CudaDevice>(args, send, receive, stream);
}

int load_alltoallv_cuda() { return load_alltoallv_on<device::CudaDevice>(); }

}  // namespace causeway::kernels
