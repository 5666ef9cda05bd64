// NCCL's alltoallv: a group of sends and receives, one of each per peer.
#pragma once

#include "library.hpp"

#include <cuda_runtime_api.h>

#include <memory>
#include <string>

namespace causeway::osu {

/// The version of the NCCL that runs.
[[nodiscard]] std::string nccl_version();

/// Makes a communicator over the ranks of `comm`, each with its current GPU. Collective; stores in
/// `error`, on every rank where something went wrong, what it was.
[[nodiscard]] std::unique_ptr<Library> make_nccl(MPI_Comm comm, cudaStream_t stream,
                                                 std::string& error);

}  // namespace causeway::osu
