// The process's UCX worker, its endpoints and the thread that drives them.
#include "ucx_engine.hpp"

#include "../log.hpp"
#include "../never_destroyed.hpp"
#include "transports.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <ucs/memory/memory_type.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <system_error>

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

Status ucx_status(const char* call, ucs_status_t code) {
  if (code == UCS_OK) return {};
  return Status::error(ErrorKind::kSystem, "%s failed: %s", call, ucs_status_string(code));
}

/// For how long a process with a higher number waits for one with a lower number to open their
/// connection.
constexpr std::chrono::milliseconds kTurn{500};

UcxEngine* the_engine = nullptr;

/// A variable of the environment, set while this lives unless it was set before.
class TemporaryVariable {
 public:
  TemporaryVariable(const char* name, const char* value)
      : name_(std::getenv(name) == nullptr ? name : nullptr) {
    if (name_ != nullptr) setenv(name_, value, 0);
  }
  ~TemporaryVariable() {
    if (name_ != nullptr) unsetenv(name_);
  }
  TemporaryVariable(const TemporaryVariable&) = delete;
  TemporaryVariable& operator=(const TemporaryVariable&) = delete;

 private:
  const char* name_;
};

}  // namespace

Status UcxEngine::get(UcxEngine** engine) {
  static NeverDestroyed<const Status> made([] {
    the_engine = new UcxEngine;
    const Status status = the_engine->set_up();
    // A thread must not be in UCX while the libraries are taken down.
    if (status.ok()) std::atexit([] { the_engine->stop(); });
    return status;
  }());
  *engine = the_engine;
  return made.get();
}

std::string UcxEngine::version() {
  unsigned numbers[3] = {};
  ucp_get_version(&numbers[0], &numbers[1], &numbers[2]);
  return std::to_string(numbers[0]) + '.' + std::to_string(numbers[1]) + '.' +
         std::to_string(numbers[2]);
}

void UcxEngine::describe(NetworkFacts* facts) const {
  const std::uint64_t known = memory_types();
  for (int type = 0; type < UCS_MEMORY_TYPE_LAST; ++type) {
    if ((known >> type & 1) != 0) facts->memory_types.emplace_back(ucs_memory_type_names[type]);
  }
  // UCX tells its transports to people alone: the last word of each line about a resource.
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* const stream = open_memstream(&text, &bytes);
  if (stream == nullptr) return;
  ucp_context_print_info(context_, stream);
  std::fclose(stream);
  std::istringstream lines(std::string(text, bytes));
  std::free(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t last = line.find_last_of(' ');
    if (line.find("resource ") == std::string::npos || last == std::string::npos) continue;
    facts->transports.push_back(line.substr(last + 1));
  }
}

/// The memory types that the context knows, as a mask; 0 when it does not say.
std::uint64_t UcxEngine::memory_types() const {
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  return ucp_context_query(context_, &attributes) == UCS_OK ? attributes.memory_types : 0;
}

/// Makes the context, from UCX's settings but for what the engine relies on.
Status UcxEngine::make_context(ucp_config_t* config) {
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_TAG | UCP_FEATURE_WAKEUP;
  params.name = "causeway";
  // Every message is eager, whatever the environment says: a rendezvous would wait for the peer.
  CAUSEWAY_TRY(ucx_status("ucp_config_modify", ucp_config_modify(config, "RNDV_THRESH", "inf")));
  CAUSEWAY_TRY(ucx_status("ucp_init", ucp_init(&params, config, &context_)));
  if ((memory_types() >> UCS_MEMORY_TYPE_CUDA & 1) == 0) return {};
  // A UCX without these transports would warn of their names.
  ucp_cleanup(context_);
  const char* const chosen = std::getenv("UCX_TLS");
  const std::string transports = without_cuda(chosen != nullptr ? chosen : "");
  CAUSEWAY_TRY(
      ucx_status("ucp_config_modify", ucp_config_modify(config, "TLS", transports.c_str())));
  return ucx_status("ucp_init", ucp_init(&params, config, &context_));
}

Status UcxEngine::set_up() {
  // UCX, 1.22 still, aborts when a peer dies just after it has accepted a connection over TCP that
  // UCX waited for. That UCX does not wait can be said in the environment alone: the name by which
  // ucp_config_modify() knows it depends on the version, and a warning is printed without TCP.
  const TemporaryVariable no_wait("UCX_TCP_CONN_NB", "y");
  ucp_config_t* config = nullptr;
  CAUSEWAY_TRY(ucx_status("ucp_config_read", ucp_config_read(nullptr, nullptr, &config)));
  const Status made = make_context(config);
  ucp_config_release(config);
  CAUSEWAY_TRY(made);
  ucp_worker_params_t worker{};
  worker.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  worker.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  CAUSEWAY_TRY(ucx_status("ucp_worker_create", ucp_worker_create(context_, &worker, &worker_)));
  CAUSEWAY_TRY(ucx_status("ucp_worker_get_efd", ucp_worker_get_efd(worker_, &events_)));
  ucp_address_t* address = nullptr;
  std::size_t bytes = 0;
  CAUSEWAY_TRY(
      ucx_status("ucp_worker_get_address", ucp_worker_get_address(worker_, &address, &bytes)));
  const auto* const begin = reinterpret_cast<const std::byte*>(address);
  address_.assign(begin, begin + bytes);
  ucp_worker_release_address(worker_, address);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) {
    return Status::error(ErrorKind::kSystem, "eventfd failed: %s", std::strerror(errno));
  }
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& problem) {
    return Status::error(ErrorKind::kSystem, "cannot start a thread: %s", problem.what());
  }
  return {};
}

