// A UCX worker of the process, its endpoints and the thread that drives them.
#include "ucx_engine.hpp"

#include "log.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <thread_start.hpp>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <random>
#include <system_error>
#include <utility>

namespace causeway {

namespace {

using Clock = std::chrono::steady_clock;
using State = Endpoint::State;

constexpr int kLongestSleep = 200;  // ms

/// While a receiver is busy: for how long the thread looks without pause after something has moved,
/// and its pauses later.
constexpr std::chrono::milliseconds kSpin{1};
constexpr std::chrono::microseconds kNap{50};

/// Between looks after peers.
constexpr std::chrono::milliseconds kWatch{50};

/// For how long an engine with a higher number waits for one with a lower number to open their
/// connection.
constexpr std::chrono::milliseconds kTurn{500};

/// Before an endpoint that could not be opened for lack of memory or descriptors is tried again.
constexpr std::chrono::milliseconds kRetry{100};

/// More than UCX opens for one.
constexpr int kDescriptorsOfConnection = 8;

constexpr std::time_t kPatienceAtExit = 2;  // seconds

/// The process's engines; the others follow. The exit handler takes no lock to read it.
std::atomic<UcxEngine*> newest = nullptr;

}  // namespace

Status UcxEngine::get(const std::string& interfaces, UcxEngine** engine) {
  static std::mutex making;
  const std::lock_guard lock(making);
  for (UcxEngine* known = newest; known != nullptr; known = known->older_) {
    if (known->interfaces_ != interfaces) continue;
    *engine = known;
    return {};
  }
  auto* const made = new UcxEngine(interfaces);
  const Status set_up = guarded([made] { return made->set_up(); });
  if (!set_up.ok()) {
    delete made;
    return set_up;
  }
  made->older_ = newest;
  newest = made;
  // A thread must not be in UCX while the libraries are taken down.
  if (made->older_ == nullptr) std::atexit(stop_all);
  *engine = made;
  return {};
}

UcxEngine::~UcxEngine() {
  if (wake_ >= 0) close(wake_);
}

Status UcxEngine::set_up() {
  CAUSEWAY_TRY(worker_.create(interfaces_));
  process_ = getpid();
  std::random_device source;
  number_ = (std::uint64_t{source()} << 32) | source();
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) {
    return Status::error(ErrorKind::kSystem, "eventfd failed: %s", std::strerror(errno));
  }
  try {
    thread_ = kernels::start_thread("causeway-net", [this] { run(); });
  } catch (const std::system_error& problem) {
    return Status::error(ErrorKind::kSystem, "cannot start a thread: %s", problem.what());
  }
  return {};
}

Endpoint& UcxEngine::connect(std::uint64_t from, std::uint64_t to,
                             std::span<const std::byte> address) {
  const auto known = endpoints_.find(to);
  if (known != endpoints_.end() && known->second->state != State::kBroken) return *known->second;
  auto made = std::make_unique<Endpoint>();
  made->engine = this;
  made->from = from;
  made->address.assign(address.begin(), address.end());
  made->due = from <= to ? Clock::time_point{} : Clock::now() + kTurn;
  if (known == endpoints_.end()) {
    endpoints_.emplace(to, made.get());
    return *made.release();
  }
  // The broken one stays as it is, and what came over it in part: UCX may still write there.
  const auto arrived = arrivals_.find(to);
  if (arrived != arrivals_.end()) {
    new std::deque<Arrival>(std::move(arrived->second));
    arrivals_.erase(arrived);
  }
  return *(known->second = made.release());
}

void UcxEngine::send(Endpoint& endpoint, std::unique_ptr<UcxMessage>& message) {
  if (endpoint.state == State::kOpen && endpoint.queue.empty()) {
    transmit(endpoint, std::move(message));
  } else if (endpoint.state != State::kBroken) {
    const bool first = waiting_.insert(&endpoint).second;
    endpoint.queue.push_back(std::move(message));
    if (first) wake();
  }
}

