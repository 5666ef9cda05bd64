// NCCL's alltoallv, a group of sends and receives, and its alltoall by copy engines.
#pragma once

#include "library.hpp"

#include <cuda_runtime_api.h>

#include <memory>
#include <string>

namespace causeway::osu {

/// The version of the NCCL that runs.
[[nodiscard]] std::string nccl_version();

struct NcclSettings {
  int max_ctas = 0;        ///< thread blocks of an exchange, at most; 0 for NCCL's choice
  bool registers = false;  ///< whether the buffers are registered
};

/// Makes a communicator over the ranks of `comm`, each with its current GPU. Collective; stores in
/// `error`, on every rank where something went wrong, what it was.
[[nodiscard]] std::unique_ptr<Library> make_nccl(MPI_Comm comm, cudaStream_t stream,
                                                 const NcclSettings& settings, std::string& error);

/// NCCL's alltoall by copy engines, of equal blocks in buffers of its own: symmetric windows, and a
/// communicator, made as make_nccl's, that is to do without thread blocks.
[[nodiscard]] std::unique_ptr<Library> make_nccl_copy_engines(MPI_Comm comm, cudaStream_t stream,
                                                              std::string& error);

}  // namespace causeway::osu
