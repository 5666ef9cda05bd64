// The CUDA device of builds without CUDA: there is none.
#include "device_backend.hpp"

namespace causeway {

std::unique_ptr<DeviceBackend> make_cuda_backend(std::string* why) {
  *why = "built without CUDA";
  return nullptr;
}

}  // namespace causeway
