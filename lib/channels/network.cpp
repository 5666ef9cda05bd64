// Network: what links a rank to ranks on other hosts.
#include "network.hpp"

namespace causeway {

Status Network::make_blocks(const Topology& topology, const NetworkSettings& settings,
                            DeviceMemory& backend) {
  CAUSEWAY_TRY(blocks_.create(topology, settings, backend));
  posts = blocks_.post_ring();
  port_as_seen_ = this;
  if (backend.kind() == DeviceKind::kHost) return {};
  CAUSEWAY_TRY(backend.allocate(sizeof(NetworkPort), &port_memory_));
  const NetworkPort port = *this;
  CAUSEWAY_TRY(backend.copy(port_memory_.get(), &port, sizeof port));
  port_as_seen_ = reinterpret_cast<NetworkPort*>(port_memory_.get());
  return {};
}

}  // namespace causeway
