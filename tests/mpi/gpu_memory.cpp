// The GPUs that tests run on when CAUSEWAY_DEVICE=cuda, and buffers on them.
#include "gpu_memory.hpp"

#include <causeway/config.h>
#include <mpi.h>

#if CAUSEWAY_HAVE_CUDA
#include <gpu.hpp>
#else
#include <cstdio>
#endif

#include <cstdlib>
#include <string>

namespace causeway::test {

bool on_gpus() {
  const char* const device = std::getenv("CAUSEWAY_DEVICE");
  return device != nullptr && std::string(device) == "cuda";
}

#if CAUSEWAY_HAVE_CUDA

struct OnGpu::Copy {
  GpuBytes bytes;
};

bool use_gpu_of_rank(int most) {
  if (!has_gpu()) return false;
  MPI_Comm host = MPI_COMM_NULL;
  int rank = 0;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
  int ranks = 0;
  MPI_Comm_rank(host, &rank);
  MPI_Comm_size(host, &ranks);
  MPI_Comm_free(&host);
  if (ranks > most * gpus()) {
    std::printf("SKIPPED: %d ranks would take turns on %d GPU(s) for too long\n", ranks, gpus());
    return false;
  }
  use_gpu(rank);
  return true;
}

OnGpu::OnGpu(std::vector<std::byte>& memory, bool wanted) : memory_(memory) {
  if (!wanted) return;
  copy_ = std::make_unique<Copy>();
  copy_->bytes.upload(memory);
}

OnGpu::~OnGpu() {
  if (copy_) copy_->bytes.download(memory_);
}

std::byte* OnGpu::at(std::byte* address) const {
  return copy_ ? copy_->bytes.bytes().data() + (address - memory_.data()) : address;
}

#else

struct OnGpu::Copy {};

bool use_gpu_of_rank(int) {
  std::printf("SKIPPED: built without CUDA\n");
  return false;
}

OnGpu::OnGpu(std::vector<std::byte>& memory, bool) : memory_(memory) {}

OnGpu::~OnGpu() = default;

std::byte* OnGpu::at(std::byte* address) const { return address; }

#endif

}  // namespace causeway::test
