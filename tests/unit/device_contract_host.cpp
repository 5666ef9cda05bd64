// The device contract of the host device.
#include "device_contract.hpp"

#include <causeway/device/host_device.hpp>

namespace causeway::test {

template struct DeviceContract<device::HostDevice, device::ThreadGroup>;
template bool instantiate<device::HostDevice, device::ThreadGroup>(const device::ThreadGroup&,
                                                                   const device::Communicator&,
                                                                   const std::byte*, std::byte*);

}  // namespace causeway::test
