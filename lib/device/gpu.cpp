// Why a GPU cannot be reached. Pure: no CUDA.
#include "gpu.hpp"

namespace causeway {

Status unreachable(const UnreachableGpu& gpu) {
  const std::string what = "cannot open memory of " + gpu.id.text() + ", which process " +
                           std::to_string(gpu.process) + " uses (" + gpu.problem + "): ";
  std::string cause;
  if (!gpu.visible) {
    cause = gpu.visibility.empty()
                ? "this process cannot see that GPU, because the batch system or the container "
                  "hides it"
                : "this process cannot see that GPU, because CUDA_VISIBLE_DEVICES is '" +
                      gpu.visibility + "' here";
    cause +=
        "; give every rank all GPUs of the host (no --gpus-per-task, no --gpu-bind) and choose one "
        "with cudaSetDevice";
  } else if (!gpu.peer_access) {
    cause = "there is no peer access between it and this process's GPU (nvidia-smi topo -p2p r)";
  } else {
    cause = "the processes may run in different containers or as different users";
  }
  return {ErrorKind::kUnsupported, what + cause};
}

}  // namespace causeway
