// The network devices that UCX is left with.
#include <interfaces.hpp>

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace causeway {
namespace {

Interface at(const char* name, const char* address) {
  Interface interface {
    name, {}
  };
  inet_aton(address, &interface.address);
  return interface;
}

const std::vector<Interface> kInterfaces{at("lo", "127.0.0.1"), at("eth0", "192.0.2.7"),
                                         at("eth0", "198.51.100.7"), at("ib0", "203.0.113.129")};

struct Example {
  const char* include;
  const char* exclude;
  const char* devices;
};

TEST(Interfaces, OverTcpThoseThatMpiWasToldToUse) {
  const std::vector<std::string> resources{"self/memory0", "tcp/eth0", "tcp/lo", "tcp/ib0",
                                           "posix/memory"};
  const Example examples[] = {
      {"", "", ""},
      {"eth0", "", "eth0"},
      {"eth0,lo", "", "eth0,lo"},
      {"192.0.2.0/24", "", "eth0"},
      {"198.51.100.7/32", "", "eth0"},
      {"203.0.113.128/25", "lo", "ib0"},  // include counts, as for Open MPI
      {"203.0.113.0/25", "", ""},
      {"0.0.0.0/0", "", "eth0,ib0,lo"},
      {"eth1", "", ""},
      {"eth", "", ""},
      {"192.0.2.0/33", "", ""},
      {"", "lo", "eth0,ib0"},
      {"", "127.0.0.0/8,ib0", "eth0"},
      {"", "0.0.0.0/0", ""},
  };
  for (const auto& [include, exclude, devices] : examples) {
    EXPECT_EQ(network_devices(resources, kInterfaces, include, exclude), devices)
        << "include '" << include << "', exclude '" << exclude << "'";
  }
}

TEST(Interfaces, OtherNetworkDevicesStay) {
  const std::vector<std::string> resources{"tcp/eth0",         "tcp/lo",
                                           "rc_mlx5/mlx5_0:1", "ud_mlx5/mlx5_0:1",
                                           "dc_mlx5/mlx5_1:1", "cuda_copy/cuda"};
  EXPECT_EQ(network_devices(resources, kInterfaces, "lo", ""), "lo,mlx5_0:1,mlx5_1:1");
  std::vector<std::string> unknown = resources;
  unknown.emplace_back("new/device0");
  EXPECT_EQ(network_devices(unknown, kInterfaces, "lo", ""), "");
}

TEST(Interfaces, ThisHostHasALoopback) {
  const std::vector<Interface> here = own_interfaces();
  EXPECT_TRUE(std::ranges::any_of(here, [](const Interface& interface) {
    return interface.address.s_addr == htonl(INADDR_LOOPBACK);
  }));
}

}  // namespace
}  // namespace causeway
