// The process's UCX worker beside processes that die.
#include <net/ucx_engine.hpp>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

namespace causeway {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTries = 100;
/// Within a process's limit of open files.
constexpr std::uint64_t kMostConnections = 400;
constexpr std::chrono::seconds kPatience{10};

/// Runs `body` in a process of its own, which ends with what it returns, or with this one.
template <class Body>
pid_t run_apart(Body&& body) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  _exit(body());
}

/// Gives its address to who reads from `pipe`, and waits for its end.
int listen_for_peers(int pipe) {
  UcxEngine* engine = nullptr;
  if (!UcxEngine::get(&engine).ok()) return 1;
  const auto address = engine->address();
  if (write(pipe, address.data(), address.size()) < 0) return 1;
  for (;;) pause();
}

struct Losses final : Receiver {
  void take(const MessageHeader&, const std::byte*, std::size_t) override {}
  void lose(const Endpoint&, const char*) override { ++count; }
  void lose_from(std::uint64_t, const char*) override {}
  bool settle() override { return false; }
  bool busy() override { return false; }
  void watch() override {}
  std::uint64_t count = 0;
};

/// Opens one connection after another to a process that is killed after `delay`. Whether it then
/// learns that each of them is lost: 0, or 2 if not.
int connect_to_the_dying(std::span<const std::byte> address, pid_t victim,
                         std::chrono::microseconds delay) {
  UcxEngine* engine = nullptr;
  if (!UcxEngine::get(&engine).ok()) return 1;
  Losses losses;
  {
    const std::lock_guard lock(engine->mutex);
    engine->enter(1, 0, &losses);
  }
  std::thread([victim, delay] {
    std::this_thread::sleep_for(delay);
    kill(victim, SIGKILL);
  }).detach();
  MessageHeader ping{};
  ping.kind = MessageKind::kPing;
  std::uint64_t opened = 0;
  for (const auto begin = Clock::now(); Clock::now() - begin < kPatience;) {
    const std::lock_guard lock(engine->mutex);
    if (opened != 0 && losses.count == opened) return 0;
    if (losses.count == 0 && opened < kMostConnections) {
      // As if to another process each time: an engine has one connection to each.
      Endpoint& endpoint = engine->connect(0, ++opened, address);
      engine->send(endpoint, ping, nullptr, nullptr);
    }
    engine->progress();
  }
  return 2;
}

TEST(UcxEngine, OutlivesAPeerThatIsKilledWhileItIsConnectedTo) {
  std::random_device random;
  for (int i = 0; i < kTries; ++i) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t victim = run_apart([&] { return listen_for_peers(ends[1]); });
    close(ends[1]);  // a victim that ends early is read from as nothing
    std::vector<std::byte> address(4096);
    const ssize_t bytes = read(ends[0], address.data(), address.size());
    ASSERT_GT(bytes, 0);
    address.resize(static_cast<std::size_t>(bytes));
    const std::chrono::microseconds delay{random() % 10000};
    const pid_t survivor = run_apart([&] { return connect_to_the_dying(address, victim, delay); });
    int status = 0;
    ASSERT_EQ(waitpid(survivor, &status, 0), survivor);
    kill(victim, SIGKILL);
    waitpid(victim, nullptr, 0);
    close(ends[0]);
    EXPECT_TRUE(WIFEXITED(status)) << "try " << i << ": ended by signal " << WTERMSIG(status);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0)
          << "try " << i << ", killed after " << delay.count() << " us";
    }
  }
}

}  // namespace
}  // namespace causeway
