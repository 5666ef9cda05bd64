// Which interfaces join the hosts of a communicator.
#include "joining_interfaces.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <system_error>

namespace causeway {

namespace {

using Space = HostInterfaces::Space;

/// To ask for a route; nothing is sent there.
constexpr std::uint16_t kAnyPort = 9;

/// Before an IPv4 address that is mapped into IPv6.
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_chosen(const HostInterfaces& host, std::uint32_t index) {
  return (host.chosen >> index & 1) != 0;
}

/// Addresses that several hosts have.
std::set<NetAddress> ambiguous(const std::vector<HostInterfaces>& all) {
  std::map<NetAddress, const Space*> holders;
  std::set<NetAddress> found;
  for (const HostInterfaces& host : all) {
    for (std::uint32_t i = 0; i < host.count; ++i) {
      const auto [holder, first] = holders.emplace(host.address[i], &host.space);
      if (!first && *holder->second != host.space) found.insert(host.address[i]);
    }
  }
  return found;
}

/// The chosen addresses of ranks, by host.
std::map<Space, std::set<NetAddress>> chosen_addresses(const std::vector<HostInterfaces>& all,
                                                       const std::vector<int>& ranks) {
  std::map<Space, std::set<NetAddress>> found;
  for (const int rank : ranks) {
    const HostInterfaces& host = all[static_cast<std::size_t>(rank)];
    std::set<NetAddress>& addresses = found[host.space];
    for (std::uint32_t i = 0; i < host.count; ++i) {
      if (is_chosen(host, i)) addresses.insert(host.address[i]);
    }
  }
  return found;
}

}  // namespace

std::uint32_t joining_interfaces(const std::vector<HostInterfaces>& all, int self,
                                 const std::vector<int>& remote, const Route& route) {
  const HostInterfaces& own = all[static_cast<std::size_t>(self)];
  const std::set<NetAddress> nowhere = ambiguous(all);
  std::uint32_t usable = 0;
  for (std::uint32_t i = 0; i < own.count; ++i) {
    if (is_chosen(own, i) && !nowhere.contains(own.address[i])) usable |= 1U << i;
  }
  bool apart = false;
  std::uint32_t to_all = usable;
  std::uint32_t to_some = 0;
  for (const auto& [space, addresses] : chosen_addresses(all, remote)) {
    if (space == own.space) continue;
    apart = true;
    std::uint32_t leading = 0;
    for (const NetAddress& address : addresses) {
      if (nowhere.contains(address)) continue;
      if (const auto index = route(address)) leading |= 1U << *index;
    }
    leading &= usable;
    if (leading == 0) return 0;
    to_all &= leading;
    to_some |= leading;
  }
  if (!apart) return own.chosen & HostInterfaces::kLoopback;
  return to_all != 0 ? to_all : to_some;
}

bool reaches_all_chosen(const std::vector<HostInterfaces>& all, int self,
                        const std::vector<int>& remote, const Route& route) {
  const HostInterfaces& own = all[static_cast<std::size_t>(self)];
  const bool by_loopback = own.chosen == HostInterfaces::kLoopback;
  const bool alike = std::ranges::all_of(remote, [&](int rank) {
    const std::uint32_t chosen = all[static_cast<std::size_t>(rank)].chosen;
    return chosen != 0 && (chosen == HostInterfaces::kLoopback) == by_loopback;
  });
  if (own.chosen == 0 || !alike) return false;
  const std::set<NetAddress> nowhere = ambiguous(all);
  return std::ranges::all_of(chosen_addresses(all, remote), [&](const auto& host) {
    return host.first == own.space ||
           std::ranges::all_of(host.second, [&](const NetAddress& address) {
             return !nowhere.contains(address) && route(address).has_value();
           });
  });
}

namespace {

/// As a socket address says; nothing where it is of another family.
std::optional<NetAddress> plain(const sockaddr* from) {
  NetAddress address{};
  if (from == nullptr) return {};
  if (from->sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, from, sizeof four);
    std::ranges::copy(kMapped, address.begin());
    std::memcpy(&address[kMapped.size()], &four.sin_addr, sizeof four.sin_addr);
    return address;
  }
  if (from->sa_family != AF_INET6) return {};
  sockaddr_in6 six{};
  std::memcpy(&six, from, sizeof six);
  std::memcpy(address.data(), &six.sin6_addr, sizeof address);
  return address;
}

/// A socket address; its bytes.
socklen_t make_target(const NetAddress& address, sockaddr_storage* target) {
  if (std::ranges::equal(kMapped, std::span(address).first<kMapped.size()>())) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(kAnyPort);
    std::memcpy(&four.sin_addr, &address[kMapped.size()], sizeof four.sin_addr);
    std::memcpy(target, &four, sizeof four);
    return sizeof four;
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(kAnyPort);
  std::memcpy(&six.sin6_addr, address.data(), sizeof six.sin6_addr);
  std::memcpy(target, &six, sizeof six);
  return sizeof six;
}

/// This process's interfaces.
class OwnInterfaces {
 public:
  /// Of an interface that has several addresses, UCX listens on the first, IPv4 before IPv6. Those
  /// that count on one link alone cannot be told from others' and are left out.
  Status look(HostInterfaces* told) {
    std::string boot;
    std::error_code problem;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    const std::string space =
        boot + ' ' + std::filesystem::read_symlink("/proc/self/ns/net", problem).string();
    ifaddrs* list = nullptr;
    if (boot.empty() || problem || space.size() >= told->space.size()) return {};
    if (getifaddrs(&list) != 0) return {};
    told->named = 0;
    std::ranges::copy(space, told->space.begin());
    const Status read = guarded([&]() -> Status {
      for (const int family : {AF_INET, AF_INET6}) {
        for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
          if (one->ifa_addr != nullptr && one->ifa_addr->sa_family == family) add(*one, told);
        }
      }
      return {};
    });
    freeifaddrs(list);
    return read;
  }

