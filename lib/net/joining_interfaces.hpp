// Which interfaces join the hosts of a communicator.
#pragma once

#include "topology.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace causeway {

/// IPv6, or IPv4 mapped into it.
using NetAddress = std::array<std::uint8_t, 16>;

/// What a rank tells of the interfaces that UCX would listen on. Plain data.
struct HostInterfaces {
  static constexpr std::uint32_t kMost = 31;
  static constexpr std::uint32_t kLoopback = 1U << kMost;
  using Space = std::array<char, 112>;

  /// Names the machine and the network namespace: equal where interfaces are the same.
  Space space;
  std::uint32_t named;  ///< not 0: by others, or nothing is known
  std::uint32_t count;  ///< of addresses, one for each interface
  std::uint32_t
      chosen;  ///< bits of those that may serve, or kLoopback; at first all that there are
  NetAddress address[kMost];
};

/// Which own interface leads to an address; nothing where none does, or the address is this host's.
using Route = std::function<std::optional<std::uint32_t>(const NetAddress&)>;

/// Those of rank `self`'s chosen interfaces over which it reaches chosen addresses of all hosts of
/// the ranks `remote`, where there are any; else those over which it reaches some. The loopback,
/// where all these ranks have this rank's interfaces. An address that two hosts have leads nowhere:
/// bridges of containers and virtual machines have the same on every host. 0 where some host is out
/// of reach.
std::uint32_t joining_interfaces(const std::vector<HostInterfaces>& all, int self,
                                 const std::vector<int>& remote, const Route& route);

/// Whether rank `self` reaches every chosen address of the ranks `remote`: UCX may connect to any.
bool reaches_all_chosen(const std::vector<HostInterfaces>& all, int self,
                        const std::vector<int>& remote, const Route& route);

/// Collective over all ranks of the topology, which decide alike: the interfaces, separated by
/// commas, that UCX needs to join them. Empty where all are to be used, and where `is_named` says
/// of some rank that others name them. Nothing is sent: the routing table is asked.
Status choose_interfaces(Bootstrap& bootstrap, const Topology& topology,
                         const std::function<Status(bool*)>& is_named, std::string* names);

}  // namespace causeway
