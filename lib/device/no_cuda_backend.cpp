// The CUDA device of builds without CUDA: there is none.
#include "device_backend.hpp"

namespace causeway {

std::unique_ptr<DeviceBackend> make_cuda_backend(const kernels::Launchers&, std::string* why) {
  *why = "built without CUDA";
  return nullptr;
}

bool is_gpu_memory(const void*) { return false; }

Status copy_gpu_memory(const BlockCopy&) { return {ErrorKind::kUnsupported, "built without CUDA"}; }

bool is_capturing(void*) { return false; }

}  // namespace causeway
