// The stress on ranks that are threads: `stress_threads --exchanges 100000 --ranks 4`.
#include "stress.hpp"
#include "stress_memory.hpp"
#include "thread_ranks.hpp"

#include <cstdio>
#include <mutex>
#include <utility>

using namespace causeway;
using namespace causeway::test;

int main(int argc, char** argv) {
  StressOptions options;
  if (!parse_stress_options(argc, argv, &options)) return 2;
  if (!stress_device_is_there()) return 0;
  const ThreadWorld first(options.ranks);
  const ThreadWorld second(options.ranks);
  // On one of the communicators what is large stays where it is until it is read.
  const auto settings = [&](bool pulls) {
    return Settings{{"CAUSEWAY_DEVICE", kStressDevice},
                    {"CAUSEWAY_RING_BYTES", std::to_string(options.ring_bytes)},
                    {"CAUSEWAY_START_COUNT", std::to_string(options.start_count)},
                    {"CAUSEWAY_CMA", pulls ? "auto" : "no"}};
  };
  std::mutex printing;
  bool failed = false;
  std::printf("on %s, seed %llu\n", kStressDevice, static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);  // for when this is killed
  run_threads(options.ranks, [&](int rank) {
    use_device_of_rank(rank);
    Config configs[2];
    const Status readable[2] = {read_settings(settings(false), &configs[0]),
                                read_settings(settings(true), &configs[1])};
    const int ranks_of[2] = {rank, options.ranks - 1 - rank};
    std::unique_ptr<Communicator> communicators[2];
    const auto a = first.bootstrap(ranks_of[0]);
    const auto b = second.bootstrap(ranks_of[1]);
    Status made = Communicator::create(*a, configs[0], readable[0], &communicators[0]);
    if (made.ok()) {
      made = Communicator::create(*b, configs[1], readable[1], &communicators[1]);
    }
    StressResult result;
    result.problem = made.message();
    if (made.ok()) {
      std::uint64_t calls[2] = {};
      const Region* regions[2] = {};
      Bootstrap* const bootstraps[2] = {a.get(), b.get()};
      const auto register_or_not = [&](int c, std::span<std::byte> received) -> Status {
        const bool wanted = is_registered(++calls[c]);
        if (wanted == (regions[c] != nullptr)) return {};
        const Region* const before = std::exchange(regions[c], nullptr);
        return wanted ? communicators[c]->register_buffer(*bootstraps[c], received.data(),
                                                          received.size(), {}, &regions[c])
                      : communicators[c]->deregister_buffer(*bootstraps[c], before);
      };
      const auto exchange = [&](int c, std::span<const std::byte> pool,
                                std::span<std::byte> received, const StressBlocks& blocks) {
        const Status ready = register_or_not(c, received);
        if (!ready.ok()) return ready.message();
        return communicators[c]
            ->exchange(
                {pool.data(), blocks.send, received.data(), blocks.receive, false, blocks.pattern})
            .message();
      };
      result = run_stress(options, ranks_of, options.ranks, in_stress_memory(exchange));
      if (!result.problem.empty()) {
        communicators[0]->abort();
        communicators[1]->abort();
      }
    }
    const std::lock_guard lock(printing);
    failed = failed || !result.problem.empty();
    std::printf("rank %d: %llu exchanges, %llu bytes, rings wrapped %llu times or more: %s\n", rank,
                static_cast<unsigned long long>(result.exchanges),
                static_cast<unsigned long long>(result.bytes),
                static_cast<unsigned long long>(result.fewest_wraps),
                result.problem.empty() ? "no wrong byte" : result.problem.c_str());
  });
  return failed ? 1 : 0;
}
