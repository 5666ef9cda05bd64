// Which transports UCX may use.
#pragma once

#include <string>

namespace causeway {

/// What UCX_TLS says (empty for UCX's own choice), without transports that do not serve between
/// hosts.
///
/// Those that call CUDA (cuda_copy, cuda_ipc, gdr_copy) are left out always. The network moves host
/// memory alone, and its thread must not wait for a call of CUDA: where another thread frees GPU
/// memory, that waits for kernels, which may wait for the network. Those through memory of one host
/// (posix, sysv, cma, knem, xpmem) stay only where UCX_TLS names them: just having them takes
/// megabytes of /dev/shm for each rank.
///
/// `shared` and `cuda`: whether this UCX has either kind; it warns of names that it does not know.
std::string network_transports(const std::string& chosen, bool shared, bool cuda);

}  // namespace causeway
