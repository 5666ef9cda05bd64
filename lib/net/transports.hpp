// Which transports UCX may use.
#pragma once

#include <string>

namespace causeway {

/// A list of transports, as UCX_TLS has it (empty for UCX's own choice), without those that call
/// CUDA: cuda_copy, cuda_ipc and gdr_copy. The network moves host memory alone, and its thread must
/// not wait for a call of CUDA: where another thread frees GPU memory, that waits for kernels,
/// which may wait for the network.
std::string without_cuda(const std::string& transports);

}  // namespace causeway
