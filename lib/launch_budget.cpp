// The launch budget of a GPU: which launches may be on it at the same time.
#include "launch_budget.hpp"

#include <algorithm>

namespace causeway {

std::vector<LaunchBudget::Owner> LaunchBudget::enter(Owner owner, std::uint32_t blocks) {
  // While the owner's launch before this one runs, it is that one's blocks that are on the GPU.
  Launch mine{owner, blocks};
  for (const Launch& launch : launches_) {
    if (launch.owner == owner) mine.blocks = std::max(mine.blocks, launch.blocks);
  }
  leave(owner);
  std::uint32_t together = mine.blocks;
  auto first_beside = launches_.end();
  while (first_beside != launches_.begin() && together + (first_beside - 1)->blocks <= capacity_) {
    --first_beside;
    together += first_beside->blocks;
  }
  std::vector<Owner> before;
  for (auto launch = launches_.begin(); launch != first_beside; ++launch) {
    before.push_back(launch->owner);
  }
  launches_.push_back(mine);
  return before;
}

void LaunchBudget::leave(Owner owner) {
  std::erase_if(launches_, [&](const Launch& launch) { return launch.owner == owner; });
}

}  // namespace causeway
