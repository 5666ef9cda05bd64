// MPI on GPU memory.
#include "gpu_device.hpp"

#include <mpi.h>
#if __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

namespace causeway::osu {
namespace {

/// Whether MPI takes GPU memory.
bool mpi_takes_gpu_memory() {
#if defined(MPIX_CUDA_AWARE_SUPPORT)
  return MPIX_Query_cuda_support() == 1;
#else
  return false;
#endif
}

/// Copies to the host, exchanges there, copies back.
class StagedMpi final : public Library {
 public:
  StagedMpi(const Operation& operation, cudaStream_t stream)
      : Library({"mpi", "MPI", "staged through host memory by the benchmark"}),
        operation_(operation),
        stream_(stream) {}

  std::string exchange(const Call& call) override {
    // The mirrors hold the same guards, so whole buffers may be copied, and what MPI does to the
    // guards is seen in the end.
    std::string error = copy(call.send_mirror, call.send, call.sent->extent);
    // An earlier call's copy out of the mirror of what arrives is over then, too.
    error = error.empty() ? cuda_failure("copying", cudaStreamSynchronize(stream_)) : error;
    Call staged = call;
    staged.send = call.send_mirror;
    staged.receive = call.receive_mirror;
    error = error.empty() ? call_failure("exchange", operation_.mpi(staged)) : error;
    return error.empty() ? copy(call.receive, call.receive_mirror, call.received->extent) : error;
  }

 private:
  std::string copy(void* to, const void* from, std::size_t bytes) {
    return cuda_failure("cudaMemcpyAsync",
                        cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_));
  }

  const Operation operation_;
  const cudaStream_t stream_;
};

}  // namespace

std::unique_ptr<Library> make_mpi_on_gpu(const Operation& operation, cudaStream_t stream) {
  if (mpi_takes_gpu_memory()) {
    return std::make_unique<BlockingLibrary>(
        LibraryName{"mpi", "MPI", "CUDA-aware, called with GPU memory"}, operation.mpi);
  }
  return std::make_unique<StagedMpi>(operation, stream);
}

}  // namespace causeway::osu
