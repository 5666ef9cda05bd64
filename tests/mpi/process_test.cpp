// What the library leaves of its process to the program: signal handlers, signals, forked children;
// and where it listens, and what it takes of the host's shared memory.
// `process_test handlers|signals|children|ports|memory`, on two ranks and more.
#include <causeway/mpix.h>

#include "listening.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{20};

/// Signals that a thread raises by a fault of its own.
constexpr std::array kFaults{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

/// Exchanges blocks of `count` numbers with all ranks, in the foreground or in the background; true
/// when all that was sent has arrived.
bool exchange(int count, bool background) {
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const auto size = static_cast<std::size_t>(ranks);
  const auto block = static_cast<std::size_t>(count);
  const std::vector<int> counts(size, count);
  std::vector<int> displacements(size);
  std::vector<int> expected(size * block);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<int>(i / block);
  for (std::size_t i = 0; i < size; ++i) displacements[i] = static_cast<int>(i) * count;
  const std::vector<int> sent(size * block, rank);
  std::vector<int> received(size * block, -1);
  if (!background) {
    MPIX_Alltoallv(sent.data(), counts.data(), displacements.data(), MPI_INT, received.data(),
                   counts.data(), displacements.data(), MPI_INT, MPI_COMM_WORLD);
    return received == expected;
  }
  MPI_Request request = MPI_REQUEST_NULL;
  MPIX_Ialltoallv(sent.data(), counts.data(), displacements.data(), MPI_INT, received.data(),
                  counts.data(), displacements.data(), MPI_INT, MPI_COMM_WORLD, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  return received == expected;
}

// handlers

void ignore(int) {}

/// Whom a signal goes to.
using Handler = void (*)(int);
using Handlers = std::array<Handler, NSIG>;

Handlers handlers() {
  Handlers all{};
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) == 0) {
      all[static_cast<std::size_t>(signal)] = action.sa_handler;
    }
  }
  return all;
}

bool are_as_before(const Handlers& before, const char* after_what) {
  const Handlers now = handlers();
  bool same = true;
  for (std::size_t signal = 1; signal < now.size(); ++signal) {
    if (now[signal] == before[signal]) continue;
    std::fprintf(stderr, "the handler of signal %zu is another after %s\n", signal, after_what);
    same = false;
  }
  return same;
}

bool is_loaded(const std::string& library) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(library) != std::string::npos) return true;
  }
  return false;
}

/// `at_start`: what main() found, but for what an MPI has brought that is itself linked to UCX.
bool keeps_handlers(const Handlers& at_start) {
  bool well = true;
  for (std::size_t signal = 1; signal < at_start.size(); ++signal) {
    // mpirun has its children ignore some.
    if (at_start[signal] == SIG_DFL || at_start[signal] == SIG_IGN) continue;
    std::fprintf(stderr, "signal %zu has a handler before the program has set one\n", signal);
    well = false;
  }
  for (const int signal : kFaults) std::signal(signal, ignore);
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGALRM}) std::signal(signal, ignore);
  const Handlers own = handlers();
  std::printf("UCX is there before the first use: %s\n", is_loaded("/libucs") ? "yes" : "no");
  well = exchange(1000, false) && well;
  std::printf("and after it: %s\n", is_loaded("/libucs") ? "yes" : "no");
  return are_as_before(own, "the first use") && well;
}

// signals

std::set<std::string> threads() {
  std::set<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    ids.insert(entry.path().filename());
  }
  return ids;
}

std::atomic<pid_t> taken_by_others = 0;

void note_thread(int) {
  const auto self = static_cast<pid_t>(syscall(SYS_gettid));
  if (self != getpid()) taken_by_others = self;
}

/// Whether a thread takes none of the signals that may be sent to it.
bool takes_no_signals(const std::string& thread) {
  std::ifstream status("/proc/self/task/" + thread + "/status");
  std::string name;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Name:")) name = line;
    if (!line.starts_with("SigBlk:")) continue;
    const std::uint64_t blocked = std::stoull(line.substr(8), nullptr, 16);
    std::uint64_t open = 0;
    for (int signal = 1; signal < 32; ++signal) {
      if (signal == SIGKILL || signal == SIGSTOP) continue;
      bool fault = false;
      for (const int other : kFaults) fault = fault || signal == other;
      if (!fault && (blocked >> (signal - 1) & 1) == 0) open |= std::uint64_t{1} << (signal - 1);
    }
    std::printf("%s: blocks %016llx\n", name.c_str(), static_cast<unsigned long long>(blocked));
    return open == 0;
  }
  return true;  // it has ended
}

