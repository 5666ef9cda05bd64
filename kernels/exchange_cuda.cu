// Exchanges on the CUDA device.
#include "exchange_cuda.cuh"
#include "launch.h"

namespace causeway::kernels {

namespace impl {

// These take the longest to compile, and have files of their own.
using Networked = device::WithPostRing<device::CudaDevice>;
extern template int launch_exchange_hooked<Networked, false>(const ExchangeArgs&, const WorkLists&,
                                                             void*);
extern template int launch_exchange_hooked<Networked, true>(const ExchangeArgs&, const WorkLists&,
                                                            void*);
extern template int load_exchange_hooked<Networked, false>();
extern template int load_exchange_hooked<Networked, true>();

}  // namespace impl

int launch_exchange_cuda(const ExchangeArgs& args, const WorkLists& lists, void* stream) {
  if (args.any_source) return launch_any_source_cuda(args, lists, stream);
  return launch_exchange_on<device::CudaDevice>(args, lists, stream);
}

int load_exchange_cuda() { return load_exchange_on<device::CudaDevice>(); }

}  // namespace causeway::kernels
