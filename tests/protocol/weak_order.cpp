// Exchanges with one release weakened to relaxed: a program that ThreadSanitizer has to report.
//
// usage: weak_order none|written|freed|lines   what is weakened: the release of a count, or of the
// flags of lines
#include "thread_ranks.hpp"

#include <alltoallv.hpp>
#include <host_executor.hpp>
#include <plan.hpp>

#include <causeway/device/host_device.hpp>

#include <cstdio>
#include <cstring>
#include <set>

namespace {

using namespace causeway;

/// The words whose stores are weakened; filled before the exchanges begin.
std::set<const void*> weakened;
bool lines_weakened = false;

/// The host device, but for the release of some words.
struct WeakHostDevice : device::HostDevice {
  static void store_release(std::uint64_t* word, std::uint64_t value) {
    if (weakened.contains(word)) {
      __atomic_store_n(word, value, __ATOMIC_RELAXED);
    } else {
      device::HostDevice::store_release(word, value);
    }
  }
  static void store_line(device::Line* line, std::uint64_t data, std::uint64_t flag) {
    if (!lines_weakened) return device::HostDevice::store_line(line, data, flag);
    line->data = data;
    __atomic_store_n(&line->flag, flag, __ATOMIC_RELAXED);
  }
};

constexpr int kRanks = 2;
constexpr std::uint64_t kLineBytes = 1024;

void weaken(const Communicator& communicator, const char* which) {
  const device::Communicator handle = communicator.device_handle();
  const auto peer = static_cast<std::uint32_t>(1 - communicator.rank());
  const device::SendChannel& out = handle.send_channel(peer, 0);
  const device::ReceiveChannel& in = handle.receive_channel(peer, 0);
  if (std::strcmp(which, "written") == 0) {
    weakened.insert(out.link.region + out.shape.words_offset +
                    offsetof(device::SenderWords, written));
  } else if (std::strcmp(which, "freed") == 0) {
    weakened.insert(in.link.region + in.shape.words_offset +
                    offsetof(device::ReceiverWords, freed));
  } else if (std::strcmp(which, "lines") == 0) {
    lines_weakened = true;
  }
}

void exchange(const Communicator& communicator, kernels::HostExecutor& executor,
              std::uint64_t bytes) {
  std::vector<std::byte> send(bytes * kRanks);
  std::vector<std::byte> receive(bytes * kRanks);
  const std::vector<Extent> blocks{{0, bytes}, {static_cast<std::int64_t>(bytes), bytes}};
  AlltoallvPlan plan;
  plan_alltoallv({1, 1, 1024, kLineBytes}, communicator.rank(), blocks, blocks, &plan);
  const kernels::Alltoallv<WeakHostDevice, kernels::BlockLists> operation{
      {plan.split, false, send.data(), receive.data(), communicator.device_handle(), nullptr,
       device::kNoRegion, 0, plan.visits.data()},
      {plan.send.data(), plan.receive.data()}};
  kernels::run_on_host(executor, operation, device::ThreadGroup{});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: weak_order none|written|freed|lines\n");
    return 2;
  }
  std::unique_ptr<Communicator> communicators[kRanks];
  const ThreadWorld world(kRanks);
  test::run_threads(kRanks, [&](int rank) {
    Config config;
    const Status readable = test::read_settings(
        {{"CAUSEWAY_RING_BYTES", "4096"}, {"CAUSEWAY_LL_BYTES", "1024"}}, &config);
    const auto bootstrap = world.bootstrap(rank);
    const Status made = Communicator::create(*bootstrap, config, readable,
                                             &communicators[static_cast<std::size_t>(rank)]);
    if (!made.ok()) std::fprintf(stderr, "%s\n", made.message().c_str());
  });
  for (const auto& communicator : communicators) weaken(*communicator, argv[1]);
  test::run_threads(kRanks, [&](int rank) {
    kernels::HostExecutor executor(1);
    for (std::uint64_t e = 0; e < 300; ++e) {
      exchange(*communicators[static_cast<std::size_t>(rank)], executor, 100 + e * 37 % 5000);
    }
  });
  std::printf("exchanged with '%s' weakened\n", argv[1]);
  return 0;
}
