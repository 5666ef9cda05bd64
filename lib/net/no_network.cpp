// The network of builds without UCX: there is none.
#include "network.hpp"

namespace causeway {

bool Network::available() { return false; }

NetworkFacts Network::facts() { return {}; }

Status Network::create(Bootstrap&, const Topology&, const NetworkSettings&, DeviceMemory&,
                       std::unique_ptr<Network>*) {
  return {ErrorKind::kUnsupported, "built without UCX"};
}

}  // namespace causeway
