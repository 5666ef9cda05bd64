// DescriptorServer: hands open descriptors to other processes that may not look into this one.
#include "descriptor_server.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <thread_start.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <random>
#include <vector>

namespace causeway {

namespace {

/// A process that is stopped answers nobody.
constexpr timeval kPatience{10, 0};

/// Between tries where the process has as many descriptors as it may.
constexpr std::chrono::milliseconds kPause{10};

struct Request {
  std::uint64_t key[2];
  int descriptor;
};

/// An answer: a descriptor, or else why there is none. The kernel points into it.
class Answer {
 public:
  Answer() {
    message_.msg_iov = &text_;
    message_.msg_iovlen = 1;
    message_.msg_control = control_;
    message_.msg_controllen = sizeof control_;
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  ssize_t send(int socket, int descriptor) {
    cmsghdr* const header = CMSG_FIRSTHDR(&message_);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return sendmsg(socket, &message_, MSG_NOSIGNAL);
  }
  ssize_t send_problem(int socket, int problem) {
    problem_ = problem;
    message_.msg_control = nullptr;
    message_.msg_controllen = 0;
    return sendmsg(socket, &message_, MSG_NOSIGNAL);
  }

  ssize_t receive(int socket) { return recvmsg(socket, &message_, MSG_CMSG_CLOEXEC); }
  /// What was received: the descriptor, or -1.
  int descriptor() {
    const cmsghdr* const header = CMSG_FIRSTHDR(&message_);
    int descriptor = -1;
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof descriptor)) {
      std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    }
    return descriptor;
  }
  int problem() const { return problem_; }

 private:
  int problem_ = 0;
  iovec text_{&problem_, sizeof problem_};
  alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(int))]{};
  msghdr message_{};
};

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return number_; }

 private:
  const int number_;
};

Status system_status(const char* call) {
  return Status::error(ErrorKind::kSystem, "%s: %s", call, std::strerror(errno));
}

/// An abstract name: it goes with the socket.
socklen_t address_of(const DescriptorDesk& desk, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  const int length = std::snprintf(address->sun_path + 1, sizeof address->sun_path - 1,
                                   "causeway-%016llx", static_cast<unsigned long long>(desk.name));
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                static_cast<std::size_t>(length));
}

int open_socket(int flags) { return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0); }

/// Who is at the other end, as this process's namespaces number them.
bool other_end(int socket, ucred* who) {
  socklen_t length = sizeof *who;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, who, &length) == 0;
}

std::uint64_t random_word() {
  std::random_device source;
  return (std::uint64_t{source()} << 32) | source();
}

}  // namespace

const DescriptorDesk& own_desk() {
  static const DescriptorDesk desk{getpid(), random_word(), {random_word(), random_word()}};
  return desk;
}

Status DescriptorServer::get(std::shared_ptr<DescriptorServer>* server) {
  // The last one that is let go has given its name back before the next one takes it.
  struct Running {
    std::mutex mutex;
    std::unique_ptr<DescriptorServer> server;
    std::size_t users = 0;
  };
  // Never destroyed: a program may exit with communicators attached.
  static auto& running = *new Running;
  struct User {
    bool counted = false;
    ~User() {
      const std::lock_guard leaving(running.mutex);
      if (counted && --running.users == 0) running.server.reset();
    }
  };
  // Made without the lock, which it takes as it ends.
  const auto user = std::make_shared<User>();
  const std::lock_guard lock(running.mutex);
  if (running.users == 0) {
    std::unique_ptr<DescriptorServer> made(new DescriptorServer);
    CAUSEWAY_TRY(made->start());
    running.server = std::move(made);
  }
  ++running.users;
  user->counted = true;
  *server = {user, running.server.get()};
  return {};
}

