// UCX as it is found when the process first needs it.
#include "ucx_library.hpp"

#include "kept_handlers.hpp"
#include "log.hpp"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>

namespace causeway {

namespace {

/// The oldest version that has what causeway calls.
constexpr unsigned kMajor = 1;
constexpr unsigned kOldestMinor = 13;

/// Whether a path's last part is a library of that name, whatever its version, and also where a
/// package has put a hash after the name: libucp.so.0, libucp-1a2b3c4d.so.0.0.0.
bool is_library(std::string_view path, std::string_view name) {
  path.remove_prefix(path.rfind('/') + 1);
  if (!path.starts_with(name)) return false;
  path.remove_prefix(name.size());
  return path.starts_with(".so") ||
         (path.starts_with('-') && path.find(".so") != std::string_view::npos);
}

/// What the process has of UCX; paths, empty for none.
struct Loaded {
  std::string ucp;
  std::string base;  ///< a library that libucp stands on
};

Loaded loaded() {
  Loaded found;
  const auto look = [](dl_phdr_info* info, std::size_t, void* to) {
    const std::string_view path = info->dlpi_name != nullptr ? info->dlpi_name : "";
    auto& all = *static_cast<Loaded*>(to);
    if (all.ucp.empty() && is_library(path, "libucp")) all.ucp = path;
    if (all.base.empty() && (is_library(path, "libucs") || is_library(path, "libuct"))) {
      all.base = path;
    }
    return 0;
  };
  dl_iterate_phdr(look, &found);
  return found;
}

/// The libucp in the folder of another library, empty for none.
std::string beside(const std::string& library) {
  std::error_code ignored;
  const auto folder = std::filesystem::path(library).parent_path();
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string path = entry.path().string();
    // The longest has the whole version, and is no link that only compilers follow.
    if (is_library(path, "libucp") && path.size() > found.size()) found = path;
  }
  return found;
}

/// Where an address lies: the path of the library.
std::string library_of(const void* address) {
  Dl_info where{};
  return dladdr(address, &where) != 0 && where.dli_fname != nullptr ? where.dli_fname : "";
}

bool lie_together(const std::string& one, const std::string& other) {
  std::error_code ignored;
  const auto folder = [&](const std::string& library) {
    return std::filesystem::weakly_canonical(library, ignored).parent_path();
  };
  return folder(one) == folder(other);
}

Status open(void** handle) {
  const Loaded before = loaded();
  constexpr int kFlags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
  std::string first = before.ucp;
  if (first.empty() && !before.base.empty()) {
    first = beside(before.base);
    if (first.empty()) {
      return Status::error(ErrorKind::kSystem,
                           "the process has %s, and there is no libucp beside it; a second UCX "
                           "beside that one would collide with it: let the program load the libucp "
                           "that belongs to it",
                           before.base.c_str());
    }
  }
  const bool given = !first.empty();
  *handle = dlopen(given ? first.c_str() : "libucp.so.0", kFlags);
  if (*handle != nullptr) return {};
  const char* problem = dlerror();
  const std::string why = problem != nullptr ? problem : "no reason given";
  if (!given) *handle = dlopen(CAUSEWAY_UCX_LIBRARY, kFlags);
  if (*handle != nullptr) return {};
  return Status::error(ErrorKind::kSystem,
                       "cannot load UCX, which carries what goes between hosts: %s. Install UCX "
                       "%u.%u or newer, or name its folder in LD_LIBRARY_PATH",
                       why.c_str(), kMajor, kOldestMinor);
}

/// Takes functions out of a library and those that it stands on.
class Symbols {
 public:
  explicit Symbols(void* handle) : handle_(handle) {}

  template <class Pointer>
  void take(const char* name, Pointer* pointer) {
    *pointer = reinterpret_cast<Pointer>(dlsym(handle_, name));
    if (*pointer == nullptr && missing_ == nullptr) missing_ = name;
  }
  const char* missing() const { return missing_; }

