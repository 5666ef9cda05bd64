// Exchanges on the CUDA device.
#include "exchange_cuda.cuh"
#include "launch.h"

namespace causeway::kernels {

namespace impl {

// These take the longest to compile, and have files of their own.
using Networked = device::WithPostRing<device::CudaDevice>;
extern template int launch_exchange_sized<Networked, false>(const ExchangeArgs&, const SendBlock*,
                                                            const ReceiveBlock*, void*);
extern template int launch_exchange_sized<Networked, true>(const ExchangeArgs&, const SendBlock*,
                                                           const ReceiveBlock*, void*);
extern template int load_exchange_sized<Networked, false>();
extern template int load_exchange_sized<Networked, true>();

}  // namespace impl

int launch_exchange_cuda(const ExchangeArgs& args, const SendBlock* send,
                         const ReceiveBlock* receive, void* stream) {
  return launch_exchange_on<device::CudaDevice>(args, send, receive, stream);
}

int load_exchange_cuda() { return load_exchange_on<device::CudaDevice>(); }

}  // namespace causeway::kernels
