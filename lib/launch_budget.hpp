// The launch budget of a GPU: which launches may be on it at the same time.
#pragma once

#include <cstdint>
#include <vector>

namespace causeway {

/// Blocks of exchanges wait for peers, so launches of one process that may run at the same time
/// have to fit on the GPU together: else part of one launch could keep out the blocks that another
/// process waits for. A launch that does not fit beside those before it queues behind as many of
/// the oldest as it takes. Where all ranks launch in a compatible order, the oldest can always go
/// on. Pure: launches are known by their owners, of which each has at most one running.
class LaunchBudget {
 public:
  using Owner = const void*;

  /// `blocks` fit on the GPU at the same time.
  explicit LaunchBudget(std::uint32_t blocks) : capacity_(blocks) {}

  /// Enters a launch of `blocks` blocks and returns the owners whose last launches it has to wait
  /// for. is_over(owner) says whether an owner's last launch has come to its end; an owner's own
  /// launches follow each other anyway.
  template <class IsOver>
  std::vector<Owner> enter(Owner owner, std::uint32_t blocks, const IsOver& is_over) {
    std::erase_if(launches_, [&](const Launch& launch) { return is_over(launch.owner); });
    return enter(owner, blocks);
  }

  /// Takes an owner's launch, which has come to its end, out.
  void leave(Owner owner);

 private:
  struct Launch {
    Owner owner;
    std::uint32_t blocks;
  };

  std::vector<Owner> enter(Owner owner, std::uint32_t blocks);

  const std::uint32_t capacity_;
  std::vector<Launch> launches_;  ///< oldest first
};

}  // namespace causeway
