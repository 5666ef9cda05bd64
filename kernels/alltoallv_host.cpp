// alltoallv on the host device.
#include "alltoallv.hpp"
#include "launch.h"

#include <causeway/device/host_device.hpp>

namespace causeway::kernels {

void launch_alltoallv_host(HostExecutor& executor, const AlltoallvArgs& args, const SendBlock* send,
                           const ReceiveBlock* receive) {
  using device::HostDevice;
  const BlockLists lists{send, receive};
  if (args.layouts != nullptr) {
    run_on_host(executor, Alltoallv<HostDevice, BlockLists, true>{args, lists},
                device::ThreadGroup{});
  } else {
    run_on_host(executor, Alltoallv<HostDevice, BlockLists>{args, lists}, device::ThreadGroup{});
  }
}

}  // namespace causeway::kernels