void UcxEngine::transmit(Endpoint& endpoint, std::unique_ptr<UcxMessage> message) {
  ucp_request_param_t param{};
  param.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_DATATYPE;
  param.datatype = ucp_dt_make_iov();
  message->ucx = &worker_.ucx();
  param.user_data = message.get();
  param.cb.send = [](void* request, ucs_status_t, void* sent) {
    const std::unique_ptr<UcxMessage> done(static_cast<UcxMessage*>(sent));
    done->ucx->request_free(request);
  };
  const ucs_status_ptr_t request = worker_.ucx().tag_send(endpoint.handle, message->piece,
                                                          message->count, endpoint.from, &param);
  if (UCS_PTR_IS_ERR(request)) {
    lose(endpoint, worker_.ucx().status_string(UCS_PTR_STATUS(request)));
  } else if (request != nullptr) {
    static_cast<void>(message.release());
  }
}

/// Opens what is due, and sends what waited for what is open now. Whether it did anything.
bool UcxEngine::open_endpoints() {
  bool moved = false;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    Endpoint& endpoint = **it;
    if (endpoint.state == State::kWanted && endpoint.due <= Clock::now()) {
      open(endpoint);
      moved = true;
    }
    while (endpoint.state == State::kOpen && !endpoint.queue.empty()) {
      std::unique_ptr<UcxMessage> message = std::move(endpoint.queue.front());
      endpoint.queue.pop_front();
      transmit(endpoint, std::move(message));
      moved = true;
    }
    it = endpoint.queue.empty() ? waiting_.erase(it) : std::next(it);
  }
  return moved;
}

