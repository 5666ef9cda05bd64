// A UCX context and worker, set up as the engine needs them.
#include "ucx_worker.hpp"

#include "interfaces.hpp"
#include "log.hpp"
#include "transports.hpp"

#include <fcntl.h>
#include <ucs/memory/memory_type.h>
#include <unistd.h>
#include <thread_start.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <latch>
#include <memory>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>

namespace causeway {

namespace {

/// More than UCX was seen to open at once, with a good many devices, and the threads that it and
/// the engine start.
constexpr int kDescriptors = 64;
constexpr int kThreads = 2;

/// Where Open MPI says which interfaces it was told to use, and which not.
constexpr const char* kInclude = "OMPI_MCA_btl_tcp_if_include";
constexpr const char* kExclude = "OMPI_MCA_btl_tcp_if_exclude";

}  // namespace

Status UcxWorker::check_descriptors(int count) {
  std::vector<int> open;
  open.reserve(static_cast<std::size_t>(count));
  int problem = 0;
  for (int i = 0; i < count && problem == 0; ++i) {
    const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      problem = errno;
    } else {
      open.push_back(descriptor);
    }
  }
  for (const int descriptor : open) close(descriptor);
  if (problem == 0) return {};
  return Status::error(ErrorKind::kSystem,
                       "the network needs up to %d file descriptors and %zu are left: %s; raise "
                       "the limit (ulimit -n)",
                       count, open.size(), std::strerror(problem));
}

namespace {

Status check_threads(int count) {
  std::latch all_run(1);
  std::vector<std::thread> threads;
  const Status started = guarded([&]() -> Status {
    threads.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      threads.push_back(kernels::start_thread("causeway-room", [&all_run] { all_run.wait(); }));
    }
    return {};
  });
  all_run.count_down();
  for (std::thread& thread : threads) thread.join();
  if (started.ok()) return {};
  return Status::error(ErrorKind::kSystem,
                       "the network needs %d threads and cannot have them: %s; raise the limit "
                       "(ulimit -u)",
                       count, started.message().c_str());
}

/// UCX, where there is room for what it makes when it is loaded and set up.
Status load(const UcxLibrary** ucx) {
  CAUSEWAY_TRY(UcxWorker::check_descriptors(kDescriptors));
  CAUSEWAY_TRY(check_threads(kThreads));
  return UcxLibrary::load(ucx);
}

/// Of the environment; empty where it is not set.
std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// Has `use` called with UCX's settings as the user has them.
template <class Use>
Status with_config(const UcxLibrary& ucx, Use&& use) {
  ucp_config_t* config = nullptr;
  CAUSEWAY_TRY(ucx.check("ucp_config_read", ucx.config_read(nullptr, nullptr, &config)));
  const Status used = guarded([&]() -> Status { return use(config); });
  ucx.config_release(config);
  return used;
}

/// What UCX prints.
template <class Print>
std::string printed(Print&& print) {
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* const stream = open_memstream(&text, &bytes);
  if (stream == nullptr) return {};
  print(stream);
  std::fclose(stream);
  const std::unique_ptr<char, decltype(&std::free)> owner(text, std::free);
  return {text, bytes};
}

/// Whether the user names UCX's network devices, in the environment or in UCX's own file. Also
/// where UCX does not tell.
bool names_devices(const UcxLibrary& ucx, const ucp_config_t* config) {
  if (std::getenv("UCX_NET_DEVICES") != nullptr) return true;
  const std::string settings = printed([&](std::FILE* stream) {
    ucx.config_print(config, stream, nullptr, UCS_CONFIG_PRINT_CONFIG);
  });
  return settings.find("UCX_NET_DEVICES=all\n") == std::string::npos;
}

/// Whether any of the resources is of one of the transports.
bool has(const std::vector<std::string>& resources,
         std::initializer_list<std::string_view> transports) {
  return std::ranges::any_of(resources, [&](const std::string& resource) {
    const std::string_view transport(resource.data(),
                                     std::min(resource.find('/'), resource.size()));
    return std::ranges::find(transports, transport) != transports.end();
  });
}

}  // namespace

UcxWorker::~UcxWorker() {
  if (worker_ != nullptr) ucx_->worker_destroy(worker_);
  if (context_ != nullptr) ucx_->cleanup(context_);
}

Status UcxWorker::create(const std::string& interfaces) {
  const kernels::BlockedSignals blocked;
  CAUSEWAY_TRY(open(interfaces));
  return make_worker();
}

Status UcxWorker::look() {
  const kernels::BlockedSignals blocked;
  return open({});
}

Status UcxWorker::is_told_devices(bool* told) {
  const kernels::BlockedSignals blocked;
  const UcxLibrary* ucx = nullptr;
  CAUSEWAY_TRY(load(&ucx));
  return with_config(*ucx, [&](ucp_config_t* config) -> Status {
    *told =
        names_devices(*ucx, config) || !variable(kInclude).empty() || !variable(kExclude).empty();
    return {};
  });
}

