// A GPU as causeway-tune's device.
#include "device.hpp"

#include <cuda_runtime_api.h>

namespace causeway::tune {

namespace {

Status cuda_status(const char* call, cudaError_t code) {
  if (code == cudaSuccess) return {};
  return Status::error(ErrorKind::kSystem, "%s failed: %s", call, cudaGetErrorString(code));
}

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(std::string name) : name_(std::move(name)) {}

  std::string name() const override { return name_; }
  Status copy(void* to, const void* from, std::size_t bytes) override {
    CAUSEWAY_TRY(cuda_status("cudaMemcpy", cudaMemcpy(to, from, bytes, cudaMemcpyDefault)));
    return wait();
  }
  Status wait() override {
    return cuda_status("cudaStreamSynchronize", cudaStreamSynchronize(nullptr));
  }

 private:
  std::string name_;
};

}  // namespace

std::unique_ptr<Device> make_cuda_device(int rank_here, std::string* why) {
  int gpus = 0;
  const cudaError_t counted = cudaGetDeviceCount(&gpus);
  if (counted != cudaSuccess || gpus == 0) {
    *why = counted != cudaSuccess ? cudaGetErrorString(counted) : "there is no GPU";
    return nullptr;
  }
  const int ordinal = rank_here % gpus;
  cudaDeviceProp properties{};
  const Status used = cuda_status("cudaSetDevice", cudaSetDevice(ordinal));
  if (!used.ok() || cudaGetDeviceProperties(&properties, ordinal) != cudaSuccess) {
    *why = used.ok() ? "cudaGetDeviceProperties failed" : used.message();
    return nullptr;
  }
  return std::make_unique<CudaDevice>(std::string("cuda, ") + properties.name);
}

}  // namespace causeway::tune
