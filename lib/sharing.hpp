// Sharing: which ranks can share memory, found out by trying.
#pragma once

#include "bootstrap.hpp"
#include "descriptor_server.hpp"
#include "topology.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace causeway {

/// Who has opened whose memory, by rank: opened[i][j] where rank i has opened rank j's.
using Opened = std::vector<std::vector<bool>>;

/// Splits the ranks of each host_id so that those of a host have all opened each other's memory,
/// and gives the hosts that come of it a host_id each. The same on every rank that calls it with
/// the same arguments: in rank order, each joins the first host all ranks of which it shares memory
/// with.
void split_hosts(const Opened& opened, std::vector<Place>* places);

/// Collective: has the ranks of each host_id open each other's memory, and changes *places so that
/// it is equal for those alone that all can. Where some cannot look into others, their processes
/// serve their descriptors, and *server keeps them doing so. *why_apart is for Topology. The lowest
/// rank of a host that falls apart logs why. On failure every rank gets the same error.
Status share_by_trial(Bootstrap& bootstrap, std::vector<Place>* places,
                      std::vector<std::string>* why_apart,
                      std::shared_ptr<DescriptorServer>* server);

}  // namespace causeway
