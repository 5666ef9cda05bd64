// alltoallv on the CUDA device with network links: its kernels, which take as long to compile as
// all others.
#include "alltoallv_cuda.cuh"

namespace causeway::kernels::impl {

using Networked = device::WithPostRing<device::CudaDevice>;
template int launch_alltoallv_hooked<Networked>(const AlltoallvArgs&, const SendBlock*,
                                                const ReceiveBlock*, void*);
template int load_alltoallv_sized<Networked>();

}  // namespace causeway::kernels::impl
