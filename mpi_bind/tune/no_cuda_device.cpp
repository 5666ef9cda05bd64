// causeway-tune in builds without CUDA: there is no GPU.
#include "device.hpp"

namespace causeway::tune {

std::unique_ptr<Device> make_cuda_device(int, std::string* why) {
  *why = "built without CUDA";
  return nullptr;
}

}  // namespace causeway::tune
