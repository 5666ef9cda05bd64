// Which network interfaces UCX listens on.
#pragma once

#include <netinet/in.h>

#include <span>
#include <string>
#include <vector>

namespace causeway {

/// An interface of this host and its IPv4 address; those with several are there several times.
struct Interface {
  std::string name;
  in_addr address;
};

std::vector<Interface> own_interfaces();

/// Devices for UCX's setting NET_DEVICES, so that over TCP it uses, and listens on, only what the
/// job's MPI was told to use; other devices stay. `include` and `exclude` are lists of interfaces
/// and subnets as Open MPI's btl_tcp_if_include and btl_tcp_if_exclude, empty for none; `resources`
/// are UCX's, transports with their devices as in tcp/eth0. Empty where all are to be used, where
/// nothing would be left of TCP, and where UCX has transports that are not known here.
std::string network_devices(std::span<const std::string> resources,
                            std::span<const Interface> interfaces, const std::string& include,
                            const std::string& exclude);

}  // namespace causeway
