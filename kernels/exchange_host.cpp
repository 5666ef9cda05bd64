// Exchanges on the host device.
#include "any_source.hpp"
#include "exchange.hpp"
#include "launch.h"

#include <causeway/device/host_device.hpp>

namespace causeway::kernels {

using device::HostDevice;

namespace {

/// Calls call(operation) with an exchange of one message or block for each peer.
template <class Call>
auto with_exchange(const ExchangeArgs& args, const WorkLists& lists, const Call& call) {
  return args.layouts != nullptr ? call(Exchange<HostDevice, WorkLists, true>{args, lists})
                                 : call(Exchange<HostDevice, WorkLists>{args, lists});
}

}  // namespace

void launch_exchange_host(HostExecutor& executor, const ExchangeArgs& args,
                          const WorkLists& lists) {
  if (args.any_source) {
    run_on_host(executor, AnySourceExchange<HostDevice>(args, lists), device::ThreadGroup{});
    return;
  }
  with_exchange(args, lists, [&](const auto& exchange) {
    run_on_host(executor, exchange, device::ThreadGroup{});
  });
}

bool advance_exchange_host(const ExchangeArgs& args, const WorkLists& lists,
                           HostProgress* progress) {
  return with_exchange(args, lists, [&](const auto& exchange) {
    return advance_on_host(exchange, device::ThreadGroup{}, progress);
  });
}

void finish_exchange_host(const ExchangeArgs& args, const WorkLists& lists,
                          const HostProgress& progress) {
  with_exchange(args, lists, [&](const auto& exchange) {
    finish_on_host(exchange, device::ThreadGroup{}, progress);
  });
}

}  // namespace causeway::kernels
