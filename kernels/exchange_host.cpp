// Exchanges on the host device.
#include "any_source.hpp"
#include "exchange.hpp"
#include "launch.h"

#include <causeway/device/host_device.hpp>

namespace causeway::kernels {

void launch_exchange_host(HostExecutor& executor, const ExchangeArgs& args,
                          const WorkLists& lists) {
  using device::HostDevice;
  if (args.any_source) {
    run_on_host(executor, AnySourceExchange<HostDevice>(args, lists), device::ThreadGroup{});
  } else if (args.layouts != nullptr) {
    run_on_host(executor, Exchange<HostDevice, WorkLists, true>{args, lists},
                device::ThreadGroup{});
  } else {
    run_on_host(executor, Exchange<HostDevice, WorkLists>{args, lists}, device::ThreadGroup{});
  }
}

}  // namespace causeway::kernels