bool leaves_signals() {
  const std::set<std::string> before = threads();
  std::signal(SIGUSR1, note_thread);
  bool well = true;
  for (int i = 0; i < 20; ++i) {
    kill(getpid(), SIGUSR1);
    // Large enough for threads of the host device.
    well = exchange(300'000, i % 2 == 1) && well;
  }
  int count = 0;
  for (const std::string& thread : threads()) {
    if (before.count(thread) != 0) continue;
    ++count;
    if (takes_no_signals(thread)) continue;
    std::fprintf(stderr, "thread %s takes signals\n", thread.c_str());
    well = false;
  }
  const pid_t taker = taken_by_others;
  if (taker != 0 && before.count(std::to_string(taker)) == 0) {
    std::fprintf(stderr, "thread %d took a signal\n", static_cast<int>(taker));
    well = false;
  }
  if (count == 0) std::fprintf(stderr, "no thread has come\n");
  return well && count != 0;
}

// children

/// Forks children that exit, beside exchanges; how many of them did not end.
int children_that_stay(int children) {
  int staying = 0;
  for (int i = 0; i < children; ++i) {
    const pid_t child = fork();
    if (child == 0) std::exit(0);
    const auto deadline = Clock::now() + kPatience;
    int status = 0;
    pid_t ended = 0;
    while (ended == 0 && Clock::now() < deadline) {
      ended = waitpid(child, &status, WNOHANG);
      if (ended == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    if (ended == child && WIFEXITED(status)) continue;
    ++staying;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    break;
  }
  return staying;
}

bool lets_children_exit() {
  bool well = exchange(1 << 16, false);
  int staying = 0;
  std::atomic<bool> done = false;
  std::thread parent([&] {
    staying = children_that_stay(60);
    done = true;
  });
  for (int stop = 0; stop == 0;) {
    well = exchange(1 << 16, false) && well;
    const int mine = done ? 1 : 0;
    MPI_Allreduce(&mine, &stop, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  }
  parent.join();
  if (staying != 0) std::fprintf(stderr, "a child did not end\n");
  return well && staying == 0;
}

// ports

/// With MPI told to use the loopback alone, or with ranks that all have this one's interfaces.
bool listens_on_loopback() {
  using causeway::test::listened_on;
  const std::multiset<std::string> before = listened_on();
  bool well = exchange(1000, false);
  const std::multiset<std::string> after = listened_on();
  const char* const loopback = "127.0.0.1";
  well = after.count(loopback) > before.count(loopback) && well;
  for (const std::string& address : after) {
    if (address == loopback || after.count(address) == before.count(address)) continue;
    std::fprintf(stderr, "listens on %s\n", address.c_str());
    well = false;
  }
  return well;
}

// memory

/// Shared memory of UCX, POSIX's or System V's, that this process has mapped.
int shared_by_ucx() {
  std::ifstream maps("/proc/self/maps");
  int found = 0;
  for (std::string line; std::getline(maps, line);) {
    for (const char* const name : {"ucx_shm", "/SYSV"}) {
      if (line.find(name) != std::string::npos) ++found;
    }
  }
  return found;
}

bool takes_no_shared_memory() {
  const int before = shared_by_ucx();
  const bool well = exchange(1000, false);
  const int after = shared_by_ucx();
  if (after != before) std::fprintf(stderr, "UCX has mapped %d segments\n", after - before);
  return well && after == before;
}

}  // namespace

int main(int argc, char** argv) {
  const Handlers at_start = is_loaded("/libucs") ? Handlers{} : handlers();
  const std::string part = argc == 2 ? argv[1] : "";
  int granted = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &granted);
  bool well = false;
  if (part == "handlers") well = keeps_handlers(at_start);
  if (part == "signals") well = leaves_signals();
  if (part == "children") well = lets_children_exit();
  if (part == "ports") well = listens_on_loopback();
  if (part == "memory") well = takes_no_shared_memory();
  MPI_Finalize();
  if (well) std::printf("%s: well\n", part.c_str());
  return well ? 0 : 1;
}