Status DescriptorServer::start() {
  listener_ = open_socket(SOCK_NONBLOCK);
  stop_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (listener_ < 0 || stop_ < 0) return system_status("socket or eventfd");
  sockaddr_un address;
  const socklen_t length = address_of(own_desk(), &address);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      listen(listener_, SOMAXCONN) != 0) {
    return system_status("bind or listen");
  }
  const Status started = guarded([this]() -> Status {
    thread_ = kernels::start_thread("causeway-desk", [this] { run(); });
    return {};
  });
  if (started.ok()) return {};
  return Status::error(ErrorKind::kSystem, "cannot start a thread: %s", started.message().c_str());
}

DescriptorServer::~DescriptorServer() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    while (write(stop_, &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  for (const int client : clients_) close(client);
  if (listener_ >= 0) close(listener_);
  if (stop_ >= 0) close(stop_);
}

void DescriptorServer::run() {
  for (bool serves = true; serves;) {
    const Status served = guarded([&]() -> Status {
      serves = serve();
      return {};
    });
    // Without memory to be had, clients stay where they are.
    if (!served.ok()) std::this_thread::sleep_for(kPause);
  }
}

/// Waits for no client in particular: one may be stopped, or mean no good. False when it is to end.
bool DescriptorServer::serve() {
  std::vector<pollfd> polled{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
  for (const int client : clients_) polled.push_back({client, POLLIN, 0});
  if (poll(polled.data(), polled.size(), -1) < 0) return true;
  if (polled[0].revents != 0) return false;
  for (std::size_t i = 2; i < polled.size(); ++i) {
    if (polled[i].revents == 0) continue;
    answer(polled[i].fd);
    close(polled[i].fd);
    clients_.erase(polled[i].fd);
  }
  if (polled[1].revents != 0) accept_client();
  return true;
}

void DescriptorServer::accept_client() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) {
    // Without descriptors to be had, the client stays where it is, until others are closed.
    if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(kPause);
    return;
  }
  ucred who{};
  const bool is_own = other_end(client, &who) && who.uid == geteuid();
  if (!is_own || !guarded([&]() -> Status {
                    clients_.insert(client);
                    return {};
                  }).ok()) {
    close(client);
  }
}

void DescriptorServer::answer(int client) {
  Request request{};
  const DescriptorDesk& desk = own_desk();
  if (recv(client, &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request) ||
      std::memcmp(request.key, desk.key, sizeof desk.key) != 0) {
    return;
  }
  Answer answer;
  if (answer.send(client, request.descriptor) >= 0) return;
  static_cast<void>(answer.send_problem(client, errno));
}

Status fetch_descriptor(const DescriptorDesk& desk, int descriptor, int* fetched) {
  // A wait with a time limit is not taken up again after a signal's handler.
  const kernels::BlockedSignals blocked;
  const Descriptor socket(open_socket(0));
  if (socket.get() < 0) return system_status("socket");
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  sockaddr_un address;
  const socklen_t length = address_of(desk, &address);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    return system_status("connect");
  }
  // Anyone may have taken the name, but not of this process and user.
  ucred who{};
  if (!other_end(socket.get(), &who) || who.pid != desk.pid || who.uid != geteuid()) {
    return Status::error(ErrorKind::kSystem, "process %d of user %u has its socket",
                         static_cast<int>(who.pid), static_cast<unsigned>(who.uid));
  }
  const Request request{{desk.key[0], desk.key[1]}, descriptor};
  if (send(socket.get(), &request, sizeof request, MSG_NOSIGNAL) < 0) return system_status("send");
  Answer answer;
  const ssize_t bytes = answer.receive(socket.get());
  if (bytes < 0) return system_status("recvmsg");
  if (bytes == 0) return {ErrorKind::kSystem, "it did not answer"};
  *fetched = answer.descriptor();
  // Until the server has closed its end: what is open in either process does not depend on timing.
  char nothing = 0;
  static_cast<void>(recv(socket.get(), &nothing, sizeof nothing, 0));
  if (*fetched >= 0) return {};
  return Status::error(ErrorKind::kSystem, "it cannot send: %s", std::strerror(answer.problem()));
}

}  // namespace causeway
