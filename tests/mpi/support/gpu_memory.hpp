// The GPUs that tests run on when CAUSEWAY_DEVICE=cuda, and buffers and streams on them.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace causeway::test {

/// Whether CAUSEWAY_DEVICE is cuda.
bool on_gpus();

/// Makes a GPU current, a different one on each rank of the host where there are enough. False,
/// having printed why the tests are skipped, where there is none, or more than `most` ranks would
/// have to take turns on one. Collective over MPI_COMM_WORLD.
bool use_gpu_of_rank(int most);

/// While it lives, and if it is wanted, a copy of host memory on the GPU; goes back at the end.
class OnGpu {
 public:
  OnGpu(std::vector<std::byte>& memory, bool wanted);
  ~OnGpu();
  OnGpu(const OnGpu&) = delete;
  OnGpu& operator=(const OnGpu&) = delete;

  /// Where the copy has what the memory has at `address`.
  std::byte* at(std::byte* address) const;

 private:
  struct Copy;
  std::vector<std::byte>& memory_;
  std::unique_ptr<Copy> copy_;
};

/// Copies between memory of the host and of the GPU in any direction. Done on return.
void copy_bytes(void* to, const void* from, std::size_t bytes);

/// Memory of the device that runs comm's exchanges, which has to be attached, and be what on_gpus()
/// says.
class DeviceMemory {
 public:
  enum class Of {
    kMpix,    ///< MPIX_Mem_alloc
    kDevice,  ///< cudaMalloc; on the host, any
    kPool,    ///< cudaMallocAsync, which other processes cannot open; on the host, any
  };

  DeviceMemory(MPI_Comm comm, Of of, std::size_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  std::byte* data() const { return data_; }

  /// The caller has it freed.
  void release() { of_mpix_ = nullptr; }

 private:
  struct OfGpu;

  std::byte* make_on_gpu(Of of, std::size_t bytes);

  std::byte* data_ = nullptr;
  void* of_mpix_ = nullptr;
  std::vector<std::byte> of_host_;
  std::unique_ptr<OfGpu> of_gpu_;
};

/// A stream of the current GPU; NULL where tests run on the host.
class DeviceStream {
 public:
  DeviceStream();
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  void* get() const;
  void wait() const;

 private:
  struct OfGpu;
  std::unique_ptr<OfGpu> of_gpu_;
};

}  // namespace causeway::test
