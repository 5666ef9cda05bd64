// The interfaces that join the hosts of a communicator, with routing tables that are made up.
#include <joining_interfaces.hpp>

#include <gtest/gtest.h>
#include <thread_bootstrap.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace causeway {
namespace {

constexpr std::uint32_t kLoopback = HostInterfaces::kLoopback;

/// A host of network `net` there.
struct Address {
  int net;
  int host;
};

NetAddress plain(const Address& address) {
  return {0,    0,
          0,    0,
          0,    0,
          0,    0,
          0,    0,
          0xff, 0xff,
          10,   static_cast<std::uint8_t>(address.net),
          0,    static_cast<std::uint8_t>(address.host)};
}

/// One rank's host: interface i has address i, and leads to its network.
struct Host {
  std::string space;
  std::vector<Address> addresses;
  std::map<int, std::uint32_t> further = {};  ///< interface by network, before the interfaces' own
  int to_others = -1;                         ///< interface of the default route
  bool loopback = true;
};

HostInterfaces told_by(const Host& host) {
  HostInterfaces told{};
  std::ranges::copy(host.space, told.space.begin());
  for (const Address& address : host.addresses) {
    told.chosen |= 1U << told.count;
    told.address[told.count++] = plain(address);
  }
  if (host.loopback) told.chosen |= kLoopback;
  return told;
}

Route route_of(const Host& host) {
  return [&host](const NetAddress& address) -> std::optional<std::uint32_t> {
    for (std::uint32_t i = 0; i < host.addresses.size(); ++i) {
      if (plain(host.addresses[i]) == address) return {};
    }
    const int net = address[13];
    const auto given = host.further.find(net);
    if (given != host.further.end()) return given->second;
    for (std::uint32_t i = 0; i < host.addresses.size(); ++i) {
      if (host.addresses[i].net == net) return i;
    }
    if (host.to_others < 0) return {};
    return static_cast<std::uint32_t>(host.to_others);
  };
}

/// What ranks on the hosts come to, one on each, in steps as choose_interfaces() makes them: bits
/// of each rank's interfaces, all of them 0 where all are to be used.
std::vector<std::uint32_t> chosen(const std::vector<Host>& hosts) {
  std::vector<HostInterfaces> all;
  for (const Host& host : hosts) all.push_back(told_by(host));
  const int ranks = static_cast<int>(hosts.size());
  const auto step = [&](auto&& decide) {
    std::vector<HostInterfaces> next = all;
    for (int rank = 0; rank < ranks; ++rank) {
      std::vector<int> others;
      for (int other = 0; other < ranks; ++other) {
        if (other != rank) others.push_back(other);
      }
      const auto self = static_cast<std::size_t>(rank);
      next[self].chosen = decide(rank, others, route_of(hosts[self]));
    }
    all = next;
  };
  for (int round = 0; round < 2; ++round) {
    step([&](int rank, const std::vector<int>& others, const Route& route) {
      return joining_interfaces(all, rank, others, route);
    });
  }
  step([&](int rank, const std::vector<int>& others, const Route& route) {
    return reaches_all_chosen(all, rank, others, route) ? all[static_cast<std::size_t>(rank)].chosen
                                                        : 0;
  });
  std::vector<std::uint32_t> found;
  for (const HostInterfaces& host : all) found.push_back(host.chosen);
  if (std::ranges::count(found, 0U) != 0) found.assign(found.size(), 0);
  return found;
}

using Bits = std::vector<std::uint32_t>;

TEST(JoiningInterfaces, NetworksThatJoinAllStay) {
  EXPECT_EQ(chosen({{"a", {{1, 1}}}, {"b", {{1, 2}}}}), (Bits{1, 1}));
  // Two rails, in another order.
  EXPECT_EQ(chosen({{"a", {{1, 1}, {2, 1}}}, {"b", {{2, 2}, {1, 2}}}, {"c", {{1, 3}, {2, 3}}}}),
            (Bits{3, 3, 3}));
}

TEST(JoiningInterfaces, NetworksOfOneHostAreLeftOut) {
  EXPECT_EQ(chosen({{"a", {{17, 1}, {1, 1}}}, {"b", {{1, 2}, {18, 1}}}}), (Bits{2, 1}));
  // The bridge of containers has the same address everywhere.
  EXPECT_EQ(chosen({{"a", {{17, 1}, {1, 1}}}, {"b", {{17, 1}, {1, 2}}}}), (Bits{2, 2}));
  // So has what leads out, and leads to the other's network too.
  EXPECT_EQ(
      chosen({{"a", {{15, 1}, {1, 1}, {17, 1}}, {}, 0}, {"b", {{15, 1}, {1, 2}, {18, 1}}, {}, 0}}),
      (Bits{2, 2}));
}

TEST(JoiningInterfaces, RoutersJoin) {
  EXPECT_EQ(chosen({{"a", {{1, 1}}, {}, 0}, {"b", {{2, 1}, {9, 1}}, {}, 0}}), (Bits{1, 1}));
  // A host that leads out by an interface to which no other one finds.
  EXPECT_EQ(chosen({{"a", {{1, 1}, {5, 1}}, {}, 1}, {"b", {{1, 2}, {18, 1}}}, {"c", {{1, 3}}}}),
            (Bits{1, 1, 1}));
}

TEST(JoiningInterfaces, WaysThereAndBackMayDiffer) {
  // Both have two interfaces in one network.
  EXPECT_EQ(chosen({{"a", {{1, 1}, {1, 2}}, {{1, 1}}}, {"b", {{1, 3}, {1, 4}}}}), (Bits{2, 1}));
  EXPECT_EQ(chosen({{"a", {{1, 1}, {2, 1}}, {{1, 1}}}, {"b", {{1, 2}}, {}, 0}}), (Bits{2, 1}));
  // b does not find back.
  EXPECT_EQ(chosen({{"a", {{1, 1}, {2, 1}}, {{1, 1}}}, {"b", {{1, 2}}}}), (Bits{0, 0}));
}

TEST(JoiningInterfaces, WhatJoinsAllComesBeforeWhatJoinsSome) {
  const Host a{"a", {{12, 1}, {13, 1}, {1, 1}}};
  const Host b{"b", {{12, 2}, {1, 2}}};
  const Host c{"c", {{13, 3}, {1, 3}}};
  EXPECT_EQ(chosen({a, b}), (Bits{5, 3}));
  EXPECT_EQ(chosen({a, c}), (Bits{6, 3}));
  EXPECT_EQ(chosen({a, b, c}), (Bits{4, 2, 2}));
}

TEST(JoiningInterfaces, WhatJoinsSomeServesWhereAllFindThere) {
  // b and c reach each other, and the other one's side of a, through a.
  const Host a{"a", {{12, 1}, {13, 1}}};
  EXPECT_EQ(chosen({a, {"b", {{12, 2}}, {}, 0}, {"c", {{13, 3}}, {}, 0}}), (Bits{3, 1, 1}));
  EXPECT_EQ(chosen({a, {"b", {{12, 2}}}, {"c", {{13, 3}}}}), (Bits{0, 0, 0}));
}

TEST(JoiningInterfaces, AHostOutOfReachHasAllUsed) {
  EXPECT_EQ(chosen({{"a", {{1, 1}}}, {"b", {}}}), (Bits{0, 0}));
  EXPECT_EQ(chosen({{"a", {{1, 1}, {3, 1}}}, {"b", {{1, 2}}}, {"c", {{3, 3}}}}), (Bits{0, 0, 0}));
}

TEST(JoiningInterfaces, RanksWithTheSameInterfacesUseTheLoopback) {
  const Host here{"a", {{1, 1}, {17, 1}}};
  EXPECT_EQ(chosen({here, here}), (Bits{kLoopback, kLoopback}));
  Host without = here;
  without.loopback = false;
  EXPECT_EQ(chosen({without, without}), (Bits{0, 0}));
  const Host there{"b", {{1, 2}, {17, 1}}};
  EXPECT_EQ(chosen({here, here, there}), (Bits{1, 1, 1}));
}

/// What ranks that are threads of this process, each on a host of its own, choose; `named` by rank.
std::vector<std::string> chosen_here(const std::vector<bool>& named) {
  const int ranks = static_cast<int>(named.size());
  std::vector<std::string> names(named.size(), "none");
  const ThreadWorld world(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      std::vector<Place> places(named.size());
      for (std::size_t i = 0; i < places.size(); ++i) places[i].host_id = i;
      const Topology topology(rank, places);
      const auto bootstrap = world.bootstrap(rank);
      const auto self = static_cast<std::size_t>(rank);
      const auto is_named = [&](bool* is) {
        *is = named[self];
        return Status();
      };
      EXPECT_TRUE(choose_interfaces(*bootstrap, topology, is_named, &names[self]).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  return names;
}

TEST(JoiningInterfaces, RanksOfOneMachineUseItsLoopback) {
  EXPECT_EQ(chosen_here({false, false}), (std::vector<std::string>{"lo", "lo"}));
}

TEST(JoiningInterfaces, WhereOneRankHasThemNamedNobodyChooses) {
  EXPECT_EQ(chosen_here({false, true, false}), (std::vector<std::string>{"", "", ""}));
}

}  // namespace
}  // namespace causeway
