// alltoallv on the CUDA device with network links: its kernels.
#include "alltoallv_cuda.cuh"

namespace causeway::kernels::impl {

using Networked = device::WithPostRing<device::CudaDevice>;
template int launch_alltoallv_sized<Networked, false>(const AlltoallvArgs&, const SendBlock*,
                                                      const ReceiveBlock*, void*);
template int load_alltoallv_sized<Networked, false>();

}  // namespace causeway::kernels::impl
