// The GPUs that tests run on when CAUSEWAY_DEVICE=cuda, and buffers and streams on them.
#include "gpu_memory.hpp"

#include <causeway/mpix.h>

#if CAUSEWAY_HAVE_CUDA
#include <streams.hpp>
#else
#include <cstdio>
#endif

#include <cstdlib>
#include <cstring>
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

void copy_bytes(void* to, const void* from, std::size_t bytes) {
  if (!on_gpus()) {
    std::memcpy(to, from, bytes);
    return;
  }
  CHECK_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, cudaStreamPerThread));
  CHECK_CUDA(cudaStreamSynchronize(cudaStreamPerThread));
}

struct DeviceMemory::OfGpu {
  explicit OfGpu(GpuBytes::Kind kind) : bytes(kind) {}
  GpuBytes bytes;
};

std::byte* DeviceMemory::make_on_gpu(Of of, std::size_t bytes) {
  const bool shareable = of == Of::kDevice;
  of_gpu_ = std::make_unique<OfGpu>(shareable ? GpuBytes::Kind::kShareable : GpuBytes::Kind::kOwn);
  of_gpu_->bytes.upload(std::vector<std::byte>(bytes));
  return of_gpu_->bytes.bytes().data();
}

struct DeviceStream::OfGpu {
  Stream stream;
};

DeviceStream::DeviceStream() {
  if (on_gpus()) of_gpu_ = std::make_unique<OfGpu>();
}

void* DeviceStream::get() const {
  return of_gpu_ ? static_cast<cudaStream_t>(of_gpu_->stream) : nullptr;
}

void DeviceStream::wait() const {
  if (of_gpu_) of_gpu_->stream.synchronize();
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

void copy_bytes(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

struct DeviceMemory::OfGpu {};

std::byte* DeviceMemory::make_on_gpu(Of, std::size_t) { return nullptr; }

struct DeviceStream::OfGpu {};

DeviceStream::DeviceStream() = default;

void* DeviceStream::get() const { return nullptr; }

void DeviceStream::wait() const {}

#endif

DeviceMemory::DeviceMemory(MPI_Comm comm, Of of, std::size_t bytes) {
  if (of == Of::kMpix) {
    MPIX_Mem_alloc(comm, static_cast<MPI_Aint>(bytes), &of_mpix_);
    data_ = static_cast<std::byte*>(of_mpix_);
  } else if (on_gpus()) {
    data_ = make_on_gpu(of, bytes);
  } else {
    of_host_.resize(bytes);
    data_ = of_host_.data();
  }
}

DeviceMemory::~DeviceMemory() {
  if (of_mpix_ != nullptr) MPIX_Mem_free(of_mpix_);
}

DeviceStream::~DeviceStream() = default;

}  // namespace causeway::test