Endpoint& UcxEngine::connect(std::uint64_t from, std::uint64_t to,
                             std::span<const std::byte> address) {
  Endpoint*& known = endpoints_[to];
  if (known != nullptr && known->state == State::kBroken) {
    // It stays as it is, and what came over it in part: UCX may still write there.
    known = nullptr;
    new std::deque<Arrival>(std::move(arrivals_[to]));
    arrivals_.erase(to);
  }
  if (known == nullptr) {
    known = new Endpoint;
    known->from = from;
    known->address.assign(address.begin(), address.end());
    known->due = from <= to ? Clock::time_point{} : Clock::now() + kTurn;
  }
  return *known;
}

void UcxEngine::send(Endpoint& endpoint, const MessageHeader& header, const std::byte* block,
                     std::shared_ptr<void> owner) {
  auto message = std::make_unique<Message>(Message{header, std::move(owner), 0, {}});
  message->piece[message->count++] = {&message->header, sizeof message->header};
  for (std::uint32_t i = 0; i < header.post.ranges; ++i) {
    const device::NetworkPost::Range& range = header.post.range[i];
    message->piece[message->count++] = {const_cast<std::byte*>(block) + range.offset, range.bytes};
  }
  if (endpoint.state == State::kOpen && endpoint.queue.empty()) {
    send(endpoint, std::move(message));
  } else if (endpoint.state != State::kBroken) {
    endpoint.queue.push_back(std::move(message));
    if (waiting_.insert(&endpoint).second) wake();
  }
}

void UcxEngine::send(Endpoint& endpoint, std::unique_ptr<Message> message) {
  ucp_request_param_t param{};
  param.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_DATATYPE;
  param.datatype = ucp_dt_make_iov();
  param.user_data = message.get();
  param.cb.send = [](void* request, ucs_status_t, void* sent) {
    delete static_cast<Message*>(sent);
    ucp_request_free(request);
  };
  const ucs_status_ptr_t request =
      ucp_tag_send_nbx(endpoint.handle, message->piece, message->count, endpoint.from, &param);
  if (UCS_PTR_IS_ERR(request)) {
    lose(endpoint, ucs_status_string(UCS_PTR_STATUS(request)));
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
      std::unique_ptr<Message> message = std::move(endpoint.queue.front());
      endpoint.queue.pop_front();
      send(endpoint, std::move(message));
      moved = true;
    }
    it = endpoint.queue.empty() ? waiting_.erase(it) : std::next(it);
  }
  return moved;
}

void UcxEngine::open(Endpoint& endpoint) {
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(endpoint.address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = [](void* lost, ucp_ep_h, ucs_status_t code) {
    the_engine->lose(*static_cast<Endpoint*>(lost), ucs_status_string(code));
  };
  params.err_handler.arg = &endpoint;
  const ucs_status_t code = ucp_ep_create(worker_, &params, &endpoint.handle);
  if (code != UCS_OK) {
    lose(endpoint, ucs_status_string(code));
    return;
  }
  endpoint.state = State::kOpen;
}

/// Takes what has come; whether anything has.
bool UcxEngine::receive() {
  ucp_tag_recv_info_t info{};
  while (ucp_tag_message_h message = ucp_tag_probe_nb(worker_, 0, 0, 1, &info)) {
    Arrival& arrival = arrivals_[info.sender_tag].emplace_back(
        Arrival{std::make_unique_for_overwrite<std::byte[]>(info.length), info.length});
    ucp_request_param_t param{};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
    param.user_data = &arrival;
    // One that fails stays incomplete: its peer is lost, of which the endpoint tells.
    param.cb.recv = [](void* request, ucs_status_t code, const ucp_tag_recv_info_t*, void* to) {
      static_cast<Arrival*>(to)->complete = code == UCS_OK;
      the_engine->arrived_ = true;
      ucp_request_free(request);
    };
    const ucs_status_ptr_t request =
        ucp_tag_msg_recv_nbx(worker_, arrival.data.get(), arrival.bytes, message, &param);
    if (request == nullptr) arrival.complete = arrived_ = true;
  }
  if (!std::exchange(arrived_, false)) return false;
  for (auto& [process, queue] : arrivals_) {
    for (; !queue.empty() && queue.front().complete; queue.pop_front()) {
      take(process, queue.front());
    }
  }
  return true;
}

void UcxEngine::take(std::uint64_t process, const Arrival& arrival) {
  MessageHeader header{};
  if (arrival.bytes < sizeof header) {
    log(LogLevel::kError, "a message that is not causeway's came over the network");
    return;
  }
  std::memcpy(&header, arrival.data.get(), sizeof header);
  const auto sender = endpoints_.find(process);
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

bool UcxEngine::progress() {
  for (bool moved = false;; moved = true) {
    bool moves = ucp_worker_progress(worker_) != 0 || receive() || open_endpoints();
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
      if (!busy && ucp_worker_arm(worker_) == UCS_ERR_BUSY) continue;
    }
    if (busy && Clock::now() - moved < kSpin) {
      std::this_thread::yield();
      continue;
    }
    if (busy) {
      std::this_thread::sleep_for(kNap);
      continue;
    }
    pollfd polled[] = {{events_, POLLIN, 0}, {wake_, POLLIN, 0}};
    poll(polled, 2, kLongestSleep);
    std::uint64_t count = 0;
    if (polled[1].revents != 0 && read(wake_, &count, sizeof count) < 0) continue;
  }
}

void UcxEngine::stop() {
  {
    const std::lock_guard lock(mutex);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

}  // namespace causeway
