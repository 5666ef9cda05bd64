// UCX as it is found when the process first needs it.
#pragma once

#include "status.hpp"

#include <ucp/api/ucp.h>

#include <string>

namespace causeway {

/// The functions of UCX that causeway calls, by UCX's names without their prefixes. causeway is not
/// linked to UCX: UCX takes the process's signal handlers when it is loaded, and a process must not
/// have two of it, of which MPI may bring one.
struct UcxLibrary {
  std::string path;  ///< of libucp
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;

  decltype(&::ucp_get_version) get_version = nullptr;
  decltype(&::ucp_config_read) config_read = nullptr;
  decltype(&::ucp_config_modify) config_modify = nullptr;
  decltype(&::ucp_config_print) config_print = nullptr;
  decltype(&::ucp_config_release) config_release = nullptr;
  decltype(&::ucp_init_version) init_version = nullptr;
  decltype(&::ucp_cleanup) cleanup = nullptr;
  decltype(&::ucp_context_query) context_query = nullptr;
  decltype(&::ucp_context_print_info) context_print_info = nullptr;
  decltype(&::ucp_worker_create) worker_create = nullptr;
  decltype(&::ucp_worker_destroy) worker_destroy = nullptr;
  decltype(&::ucp_worker_get_efd) worker_get_efd = nullptr;
  decltype(&::ucp_worker_get_address) worker_get_address = nullptr;
  decltype(&::ucp_worker_release_address) worker_release_address = nullptr;
  decltype(&::ucp_worker_progress) worker_progress = nullptr;
  decltype(&::ucp_worker_arm) worker_arm = nullptr;
  decltype(&::ucp_ep_create) ep_create = nullptr;
  decltype(&::ucp_tag_send_nbx) tag_send = nullptr;
  decltype(&::ucp_tag_probe_nb) tag_probe = nullptr;
  decltype(&::ucp_tag_msg_recv_nbx) tag_msg_recv = nullptr;
  decltype(&::ucp_request_free) request_free = nullptr;
  decltype(&::ucs_status_string) status_string = nullptr;
  const char** memory_type_names = nullptr;  ///< by ucs_memory_type_t

  /// The process's UCX: the one that MPI or the program has loaded, else the one that the loader
  /// finds, else the one that causeway was configured with. It is loaded once and stays; where that
  /// fails, the next call tries again. Signal handlers stay the program's. Any thread.
  static Status load(const UcxLibrary** library);

  std::string version() const;

  /// A failure as a status.
  Status check(const char* call, ucs_status_t code) const;
};

}  // namespace causeway
