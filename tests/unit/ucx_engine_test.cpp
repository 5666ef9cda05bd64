// The process's UCX worker beside processes that die, and where something cannot be had.
#include <ucx_engine.hpp>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Of arrays, those that are longer cannot be had.
std::atomic<std::size_t> longest_array = ~std::size_t{0};

}  // namespace

void* operator new[](std::size_t bytes) {
  if (bytes > longest_array) throw std::bad_alloc();
  return operator new(bytes);
}
void operator delete[](void* memory) noexcept { operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { operator delete(memory); }

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
  if (!UcxEngine::get({}, &engine).ok()) return 1;
  const auto address = engine->address();
  if (write(pipe, address.data(), address.size()) < 0) return 1;
  for (;;) pause();
}

struct Losses final : Receiver {
  void take(const MessageHeader&, const std::byte*, std::size_t) override {}
  void lose(const Endpoint&, const char*) override { ++count; }
  void lose_from(std::uint64_t process, const char*) override { lost_process = process; }
  bool settle() override { return false; }
  bool busy() override { return false; }
  void watch() override {}
  std::uint64_t count = 0;
  std::uint64_t lost_process = 0;
};

/// Opens one connection after another to a process that is killed after `delay`. Whether it then
/// learns that each of them is lost: 0, or 2 if not.
int connect_to_the_dying(std::span<const std::byte> address, pid_t victim,
                         std::chrono::microseconds delay) {
  UcxEngine* engine = nullptr;
  if (!UcxEngine::get({}, &engine).ok()) return 1;
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
      auto message = std::make_unique<UcxMessage>(ping);
      engine->send(endpoint, message);
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

// Messages that cannot be taken.

constexpr std::uint64_t kSender = 7;
constexpr std::size_t kMessageBytes = 1 << 20;

/// Gives its address to who reads from `pipe`, and waits until it learns that a message of kSender
/// is lost: 0, or 2 if not.
int lose_a_message(int pipe) {
  UcxEngine* engine = nullptr;
  if (!UcxEngine::get({}, &engine).ok()) return 1;
  Losses losses;
  const std::lock_guard lock(engine->mutex);
  engine->enter(1, 0, &losses);
  const auto address = engine->address();
  if (write(pipe, address.data(), address.size()) < 0) return 1;
  for (const auto begin = Clock::now(); Clock::now() - begin < kPatience;) {
    engine->progress();
    if (losses.lost_process == kSender) return 0;
  }
  return 2;
}

/// Sends a message until it is killed.
int send_a_message(std::span<const std::byte> address) {
  UcxEngine* engine = nullptr;
  if (!UcxEngine::get({}, &engine).ok()) return 1;
  const auto block = std::make_shared<std::vector<std::byte>>(kMessageBytes);
  MessageHeader header{};
  header.communicator = 1;
  auto message = std::make_unique<UcxMessage>(header);
  message->add(block->data(), block->size());
  message->owner = block;
  {
    const std::lock_guard lock(engine->mutex);
    engine->send(engine->connect(kSender, 8, address), message);
  }
  for (;;) pause();
}

/// What a process comes to that makes itself unable to take messages by `prepare`.
template <class Prepare>
int lose_after(Prepare&& prepare) {
  int ends[2];
  if (pipe(ends) != 0) return 1;
  const pid_t taker = run_apart([&] {
    prepare();
    return lose_a_message(ends[1]);
  });
  close(ends[1]);
  std::vector<std::byte> address(4096);
  const ssize_t bytes = read(ends[0], address.data(), address.size());
  close(ends[0]);
  address.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
  const pid_t sender = run_apart([&] { return send_a_message(address); });
  int status = 0;
  waitpid(taker, &status, 0);
  kill(sender, SIGKILL);
  waitpid(sender, nullptr, 0);
  return status;
}

TEST(UcxEngine, AMessageThatUcxDoesNotGiveBreaksTheLink) {
  // It counts as the UCX that is loaded already, and stands on the real one.
  EXPECT_EQ(lose_after([] {
              if (dlopen(CAUSEWAY_UCP_THAT_FAILS, RTLD_NOW) == nullptr) _exit(3);
            }),
            0);
}

TEST(UcxEngine, AMessageThatThereIsNoMemoryForBreaksTheLink) {
  EXPECT_EQ(lose_after([] { longest_array = kMessageBytes - 1; }), 0);
}

// Which UCX it is.

/// Loads a libucp from a folder where nothing else of UCX is, and sets the engine up. 0 where that
/// fails and says why.
int set_up_on_two(const std::filesystem::path& lone) {
  if (dlopen(lone.c_str(), RTLD_NOW) == nullptr) return 1;
  UcxEngine* engine = nullptr;
  const Status status = UcxEngine::get({}, &engine);
  if (status.ok()) return 2;
  const std::string& why = status.message();
  const bool told = why.find("two UCX") != std::string::npos &&
                    why.find(lone) != std::string::npos && why.find("libucs") != std::string::npos;
  return told ? 0 : 3;
}

TEST(UcxEngine, TwoUcxInOneProcessAreAnError) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("causeway-ucx-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const auto lone = folder / "libucp-0123abcd.so.0";
  std::filesystem::copy_file(std::filesystem::canonical(CAUSEWAY_UCX_LIBRARY), lone);
  int status = 0;
  const pid_t child = run_apart([&] { return set_up_on_two(lone); });
  waitpid(child, &status, 0);
  std::filesystem::remove_all(folder);
  if (status == 1 << 8) GTEST_SKIP() << "the loader finds libraries of another UCX";
  EXPECT_EQ(status, 0);
}

// The end.

TEST(UcxEngine, AProcessMayExitInTheMiddleOfACall) {
  int status = 0;
  const pid_t child = run_apart([] {
    alarm(20);
    UcxEngine* engine = nullptr;
    if (!UcxEngine::get({}, &engine).ok()) return 1;
    // As a handler does that interrupts code which holds the mutex.
    engine->mutex.lock();
    std::exit(5);
    return 1;
  });
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

// Several engines.

/// 0 where each choice of interfaces has an engine, which stays.
int make_two_engines() {
  UcxEngine* lone = nullptr;
  UcxEngine* all = nullptr;
  UcxEngine* again = nullptr;
  if (!UcxEngine::get("lo", &lone).ok() || !UcxEngine::get({}, &all).ok()) return 1;
  if (!UcxEngine::get("lo", &again).ok() || again != lone) return 2;
  if (lone == all || lone->number() == all->number()) return 3;
  return 0;
}

TEST(UcxEngine, EachChoiceOfInterfacesHasItsOwn) {
  int status = 0;
  const pid_t child = run_apart([] {
    alarm(20);
    // Both end with the process.
    std::exit(make_two_engines());
    return 4;
  });
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Too little to set UCX up.

int descriptors() {
  const std::filesystem::directory_iterator list("/proc/self/fd");
  return static_cast<int>(std::distance(begin(list), end(list))) - 1;
}

/// Lets this process have `left` more descriptors.
void limit_descriptors(int left) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int next = dup(0);
  close(next);
  limit.rlim_cur = static_cast<rlim_t>(next) + static_cast<rlim_t>(left);
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Sets the engine up with `left` descriptors, and where that fails once more with enough. 0 where
/// nothing was left behind and it failed in words.
int set_up_with(int left) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int open = descriptors();
  limit_descriptors(left);
  UcxEngine* engine = nullptr;
  const Status status = UcxEngine::get({}, &engine);
  setrlimit(RLIMIT_NOFILE, &before);
  if (status.ok()) return 0;
  if (descriptors() != open) return 2;
  if (status.message().find("descriptors") == std::string::npos) return 3;
  return UcxEngine::get({}, &engine).ok() ? 0 : 4;
}

TEST(UcxEngine, TooFewDescriptorsAreAnErrorThatPasses) {
  for (int left = 0; left < 70; left += 3) {
    int status = 0;
    const pid_t child = run_apart([&] { return set_up_with(left); });
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "with " << left << " descriptors";
  }
}

/// Connects with a few descriptors left. 0 where that breaks the link.
int connect_with_few() {
  UcxEngine* engine = nullptr;
  if (!UcxEngine::get({}, &engine).ok()) return 1;
  Losses losses;
  const std::lock_guard lock(engine->mutex);
  engine->enter(1, 0, &losses);
  limit_descriptors(3);
  auto message = std::make_unique<UcxMessage>(MessageHeader{});
  engine->send(engine->connect(0, 1, engine->address()), message);
  engine->progress();
  return losses.count == 1 ? 0 : 2;
}

TEST(UcxEngine, TooFewDescriptorsToConnectBreakTheLink) {
  int status = 0;
  const pid_t child = run_apart([] { return connect_with_few(); });
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

/// The same with no further thread. The limit of processes is none to root.
int set_up_without_threads() {
  if (getuid() == 0 && setuid(65534) != 0) return 1;
  rlimit before{};
  getrlimit(RLIMIT_NPROC, &before);
  rlimit limit = before;
  limit.rlim_cur = 1;
  setrlimit(RLIMIT_NPROC, &limit);
  const int open = descriptors();
  UcxEngine* engine = nullptr;
  const Status status = UcxEngine::get({}, &engine);
  setrlimit(RLIMIT_NPROC, &before);
  if (status.ok() || status.message().find("threads") == std::string::npos) return 2;
  if (descriptors() != open) return 3;
  return UcxEngine::get({}, &engine).ok() ? 0 : 4;
}

TEST(UcxEngine, TooFewThreadsAreAnErrorThatPasses) {
  int status = 0;
  const pid_t child = run_apart([] { return set_up_without_threads(); });
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace causeway