void UcxEngine::open(Endpoint& endpoint) {
  try {
    const Status room = UcxWorker::check_descriptors(kDescriptorsOfConnection);
    if (!room.ok()) {
      postpone(endpoint, room.message().c_str());
      return;
    }
  } catch (const std::bad_alloc&) {
    postpone(endpoint, "there is no memory to connect it");
    return;
  }
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(endpoint.address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = [](void* lost, ucp_ep_h, ucs_status_t code) {
    auto& broken = *static_cast<Endpoint*>(lost);
    UcxEngine& engine = *broken.engine;
    engine.lose(broken, engine.worker_.ucx().status_string(code));
  };
  params.err_handler.arg = &endpoint;
  const ucs_status_t code = worker_.ucx().ep_create(worker_.handle(), &params, &endpoint.handle);
  if (code != UCS_OK) {
    lose(endpoint, worker_.ucx().status_string(code));
    return;
  }
  endpoint.state = State::kOpen;
}

/// Breaks the links over an endpoint that cannot be opened now. What tells the peer of it stays,
/// for a later attempt.
void UcxEngine::postpone(Endpoint& endpoint, const char* why) {
  std::erase_if(endpoint.queue, [](const std::unique_ptr<UcxMessage>& message) {
    return message->header.kind != MessageKind::kFailure;
  });
  endpoint.due = Clock::now() + kRetry;
  for (const auto& [key, receiver] : receivers_) receiver->lose(endpoint, why);
}

/// Takes what has come; whether anything has.
bool UcxEngine::receive() {
  ucp_tag_recv_info_t info{};
  while (ucp_tag_message_h message = worker_.ucx().tag_probe(worker_.handle(), 0, 0, 1, &info)) {
    receive(message, info);
  }
  if (!std::exchange(arrived_, false)) return false;
  for (auto& [engine, queue] : arrivals_) {
    for (; !queue.empty() && queue.front().complete; queue.pop_front()) {
      take(engine, queue.front());
    }
  }
  return true;
}

/// Begins to take a message. One that cannot be taken breaks the links to its sender, whose later
/// messages would be taken for it; the endpoint still carries what tells the sender.
void UcxEngine::receive(ucp_tag_message_h message, const ucp_tag_recv_info_t& info) {
  Arrival* arrival = nullptr;
  try {
    auto data = std::make_unique_for_overwrite<std::byte[]>(info.length);
    arrival = &arrivals_[info.sender_tag].emplace_back(Arrival{std::move(data), info.length, this});
  } catch (const std::bad_alloc&) {
    lose_from(info.sender_tag, "there is no memory for a message that comes over it");
    return;
  }
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.user_data = arrival;
  // One that fails stays incomplete: its peer is lost, of which the endpoint tells.
  param.cb.recv = [](void* request, ucs_status_t code, const ucp_tag_recv_info_t*, void* to) {
    auto& taken = *static_cast<Arrival*>(to);
    UcxEngine& engine = *taken.engine;
    taken.complete = code == UCS_OK;
    engine.arrived_ = true;
    engine.worker_.ucx().request_free(request);
  };
  const ucs_status_ptr_t request = worker_.ucx().tag_msg_recv(worker_.handle(), arrival->data.get(),
                                                              arrival->bytes, message, &param);
  if (request == nullptr) arrival->complete = arrived_ = true;
  if (!UCS_PTR_IS_ERR(request)) return;
  arrivals_[info.sender_tag].pop_back();
  lose_from(info.sender_tag, worker_.ucx().status_string(UCS_PTR_STATUS(request)));
}

void UcxEngine::take(std::uint64_t engine, const Arrival& arrival) {
  MessageHeader header{};
  if (arrival.bytes < sizeof header) {
    log(LogLevel::kError, "a message that is not causeway's came over the network");
    return;
  }
  std::memcpy(&header, arrival.data.get(), sizeof header);
  const auto sender = endpoints_.find(engine);
  if (sender != endpoints_.end()) sender->second->due = {};
  const auto receiver = receivers_.find({header.communicator, header.target});
  // What comes for a communicator that this rank has left is of no use to it any more.
  if (receiver == receivers_.end()) return;
  receiver->second->take(header, arrival.data.get() + sizeof header, arrival.bytes - sizeof header);
}

void UcxEngine::lose(Endpoint& endpoint, const char* why) {
  if (std::exchange(endpoint.state, State::kBroken) == State::kBroken) return;
  endpoint.queue.clear();
  for (const auto& [key, receiver] : receivers_) receiver->lose(endpoint, why);
}

void UcxEngine::lose_from(std::uint64_t engine, const char* why) {
  for (const auto& [key, receiver] : receivers_) receiver->lose_from(engine, why);
}

bool UcxEngine::progress() {
  for (bool moved = false;; moved = true) {
    bool moves =
        worker_.ucx().worker_progress(worker_.handle()) != 0 || receive() || open_endpoints();
    for (const auto& [key, receiver] : receivers_) moves = receiver->settle() || moves;
    if (!moves) return moved;
  }
}

void UcxEngine::wake() {
  const std::uint64_t one = 1;
  if (write(wake_, &one, sizeof one) < 0) return;
}

void UcxEngine::run() {
  Clock::time_point moved{};
  Clock::time_point watched{};
  for (;;) {
    bool busy = false;
    {
      const std::lock_guard lock(mutex);
      if (stopping_) return;
      // Asked first: what was posted before it says no is taken now.
      for (const auto& [key, receiver] : receivers_) busy = busy || receiver->busy();
      if (progress()) moved = Clock::now();
      if (Clock::now() - watched > kWatch) {
        watched = Clock::now();
        for (const auto& [key, receiver] : receivers_) receiver->watch();
      }
      if (!busy && worker_.ucx().worker_arm(worker_.handle()) == UCS_ERR_BUSY) continue;
    }
    if (busy && Clock::now() - moved < kSpin) {
      std::this_thread::yield();
      continue;
    }
    if (busy) {
      std::this_thread::sleep_for(kNap);
      continue;
    }
    pollfd polled[] = {{worker_.events(), POLLIN, 0}, {wake_, POLLIN, 0}};
    poll(polled, 2, kLongestSleep);
    std::uint64_t count = 0;
    if (polled[1].revents != 0 && read(wake_, &count, sizeof count) < 0) continue;
  }
}

/// At exit.
void UcxEngine::stop_all() {
  for (UcxEngine* engine = newest; engine != nullptr; engine = engine->older_) engine->stop();
}

/// Nothing in a forked child: it does not have the thread, and the mutex may be held for ever
/// there. Waits for a limited time: where a signal's handler calls exit(), the code that it
/// interrupts may hold the mutex.
void UcxEngine::stop() {
  if (getpid() != process_) return;
  stopping_ = true;
  wake();
  timespec until{};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += kPatienceAtExit;
  if (pthread_timedjoin_np(thread_.native_handle(), nullptr, &until) != 0) {
    log(LogLevel::kWarn, "the network's thread does not end");
  }
}

}  // namespace causeway
