// The GPUs that tests run on when CAUSEWAY_DEVICE=cuda, and buffers on them.
#pragma once

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

}  // namespace causeway::test
