// The launch budget of a GPU: which launches may be on it at the same time, and how large.
#pragma once

#include <cstdint>
#include <thread>
#include <vector>

namespace causeway {

/// Blocks of exchanges wait for peers, so launches of one process that may run at the same time
/// have to fit on the GPU together: else part of one launch could keep out the blocks that another
/// process waits for. Each thread with launches on the GPU has a share of it. Launches of one
/// thread that do not fit into its share beside each other queue, the later behind the earlier:
/// ranks issue them in a compatible order. Launches of different threads, which have no order, do
/// not wait for each other; the first thread leaves a sixteenth of the GPU to others, each further
/// one half of what is left. Only one that finds nothing left queues behind all others. Pure:
/// launches are known by their owners, whose own launches follow each other. Of these two may be on
/// the GPU together, where both are small: the later comes early and waits there.
class LaunchBudget {
 public:
  using Owner = const void*;
  using Thread = std::thread::id;

  struct Admission {
    std::uint32_t blocks;       ///< at least 1, at most what was wished for
    std::vector<Owner> before;  ///< owners whose last launches the new one has to wait for
    bool with_previous;         ///< may come as early as the owner's launch before it lets it
    bool with_next;             ///< may let the owner's next one come as soon as it runs itself
  };

  /// `blocks` fit on the GPU at the same time.
  explicit LaunchBudget(std::uint32_t blocks) : capacity_(blocks) {}

  /// Enters a launch that `thread` issues and that would have `blocks` blocks. Two of the owner's
  /// that are on the GPU together have at most `most_of_two`. is_over(owner) says whether an
  /// owner's last launch has come to its end.
  template <class IsOver>
  Admission enter(Owner owner, Thread thread, std::uint32_t blocks, std::uint32_t most_of_two,
                  const IsOver& is_over) {
    // Asking takes time, and an owner alone on one thread has nobody to make room for.
    const bool alone = launches_.size() == 1 && is_of(launches_.front(), owner, thread);
    if (!alone) {
      std::erase_if(launches_, [&](const Launch& launch) { return is_over(launch.owner); });
    }
    return enter(owner, thread, blocks, most_of_two);
  }

  /// Removes an owner whose launches have finished.
  void leave(Owner owner);

 private:
  /// An owner's launches of one thread.
  struct Launch {
    Owner owner;
    Thread thread;
    std::uint32_t blocks;  ///< that are on the GPU at the same time, at most
    std::uint32_t last;    ///< of the last one
    bool with_next;        ///< of the last one
  };
  static bool is_of(const Launch& launch, Owner owner, Thread thread) {
    return launch.owner == owner && launch.thread == thread;
  }
  struct Share {
    Thread thread;
    std::uint32_t blocks;
  };

  Admission enter(Owner owner, Thread thread, std::uint32_t blocks, std::uint32_t most_of_two);
  Share& share_of(Thread thread, std::vector<Owner>* before);

  const std::uint32_t capacity_;
  std::vector<Launch> launches_;  ///< oldest first
  std::vector<Share> shares_;     ///< of threads with launches
};

/// The most blocks that a launch is ever granted on a GPU with room for `capacity`.
constexpr std::uint32_t most_of_budget(std::uint32_t capacity) { return capacity - capacity / 16; }

}  // namespace causeway
