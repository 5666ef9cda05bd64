// Exchanges on the host device with several threads in each group, as on GPUs, for programs of
// tests that link this; the library's own launcher has groups of single threads.
#include "launchers.hpp"

#include <launch.h>
#include <exchange.hpp>

#include <causeway/device/host_device.hpp>

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <memory>

namespace causeway::kernels {

namespace {

/// Threads of a group, unless they come in warps.
constexpr std::uint32_t kTeam = 3;
constexpr std::uint32_t kWarp = 32;
constexpr std::uint32_t kWarps = 2;

class Barrier {
 public:
  explicit Barrier(std::uint32_t threads) { pthread_barrier_init(&barrier_, nullptr, threads); }
  ~Barrier() { pthread_barrier_destroy(&barrier_); }
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  void wait() { pthread_barrier_wait(&barrier_); }

 private:
  pthread_barrier_t barrier_;
};

/// What the threads of a warp tell each other.
struct Warp {
  Barrier barrier{kWarp};
  std::array<bool, kWarp> votes{};
  std::array<device::Fault, kWarp> faults{};
};

/// The calling thread's place in one.
struct WarpPlace {
  Warp* warp;
  std::uint32_t lane;
};
thread_local WarpPlace in_warp{};

/// What the threads of a group share.
struct Team {
  explicit Team(std::uint32_t threads) : barrier(threads) {}

  Barrier barrier;
  std::array<Warp, kWarps> warps;
  device::Words slot{};
  std::array<bool, kWarps * kWarp> votes{};
  alignas(device::kLineBytes) std::byte near[device::kNearBytes]{};
};

/// A group with near memory, like those of GPUs.
template <bool InWarps>
struct TeamGroup {
  static constexpr bool kInWarps = InWarps;
  static constexpr std::uint32_t kThreads = InWarps ? kWarps * kWarp : kTeam;

  Team* team;
  std::uint32_t number;
  std::byte* near;

  std::uint32_t rank() const { return number; }
  std::uint32_t size() const { return kThreads; }
  void sync() const { team->barrier.wait(); }
  device::Words broadcast(const device::Words& words) const {
    if (number == 0) team->slot = words;
    sync();
    const device::Words result = team->slot;
    sync();
    return result;
  }
  std::uint64_t broadcast(std::uint64_t value) const {
    return broadcast(device::Words{{value, 0}}).word[0];
  }
  bool all(bool mine) const {
    team->votes[number] = mine;
    sync();
    const bool* const votes = team->votes.data();
    const bool result = std::all_of(votes, votes + kThreads, [](bool vote) { return vote; });
    sync();
    return result;
  }
  void copy_near(std::uint64_t* to, const std::uint64_t* from) const {
    *to = __atomic_load_n(from, __ATOMIC_RELAXED);
  }
  void await_near() const {}
};

/// Keeps a launch from nothing, but is the barrier that operations count on.
template <class Group>
struct TeamGate {
  const Group& group;

  void open() const {}
  bool operator()() const {
    group.sync();
    return true;
  }
};

/// The host device, but for copies, which the threads of a group make together, for rounds, as many
/// as on GPUs, and for what the threads of a warp do together: the last of eight stores after the
/// others, and loads before them, so that lines are whole when its word is there.
struct TeamDevice : device::HostDevice {
  static constexpr std::uint32_t kRoundsPerLook = 4;

  template <class Group>
  static void copy(const Group& group, void* to, const void* from, std::uint64_t bytes) {
    const std::uint64_t share = (bytes + group.size() - 1) / group.size();
    const std::uint64_t first = std::min(group.rank() * share, bytes);
    std::memcpy(static_cast<std::byte*>(to) + first, static_cast<const std::byte*>(from) + first,
                std::min(share, bytes - first));
  }
  /// Once in a while the threads of a warp are said to be apart.
  static bool converge() {
    thread_local std::uint32_t calls = 0;
    return tell(in_warp.warp->votes, ++calls % 8 != 0)[0];
  }
  static void store_together(std::uint64_t* to, std::uint64_t low, std::uint64_t high,
                             bool takes_part) {
    const auto store = [&] {
      if (!takes_part) return;
      store_release(to, low);
      store_release(to + 1, high);
    };
    if (!is_last_of_eight()) store();
    in_warp.warp->barrier.wait();
    if (is_last_of_eight()) store();
  }
  static void load_together(const std::uint64_t* from, std::uint64_t& low, std::uint64_t& high) {
    const auto load = [&] {
      high = load_acquire(from + 1);
      low = load_acquire(from);
    };
    if (is_last_of_eight()) load();
    in_warp.warp->barrier.wait();
    if (!is_last_of_eight()) load();
  }
  static bool all_of_warp(bool mine) {
    const auto votes = tell(in_warp.warp->votes, mine);
    return std::ranges::all_of(votes, [](bool vote) { return vote; });
  }
  static device::Fault fault_of_warp(device::Fault mine) {
    const auto faults = tell(in_warp.warp->faults, mine);
    const auto* const found = std::ranges::find_if(
        faults, [](device::Fault fault) { return fault != device::Fault::kNone; });
    return found == faults.end() ? device::Fault::kNone : *found;
  }

 private:
  static bool is_last_of_eight() { return in_warp.lane % 8 == 7; }

  /// What all threads of the warp say.
  template <class T>
  static std::array<T, kWarp> tell(std::array<T, kWarp>& all, T mine) {
    all[in_warp.lane] = mine;
    in_warp.warp->barrier.wait();
    const std::array<T, kWarp> result = all;
    in_warp.warp->barrier.wait();
    return result;
  }
};

template <bool InWarps, bool Gathers>
void run_in_teams(ExchangeArgs args, const WorkLists& lists) {
  using Group = TeamGroup<InWarps>;
  args.comm.control.idle = nullptr;  // for the calling thread alone
  const Exchange<TeamDevice, WorkLists, Gathers> operation{args, lists};
  const std::uint32_t roles = 2 * operation.blocks();
  std::deque<Team> teams;
  for (std::uint32_t role = 0; role < roles; ++role) teams.emplace_back(Group::kThreads);
  const auto run = [&](std::uint32_t index) {
    if (index >= roles * Group::kThreads) return;
    const std::uint32_t role = index / Group::kThreads;
    const std::uint32_t number = index % Group::kThreads;
    const Group group{&teams[role], number, teams[role].near};
    if (InWarps) in_warp = {&teams[role].warps[number / kWarp], number % kWarp};
    if (role % 2 == 0) {
      operation.send(group, role / 2, TeamGate<Group>{group});
    } else {
      operation.receive(group, role / 2, TeamGate<Group>{group});
    }
  };
  const std::uint32_t needed = roles * Group::kThreads - 1;
  thread_local std::unique_ptr<HostExecutor> threads;
  if (!threads || threads->threads() < needed) threads = std::make_unique<HostExecutor>(needed);
  threads->run(run);
  operation.await_pulled();
}

void launch_in_teams(HostExecutor&, const ExchangeArgs& args, const WorkLists& lists) {
  static const bool in_warps = test::in_warps();
  const bool gathers = args.layouts != nullptr;
  const auto run = in_warps ? (gathers ? run_in_teams<true, true> : run_in_teams<true, false>)
                            : (gathers ? run_in_teams<false, true> : run_in_teams<false, false>);
  run(args, lists);
}

[[maybe_unused]] const bool set = (test::launchers().host = launch_in_teams) != nullptr;

}  // namespace

}  // namespace causeway::kernels
