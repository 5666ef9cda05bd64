// The process's UCX worker, its endpoints and the thread that drives them.
#include "ucx_engine.hpp"

#include "../log.hpp"

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

constexpr unsigned kMessageId = 1;
constexpr int kLongestSleep = 200;  // ms

Status ucx_status(const char* call, ucs_status_t code) {
  if (code == UCS_OK) return {};
  return Status::error(ErrorKind::kSystem, "%s failed: %s", call, ucs_status_string(code));
}

/// A message until UCX has sent it.
struct Message {
  MessageHeader header;
  ucp_dt_iov_t pieces[device::NetworkPost::kMostRanges];
  std::shared_ptr<void> owner;
};

UcxEngine* the_engine = nullptr;

}  // namespace

Status UcxEngine::get(UcxEngine** engine) {
  static const Status made = [] {
    the_engine = new UcxEngine;
    const Status status = the_engine->set_up();
    // A thread must not be in UCX while the libraries are taken down.
    if (status.ok()) std::atexit([] { the_engine->stop(); });
    return status;
  }();
  *engine = the_engine;
  return made;
}

std::string UcxEngine::version() {
  unsigned numbers[3] = {};
  ucp_get_version(&numbers[0], &numbers[1], &numbers[2]);
  return std::to_string(numbers[0]) + '.' + std::to_string(numbers[1]) + '.' +
         std::to_string(numbers[2]);
}

void UcxEngine::describe(NetworkFacts* facts) const {
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  if (ucp_context_query(context_, &attributes) == UCS_OK) {
    for (int type = 0; type < UCS_MEMORY_TYPE_LAST; ++type) {
      if ((attributes.memory_types >> type & 1) != 0) {
        facts->memory_types.emplace_back(ucs_memory_type_names[type]);
      }
    }
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

Status UcxEngine::set_up() {
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  params.name = "causeway";
  ucp_config_t* config = nullptr;
  CAUSEWAY_TRY(ucx_status("ucp_config_read", ucp_config_read(nullptr, nullptr, &config)));
  const ucs_status_t made = ucp_init(&params, config, &context_);
  ucp_config_release(config);
  CAUSEWAY_TRY(ucx_status("ucp_init", made));
  ucp_worker_params_t worker{};
  worker.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  worker.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  CAUSEWAY_TRY(ucx_status("ucp_worker_create", ucp_worker_create(context_, &worker, &worker_)));
  ucp_am_handler_param_t handler{};
  handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_FLAGS |
                       UCP_AM_HANDLER_PARAM_FIELD_CB | UCP_AM_HANDLER_PARAM_FIELD_ARG;
  handler.id = kMessageId;
  handler.flags = UCP_AM_FLAG_WHOLE_MSG;
  handler.cb = [](void* self, const void* header, std::size_t header_bytes, void* data,
                  std::size_t bytes, const ucp_am_recv_param_t* param) {
    static_cast<UcxEngine*>(self)->take(header, header_bytes, data, bytes, param->recv_attr);
    return UCS_OK;
  };
  handler.arg = this;
  CAUSEWAY_TRY(ucx_status("ucp_worker_set_am_recv_handler",
                          ucp_worker_set_am_recv_handler(worker_, &handler)));
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

Status UcxEngine::connect(std::uint64_t process, const std::byte* address, Endpoint** endpoint) {
  Endpoint*& known = endpoints_[process];
  if (known == nullptr || known->broken) {
    // A broken one stays as it is: UCX may still call back with it.
    known = new Endpoint{nullptr};
    ucp_ep_params_t params{};
    params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                        UCP_EP_PARAM_FIELD_ERR_HANDLER;
    params.address = reinterpret_cast<const ucp_address_t*>(address);
    params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
    params.err_handler.cb = [](void* lost, ucp_ep_h, ucs_status_t code) {
      the_engine->lose(*static_cast<Endpoint*>(lost), ucs_status_string(code));
    };
    params.err_handler.arg = known;
    const ucs_status_t code = ucp_ep_create(worker_, &params, &known->handle);
    known->broken = code != UCS_OK;
    CAUSEWAY_TRY(ucx_status("ucp_ep_create", code));
  }
  *endpoint = known;
  return {};
}

void UcxEngine::send(Endpoint& endpoint, const MessageHeader& header, const std::byte* block,
                     std::shared_ptr<void> owner) {
  if (endpoint.broken) return;
  auto message = std::make_unique<Message>(Message{header, {}, std::move(owner)});
  for (std::uint64_t i = 0; i < header.ranges; ++i) {
    message->pieces[i] = {const_cast<std::byte*>(block) + header.range[i].offset,
                          header.range[i].bytes};
  }
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                       UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_DATATYPE;
  param.flags = UCP_AM_SEND_FLAG_EAGER;
  param.datatype = ucp_dt_make_iov();
  param.user_data = message.get();
  param.cb.send = [](void* request, ucs_status_t, void* sent) {
    delete static_cast<Message*>(sent);
    ucp_request_free(request);
  };
  const ucs_status_ptr_t request =
      ucp_am_send_nbx(endpoint.handle, kMessageId, &message->header, sizeof message->header,
                      message->pieces, header.ranges, &param);
  if (UCS_PTR_IS_ERR(request)) {
    lose(endpoint, ucs_status_string(UCS_PTR_STATUS(request)));
  } else if (request != nullptr) {
    message.release();
  }
}

void UcxEngine::take(const void* header_data, std::size_t header_bytes, const void* data,
                     std::size_t bytes, std::uint64_t attributes) {
  MessageHeader header{};
  if (header_bytes != sizeof header || (attributes & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0) {
    log(LogLevel::kError, "a message that is not causeway's came over the network");
    return;
  }
  std::memcpy(&header, header_data, sizeof header);
  const auto receiver = receivers_.find({header.communicator, header.target});
  // What comes for a communicator that this rank has left is of no use to it any more.
  if (receiver == receivers_.end()) return;
  receiver->second->take(header, static_cast<const std::byte*>(data), bytes);
}

void UcxEngine::lose(Endpoint& endpoint, const char* why) {
  if (std::exchange(endpoint.broken, true)) return;
  for (const auto& [key, receiver] : receivers_) receiver->lose(endpoint, why);
}

void UcxEngine::progress() {
  while (ucp_worker_progress(worker_) != 0) {
  }
  for (const auto& [key, receiver] : receivers_) receiver->settle();
}

void UcxEngine::wake() {
  const std::uint64_t one = 1;
  if (write(wake_, &one, sizeof one) < 0) return;
}

void UcxEngine::run() {
  for (;;) {
    {
      const std::lock_guard lock(mutex);
      if (stopping_) return;
      progress();
      for (const auto& [key, receiver] : receivers_) receiver->watch();
      if (ucp_worker_arm(worker_) == UCS_ERR_BUSY) continue;
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
