// Exchanges of derived datatypes on the CUDA device with network links: their kernels.
#include "exchange_cuda.cuh"

namespace causeway::kernels::impl {

using Networked = device::WithPostRing<device::CudaDevice>;
template int launch_exchange_hooked<Networked, true>(const ExchangeArgs&, const WorkLists&, void*);
template int load_exchange_hooked<Networked, true>();

}  // namespace causeway::kernels::impl