Status UcxWorker::open(const std::string& interfaces) {
  CAUSEWAY_TRY(load(&ucx_));
  return with_config(*ucx_, [&](ucp_config_t* config) { return make_context(config, interfaces); });
}

Status UcxWorker::make_context(ucp_config_t* config, const std::string& interfaces) {
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_TAG | UCP_FEATURE_WAKEUP;
  params.name = "causeway";
  // Every message is eager, whatever the environment says: a rendezvous would wait for the peer.
  CAUSEWAY_TRY(ucx_->check("ucp_config_modify", ucx_->config_modify(config, "RNDV_THRESH", "inf")));
  const auto make = [&] {
    const unsigned minor = std::min(ucx_->minor, static_cast<unsigned>(UCP_API_MINOR));
    return ucx_->check("ucp_init",
                       ucx_->init_version(UCP_API_MAJOR, minor, &params, config, &context_));
  };
  // What there is decides what is left out: UCX warns of names of what it does not have.
  CAUSEWAY_TRY(make());
  CAUSEWAY_TRY(adapt(config, interfaces));
  ucx_->cleanup(context_);
  context_ = nullptr;
  return make();
}

Status UcxWorker::adapt(ucp_config_t* config, const std::string& interfaces) const {
  const auto set = [&](const char* name, const std::string& value) {
    return ucx_->check("ucp_config_modify", ucx_->config_modify(config, name, value.c_str()));
  };
  const std::vector<std::string> found = resources();
  const bool shared = has(found, {"posix", "sysv", "cma", "knem", "xpmem"});
  const bool cuda = (memory_types() >> UCS_MEMORY_TYPE_CUDA & 1) != 0;
  const std::string kept = network_transports(variable("UCX_TLS"), shared, cuda);
  if (!kept.empty()) CAUSEWAY_TRY(set("TLS", kept));
  // UCX would listen on every interface, for whoever connects.
  if (!names_devices(*ucx_, config)) {
    const std::string devices =
        interfaces.empty()
            ? network_devices(found, own_interfaces(), variable(kInclude), variable(kExclude))
            : network_devices(found, own_interfaces(), interfaces, {});
    if (!devices.empty()) CAUSEWAY_TRY(set("NET_DEVICES", devices));
    log(LogLevel::kInfo, "UCX uses %s",
        devices.empty() ? "all network devices" : ("the network devices " + devices).c_str());
  }
  // UCX, 1.22 still, aborts when a peer dies just after it has accepted a connection over TCP that
  // UCX waited for. From 1.17 on the setting has its transport's name in front.
  if (!has(found, {"tcp"}) || std::getenv("UCX_TCP_CONN_NB") != nullptr) return {};
  return set(ucx_->minor >= 17 ? "TCP_CONN_NB" : "CONN_NB", "y");
}

Status UcxWorker::make_worker() {
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  const ucs_status_t made = ucx_->worker_create(context_, &params, &worker_);
  if (made != UCS_OK) worker_ = nullptr;
  CAUSEWAY_TRY(ucx_->check("ucp_worker_create", made));
  CAUSEWAY_TRY(ucx_->check("ucp_worker_get_efd", ucx_->worker_get_efd(worker_, &events_)));
  ucp_address_t* address = nullptr;
  std::size_t bytes = 0;
  CAUSEWAY_TRY(
      ucx_->check("ucp_worker_get_address", ucx_->worker_get_address(worker_, &address, &bytes)));
  const auto* const begin = reinterpret_cast<const std::byte*>(address);
  address_.assign(begin, begin + bytes);
  ucx_->worker_release_address(worker_, address);
  return {};
}

/// The memory types that the context knows, as a mask; 0 when it does not say.
std::uint64_t UcxWorker::memory_types() const {
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  return ucx_->context_query(context_, &attributes) == UCS_OK ? attributes.memory_types : 0;
}

/// Transports with their devices, as in tcp/eth0. UCX tells them to people alone: each is the last
/// word of a line about a resource.
std::vector<std::string> UcxWorker::resources() const {
  std::vector<std::string> found;
  std::istringstream lines(
      printed([this](std::FILE* stream) { ucx_->context_print_info(context_, stream); }));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t last = line.find_last_of(' ');
    if (line.find("resource ") == std::string::npos || last == std::string::npos) continue;
    found.push_back(line.substr(last + 1));
  }
  return found;
}

void UcxWorker::describe(NetworkFacts* facts) const {
  const std::uint64_t known = memory_types();
  for (int type = 0; type < 64; ++type) {
    if ((known >> type & 1) != 0) facts->memory_types.emplace_back(ucx_->memory_type_names[type]);
  }
  facts->transports = resources();
}

}  // namespace causeway