  std::optional<std::uint32_t> route(const NetAddress& address) const {
    sockaddr_storage target{};
    const socklen_t target_bytes = make_target(address, &target);
    const int socket = ::socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return {};
    sockaddr_storage source{};
    socklen_t source_bytes = sizeof source;
    auto* const from = reinterpret_cast<sockaddr*>(&source);
    const bool found =
        connect(socket, reinterpret_cast<const sockaddr*>(&target), target_bytes) == 0 &&
        getsockname(socket, from, &source_bytes) == 0;
    close(socket);
    const std::optional<NetAddress> own = plain(from);
    // One that is its own source is this host's.
    if (!found || !own || *own == address) return {};
    const auto interface = index_.find(*own);
    if (interface == index_.end()) return {};
    return interface->second;
  }

  /// Those of the bits, separated by commas.
  std::string names(std::uint32_t chosen) const {
    if (chosen == HostInterfaces::kLoopback) return loopback_;
    std::string list;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if ((chosen >> i & 1) != 0) list += (list.empty() ? "" : ",") + names_[i];
    }
    return list;
  }

 private:
  void add(const ifaddrs& one, HostInterfaces* told) {
    // Further addresses may have labels, as in eth0:1.
    const std::string name(one.ifa_name, std::strcspn(one.ifa_name, ":"));
    const std::optional<NetAddress> address = plain(one.ifa_addr);
    constexpr unsigned kWorking = IFF_UP | IFF_RUNNING;
    if (!address || (one.ifa_flags & kWorking) != kWorking) return;
    if ((one.ifa_flags & IFF_LOOPBACK) != 0) {
      if (loopback_.empty()) loopback_ = name;
      told->chosen |= HostInterfaces::kLoopback;
      return;
    }
    const bool of_link = (*address)[0] == 0xfe && ((*address)[1] & 0xc0) == 0x80;
    if (of_link) return;
    auto index = static_cast<std::uint32_t>(std::ranges::find(names_, name) - names_.begin());
    if (index == names_.size()) {
      if (index == HostInterfaces::kMost) return;
      names_.push_back(name);
      told->address[told->count++] = *address;
      told->chosen |= 1U << index;
    }
    index_[*address] = index;
  }

  std::vector<std::string> names_;
  std::string loopback_;
  std::map<NetAddress, std::uint32_t> index_;
};

}  // namespace

Status choose_interfaces(Bootstrap& bootstrap, const Topology& topology,
                         const std::function<Status(bool*)>& is_named, std::string* names) {
  OwnInterfaces own;
  const Route route = [&own](const NetAddress& address) { return own.route(address); };
  HostInterfaces mine{};
  std::vector<HostInterfaces> all;
  const auto tell = [&](auto&& decide) { return allgather(bootstrap, decide, mine, &all); };
  names->clear();
  const Status told = tell([&]() -> Status {
    bool named = false;
    CAUSEWAY_TRY(is_named(&named));
    mine.named = 1;
    return named ? Status() : own.look(&mine);
  });
  CAUSEWAY_TRY(told);
  if (std::ranges::any_of(all, [](const HostInterfaces& host) { return host.named != 0; })) {
    return {};
  }
  // Once more among the chosen: a default route leads to everything, also to what joins nobody.
  for (int round = 0; round < 2; ++round) {
    CAUSEWAY_TRY(tell([&]() -> Status {
      mine.chosen = joining_interfaces(all, topology.rank(), topology.remote_ranks(), route);
      return {};
    }));
  }
  CAUSEWAY_TRY(tell([&]() -> Status {
    if (!reaches_all_chosen(all, topology.rank(), topology.remote_ranks(), route)) mine.chosen = 0;
    *names = own.names(mine.chosen);
    return {};
  }));
  if (std::ranges::any_of(all, [](const HostInterfaces& host) { return host.chosen == 0; })) {
    names->clear();
  }
  return {};
}

}  // namespace causeway
