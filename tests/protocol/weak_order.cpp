// Exchanges with one release weakened to relaxed: a program that ThreadSanitizer has to report.
//
// usage: weak_order none|written|direct|freed|lines|ll128   what is weakened: the release of a
// count, of the count behind bytes that were stored in place, or of the flags of lines
#include "schedules.hpp"
#include "thread_ranks.hpp"

#include <exchange.hpp>
#include <host_executor.hpp>

#include <causeway/device/host_device.hpp>

#include <algorithm>
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
  static void store_line(device::LlLine* line, std::uint64_t data, std::uint64_t flag) {
    if (!lines_weakened) return device::HostDevice::store_line(line, data, flag);
    line->data = data;
    __atomic_store_n(&line->flag, flag, __ATOMIC_RELAXED);
  }
};

constexpr int kRanks = 2;
constexpr std::uint64_t kLineBytes = 1024;
constexpr std::uint64_t kMost = 5100;

/// One rank, and where it receives: registered memory.
struct Rank {
  std::unique_ptr<Communicator> communicator;
  std::vector<std::byte> receive = std::vector<std::byte>(kMost * kRanks);
  std::uint64_t region = device::kNoRegion;
};

void weaken(const Communicator& communicator, const char* which) {
  const device::Communicator handle = communicator.device_handle();
  const auto peer = static_cast<std::uint32_t>(1 - communicator.rank());
  const device::SendChannel& out = handle.send_channel(peer, 0);
  const device::ReceiveChannel& in = handle.receive_channel(peer, 0);
  if (std::strcmp(which, "written") == 0 || std::strcmp(which, "direct") == 0) {
    weakened.insert(out.link.segment + out.shape.words_offset +
                    offsetof(device::SenderWords, written));
  } else if (std::strcmp(which, "freed") == 0) {
    weakened.insert(in.link.segment + in.shape.words_offset +
                    offsetof(device::ReceiverWords, freed));
  } else if (std::strcmp(which, "ll128") == 0) {
    for (const std::uint64_t slot : {0, 1}) {
      auto* const lines =
          reinterpret_cast<device::LlLine*>(out.link.segment + out.shape.lines_offset);
      device::Ll128Line* const wide =
          device::ll128_lines_of(device::slot_of(lines, slot, out.shape), out.shape);
      for (std::uint64_t i = 0; i < device::ll128_lines_in(out.shape.ll128_bytes); ++i) {
        weakened.insert(&wide[i].flag);
      }
    }
  } else if (std::strcmp(which, "ll") == 0) {
    lines_weakened = true;
  }
}

void exchange(Rank& rank, kernels::HostExecutor& executor, std::uint64_t bytes, bool direct) {
  const std::vector<std::byte> send(bytes * kRanks, std::byte{1});
  const std::vector<Extent> blocks{{0, bytes}, {static_cast<std::int64_t>(bytes), bytes}};
  constexpr std::uint32_t kReachable[kRanks] = {1, 1};
  ScheduleLimits limits{1, 1, 1024, kLineBytes};
  limits.ll128_bytes = 2 * kLineBytes;
  if (direct) limits.regions = kReachable;
  Schedule schedule;
  test::schedule_alltoallv(limits, rank.communicator->rank(), blocks, blocks, &schedule);
  schedule.args.sendbuf = send.data();
  schedule.args.recvbuf = rank.receive.data();
  schedule.args.comm = rank.communicator->device_handle();
  if (direct) schedule.args.region = rank.region;
  const kernels::Exchange<WeakHostDevice, kernels::WorkLists> operation{schedule.args,
                                                                        schedule.lists()};
  kernels::run_on_host(executor, operation, device::ThreadGroup{});
  std::fill(rank.receive.begin(), rank.receive.end(), std::byte{0});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: weak_order none|written|direct|freed|lines|ll128\n");
    return 2;
  }
  Rank ranks[kRanks];
  const ThreadWorld world(kRanks);
  test::run_threads(kRanks, [&](int number) {
    Rank& rank = ranks[number];
    Config config;
    const Status readable = test::read_settings({{"CAUSEWAY_RING_BYTES", "4096"},
                                                 {"CAUSEWAY_LL_BYTES", "1024"},
                                                 {"CAUSEWAY_LL128_BYTES", "2048"}},
                                                &config);
    const auto bootstrap = world.bootstrap(number);
    const Region* region = nullptr;
    Status made = Communicator::create(*bootstrap, config, readable, &rank.communicator);
    if (made.ok()) {
      made = rank.communicator->register_buffer(*bootstrap, rank.receive.data(),
                                                rank.receive.size(), {}, &region);
    }
    if (!made.ok()) std::fprintf(stderr, "%s\n", made.message().c_str());
    // The peer's has the same name.
    const device::Communicator handle = rank.communicator->device_handle();
    rank.region = handle.send_channel(static_cast<std::uint32_t>(1 - number), 0).regions[1].name;
  });
  for (const Rank& rank : ranks) weaken(*rank.communicator, argv[1]);
  const bool always_direct = std::strcmp(argv[1], "direct") == 0;
  const bool never_direct = !always_direct && std::strcmp(argv[1], "none") != 0;
  test::run_threads(kRanks, [&](int number) {
    kernels::HostExecutor executor(1);
    for (std::uint64_t e = 0; e < 300; ++e) {
      const bool direct = always_direct || (!never_direct && e % 2 == 1);
      exchange(ranks[number], executor, 100 + e * 37 % 5000, direct);
    }
  });
  std::printf("exchanged with '%s' weakened\n", argv[1]);
  return 0;
}
