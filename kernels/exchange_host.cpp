// Exchanges on the host device.
#include "exchange.hpp"
#include "launch.h"

#include <causeway/device/host_device.hpp>

namespace causeway::kernels {

void launch_exchange_host(HostExecutor& executor, const ExchangeArgs& args, const SendBlock* send,
                          const ReceiveBlock* receive) {
  using device::HostDevice;
  const BlockLists lists{send, receive};
  if (args.layouts != nullptr) {
    run_on_host(executor, Exchange<HostDevice, BlockLists, true>{args, lists},
                device::ThreadGroup{});
  } else {
    run_on_host(executor, Exchange<HostDevice, BlockLists>{args, lists}, device::ThreadGroup{});
  }
}

}  // namespace causeway::kernels
