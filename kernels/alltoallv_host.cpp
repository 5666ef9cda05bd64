// alltoallv on the host device.
#include "alltoallv.hpp"
#include "launch.h"

#include <causeway/device/host_device.hpp>

namespace causeway::kernels {

void launch_alltoallv_host(HostExecutor& executor, const AlltoallvArgs& args) {
  if (args.layouts != nullptr) {
    run_on_host(executor, Alltoallv<device::HostDevice, true>{args}, device::ThreadGroup{});
  } else {
    run_on_host(executor, Alltoallv<device::HostDevice>{args}, device::ThreadGroup{});
  }
}

}  // namespace causeway::kernels
