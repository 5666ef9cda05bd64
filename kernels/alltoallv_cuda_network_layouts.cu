// alltoallv on the CUDA device with network links, of derived datatypes: its kernels.
#include "alltoallv_cuda.cuh"

namespace causeway::kernels::impl {

using Networked = device::WithPostRing<device::CudaDevice>;
template int launch_alltoallv_sized<Networked, true>(const AlltoallvArgs&, const SendBlock*,
                                                     const ReceiveBlock*, void*);
template int load_alltoallv_sized<Networked, true>();

}  // namespace causeway::kernels::impl
