// The device contract of the CUDA device, and of the host device as nvcc compiles it.
#include "device_contract.hpp"

#include <causeway/device/cuda_device.hpp>
#include <causeway/device/host_device.hpp>

namespace causeway::test {

template struct DeviceContract<device::CudaDevice, device::WarpsGroup>;
template struct DeviceContract<device::CudaDevice, device::WarpGroup>;

__global__ void instantiate_on_cuda(device::Communicator comm, const std::byte* from, std::byte* to,
                                    bool* done) {
  __shared__ device::Words slot;
  done[0] = instantiate<device::CudaDevice>(device::ThreadGroup{}, comm, from, to);
  done[1] = instantiate<device::CudaDevice>(device::WarpGroup{}, comm, from, to);
  done[2] =
      instantiate<device::CudaDevice>(device::WarpsGroup{1, 0, blockDim.x, &slot}, comm, from, to);
}

bool instantiate_on_host(const device::Communicator& comm, const std::byte* from, std::byte* to) {
  return instantiate<device::HostDevice>(device::ThreadGroup{}, comm, from, to);
}

}  // namespace causeway::test
