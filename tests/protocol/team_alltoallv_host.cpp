// alltoallv on the host device with several threads in each group, as on GPUs: linked in place of
// the library's own launch, whose groups are single threads.
#include <launch.h>
#include <alltoallv.hpp>

#include <causeway/device/host_device.hpp>

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>

namespace causeway::kernels {

namespace {

/// Threads of a group.
constexpr std::uint32_t kTeam = 3;

/// What the threads of a group share.
struct Team {
  Team() { pthread_barrier_init(&barrier, nullptr, kTeam); }
  ~Team() { pthread_barrier_destroy(&barrier); }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  pthread_barrier_t barrier;
  device::Words slot{};
  alignas(device::kLineBytes) std::byte near[device::kNearBytes]{};
};

/// A group with near memory, like those of whole warps.
struct TeamGroup {
  static constexpr bool kInWarps = false;

  Team* team;
  std::uint32_t number;
  std::byte* near;

  std::uint32_t rank() const { return number; }
  std::uint32_t size() const { return kTeam; }
  void sync() const { pthread_barrier_wait(&team->barrier); }
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
  void copy_near(std::uint64_t* to, const std::uint64_t* from) const { *to = *from; }
  void await_near() const {}
};

/// Keeps a launch from nothing, but is the barrier that operations count on.
struct TeamGate {
  const TeamGroup& group;

  void open() const {}
  bool operator()() const {
    group.sync();
    return true;
  }
};

/// The host device, but for copies, which the threads of a group make together, and for rounds, as
/// many as on GPUs.
struct TeamDevice : device::HostDevice {
  static constexpr std::uint32_t kRoundsPerLook = 4;

  static void copy(const TeamGroup& group, void* to, const void* from, std::uint64_t bytes) {
    const std::uint64_t share = (bytes + kTeam - 1) / kTeam;
    const std::uint64_t first = std::min(group.rank() * share, bytes);
    std::memcpy(static_cast<std::byte*>(to) + first, static_cast<const std::byte*>(from) + first,
                std::min(share, bytes - first));
  }
};

template <bool Gathers>
void run_in_teams(AlltoallvArgs args, const BlockLists& lists) {
  args.comm.control.idle = nullptr;  // for the calling thread alone
  const Alltoallv<TeamDevice, BlockLists, Gathers> operation{args, lists};
  const std::uint32_t roles = 2 * operation.blocks();
  std::deque<Team> teams(roles);
  const auto run = [&](std::uint32_t index) {
    if (index >= roles * kTeam) return;
    const std::uint32_t role = index / kTeam;
    const TeamGroup group{&teams[role], index % kTeam, teams[role].near};
    if (role % 2 == 0) {
      operation.send(group, role / 2, TeamGate{group});
    } else {
      operation.receive(group, role / 2, TeamGate{group});
    }
  };
  thread_local std::unique_ptr<HostExecutor> threads;
  if (!threads || threads->threads() < roles * kTeam - 1) {
    threads = std::make_unique<HostExecutor>(roles * kTeam - 1);
  }
  threads->run(run);
}

}  // namespace

void launch_alltoallv_host(HostExecutor&, const AlltoallvArgs& args, const SendBlock* send,
                           const ReceiveBlock* receive) {
  const BlockLists lists{send, receive};
  if (args.layouts != nullptr) {
    run_in_teams<true>(args, lists);
  } else {
    run_in_teams<false>(args, lists);
  }
}

}  // namespace causeway::kernels
