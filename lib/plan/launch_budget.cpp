// The launch budget of a GPU: which launches may be on it at the same time, and how large.
#include "launch_budget.hpp"

#include <algorithm>

namespace causeway {

LaunchBudget::Share& LaunchBudget::share_of(Thread thread, std::vector<Owner>* before) {
  std::erase_if(shares_, [&](const Share& share) {
    return std::ranges::none_of(
        launches_, [&](const Launch& launch) { return launch.thread == share.thread; });
  });
  std::uint32_t left = capacity_;
  for (Share& share : shares_) {
    if (share.thread == thread) return share;
    left -= std::min(left, share.blocks);
  }
  if (left == 0) {
    for (const Launch& launch : launches_) before->push_back(launch.owner);
  }
  const std::uint32_t blocks =
      shares_.empty() ? most_of_budget(capacity_) : std::max<std::uint32_t>(1, left / 2);
  shares_.push_back({thread, blocks});
  return shares_.back();
}

LaunchBudget::Admission LaunchBudget::enter(Owner owner, Thread thread, std::uint32_t blocks,
                                            std::uint32_t most_of_two) {
  Admission admission{0, {}, true, false};
  const std::uint32_t share = share_of(thread, &admission.before).blocks;
  admission.blocks = std::min(blocks, share);
  most_of_two = std::min(most_of_two, share);
  admission.with_next = 2 * admission.blocks <= most_of_two;
  // While the owner's launch before this one runs, it is that one's blocks that are on the GPU, or
  // those of both.
  Launch mine{owner, thread, admission.blocks, admission.blocks, admission.with_next};
  const auto is_mine = [&](const Launch& launch) { return is_of(launch, owner, thread); };
  for (const Launch& launch : launches_) {
    if (launch.owner != owner) continue;
    const std::uint32_t both = launch.last + admission.blocks;
    if (launch.with_next && both > most_of_two) admission.with_previous = false;
    // What another thread has issued counts in that one's share.
    if (!is_mine(launch)) continue;
    if (launch.with_next && both <= most_of_two) mine.blocks = std::max(mine.blocks, both);
    mine.blocks = std::max(mine.blocks, launch.blocks);
  }
  std::erase_if(launches_, is_mine);
  std::uint32_t together = mine.blocks;
  for (auto launch = launches_.rbegin(); launch != launches_.rend(); ++launch) {
    if (launch->thread != thread || launch->owner == owner) continue;
    together += launch->blocks;
    if (together > share) admission.before.push_back(launch->owner);
  }
  launches_.push_back(mine);
  return admission;
}

void LaunchBudget::leave(Owner owner) {
  std::erase_if(launches_, [&](const Launch& launch) { return launch.owner == owner; });
}

}  // namespace causeway
