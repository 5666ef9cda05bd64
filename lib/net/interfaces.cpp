// Which network interfaces UCX listens on.
#include "interfaces.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <string_view>

namespace causeway {

namespace {

using Names = std::array<std::string_view, 10>;
constexpr Names kWithoutNetwork{"self",  "posix",     "sysv",     "cma",      "knem",
                                "xpmem", "cuda_copy", "cuda_ipc", "gdr_copy", "mm"};
constexpr Names kOfInfiniBand{"rc_verbs", "rc_mlx5", "rc_x", "dc_mlx5", "dc_x",
                              "ud_verbs", "ud_mlx5", "ud_x", "srd",     "gga"};

bool is_one_of(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// Whether an address lies in a subnet, as in 192.0.2.0/24.
bool contains(const std::string& subnet, in_addr address) {
  const std::size_t slash = subnet.find('/');
  in_addr net{};
  if (slash == std::string::npos || inet_aton(subnet.substr(0, slash).c_str(), &net) == 0) {
    return false;
  }
  const int bits = std::atoi(subnet.c_str() + slash + 1);
  if (bits < 0 || bits > 32) return false;
  const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
  return ((ntohl(net.s_addr) ^ ntohl(address.s_addr)) & mask) == 0;
}

/// Whether a list has an interface by its name, or a subnet that one of its addresses is in.
bool lists(const std::string& list, std::string_view name, std::span<const Interface> interfaces) {
  std::istringstream items(list);
  for (std::string item; std::getline(items, item, ',');) {
    if (item == name) return true;
    if (std::ranges::any_of(interfaces, [&](const Interface& interface) {
          return interface.name == name && contains(item, interface.address);
        })) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<Interface> own_interfaces() {
  std::vector<Interface> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address{};
    std::memcpy(&address, one->ifa_addr, sizeof address);
    found.push_back({one->ifa_name, address.sin_addr});
  }
  freeifaddrs(list);
  return found;
}

std::string network_devices(std::span<const std::string> resources,
                            std::span<const Interface> interfaces, const std::string& include,
                            const std::string& exclude) {
  if (include.empty() && exclude.empty()) return {};
  std::set<std::string> devices;
  bool tcp = false;
  for (const std::string& resource : resources) {
    const std::size_t slash = resource.find('/');
    if (slash == std::string::npos) return {};
    const std::string_view transport(resource.data(), slash);
    const std::string device = resource.substr(slash + 1);
    if (is_one_of(kWithoutNetwork, transport)) continue;
    if (is_one_of(kOfInfiniBand, transport)) {
      devices.insert(device);
    } else if (transport != "tcp") {
      return {};
    } else if (include.empty() ? !lists(exclude, device, interfaces)
                               : lists(include, device, interfaces)) {
      devices.insert(device);
      tcp = true;
    }
  }
  if (!tcp) return {};
  std::string chosen;
  for (const std::string& device : devices) chosen += (chosen.empty() ? "" : ",") + device;
  return chosen;
}

}  // namespace causeway