 private:
  void* const handle_;
  const char* missing_ = nullptr;
};

Status fill(void* handle, UcxLibrary* made) {
  Symbols symbols(handle);
  symbols.take("ucp_get_version", &made->get_version);
  symbols.take("ucp_config_read", &made->config_read);
  symbols.take("ucp_config_modify", &made->config_modify);
  symbols.take("ucp_config_print", &made->config_print);
  symbols.take("ucp_config_release", &made->config_release);
  symbols.take("ucp_init_version", &made->init_version);
  symbols.take("ucp_cleanup", &made->cleanup);
  symbols.take("ucp_context_query", &made->context_query);
  symbols.take("ucp_context_print_info", &made->context_print_info);
  symbols.take("ucp_worker_create", &made->worker_create);
  symbols.take("ucp_worker_destroy", &made->worker_destroy);
  symbols.take("ucp_worker_get_efd", &made->worker_get_efd);
  symbols.take("ucp_worker_get_address", &made->worker_get_address);
  symbols.take("ucp_worker_release_address", &made->worker_release_address);
  symbols.take("ucp_worker_progress", &made->worker_progress);
  symbols.take("ucp_worker_arm", &made->worker_arm);
  symbols.take("ucp_ep_create", &made->ep_create);
  symbols.take("ucp_tag_send_nbx", &made->tag_send);
  symbols.take("ucp_tag_probe_nb", &made->tag_probe);
  symbols.take("ucp_tag_msg_recv_nbx", &made->tag_msg_recv);
  symbols.take("ucp_request_free", &made->request_free);
  symbols.take("ucs_status_string", &made->status_string);
  symbols.take("ucs_memory_type_names", &made->memory_type_names);
  if (made->get_version != nullptr) {
    made->path = library_of(reinterpret_cast<const void*>(made->get_version));
    made->get_version(&made->major, &made->minor, &made->patch);
  }
  if (made->major != kMajor || made->minor < kOldestMinor || symbols.missing() != nullptr) {
    return Status::error(ErrorKind::kSystem,
                         "the process uses UCX %s (%s)%s%s; causeway was built with UCX %u.%u and "
                         "needs %u.%u or newer: put a newer one first in LD_LIBRARY_PATH, or use "
                         "an MPI that brings one",
                         made->version().c_str(), made->path.c_str(),
                         symbols.missing() != nullptr ? ", which has no " : "",
                         symbols.missing() != nullptr ? symbols.missing() : "",
                         static_cast<unsigned>(UCP_API_MAJOR), static_cast<unsigned>(UCP_API_MINOR),
                         kMajor, kOldestMinor);
  }
  const std::string base = library_of(reinterpret_cast<const void*>(made->status_string));
  if (!lie_together(base, made->path)) {
    return Status::error(ErrorKind::kSystem,
                         "two UCX are mixed in the process: %s (%s) would run on %s; name the "
                         "folder of one of them first in LD_LIBRARY_PATH",
                         made->path.c_str(), made->version().c_str(), base.c_str());
  }
  return {};
}

}  // namespace

Status UcxLibrary::load(const UcxLibrary** library) {
  static std::mutex mutex;
  static const UcxLibrary* the_library = nullptr;
  const std::lock_guard lock(mutex);
  if (the_library == nullptr) {
    const KeptHandlers kept;
    void* handle = nullptr;
    CAUSEWAY_TRY(open(&handle));
    auto made = std::make_unique<UcxLibrary>();
    CAUSEWAY_TRY(fill(handle, made.get()));
    log(LogLevel::kInfo, "UCX %s is %s", made->version().c_str(), made->path.c_str());
    the_library = made.release();
  }
  *library = the_library;
  return {};
}

std::string UcxLibrary::version() const {
  return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

Status UcxLibrary::check(const char* call, ucs_status_t code) const {
  if (code == UCS_OK) return {};
  return Status::error(ErrorKind::kSystem, "%s failed: %s", call, status_string(code));
}

}  // namespace causeway
