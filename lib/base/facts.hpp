// Facts: what a rank can say of itself, its links and the network, for people to read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace causeway {

/// The link to one peer, and why it is that one.
struct LinkFacts {
  std::string kind;  ///< self, memory or network
  std::string why;
};

struct RankFacts {
  std::string host;
  int process;
  std::string device;  ///< cuda or host
  std::string gpu;     ///< UUID; empty on the host device
  std::uint64_t lanes;
  std::uint64_t ring_bytes;
  std::uint64_t blocks;
  std::vector<LinkFacts> links;  ///< by peer
};

struct NetworkFacts {
  std::string version;  ///< of UCX; empty where there is none
  std::string problem;  ///< why it cannot be used; empty when it can
  std::vector<std::string> transports;
  std::vector<std::string> memory_types;
};

}  // namespace causeway
