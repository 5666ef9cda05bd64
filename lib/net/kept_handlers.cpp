// KeptHandlers: the program's signal handlers, kept from a library that installs its own.
#include "kept_handlers.hpp"

#include <dlfcn.h>

#include <string_view>

namespace causeway {

namespace {

/// Whether a signal is handled by UCX's base library.
bool is_of_ucx(const struct sigaction& action) {
  const auto* const handler = (action.sa_flags & SA_SIGINFO) != 0
                                  ? reinterpret_cast<const void*>(action.sa_sigaction)
                                  : reinterpret_cast<const void*>(action.sa_handler);
  Dl_info where{};
  if (dladdr(handler, &where) == 0 || where.dli_fname == nullptr) return false;
  const std::string_view path(where.dli_fname);
  return path.substr(path.rfind('/') + 1).starts_with("libucs");
}

}  // namespace

KeptHandlers::KeptHandlers() {
  for (int signal = 1; signal < NSIG; ++signal) {
    const auto i = static_cast<std::size_t>(signal);
    known_[i] = sigaction(signal, nullptr, &actions_[i]) == 0;
  }
  sigaltstack(nullptr, &stack_);
}

KeptHandlers::~KeptHandlers() {
  for (int signal = 1; signal < NSIG; ++signal) {
    const auto i = static_cast<std::size_t>(signal);
    struct sigaction now {};
    if (!known_[i] || sigaction(signal, nullptr, &now) != 0) continue;
    if (is_of_ucx(now) && !is_of_ucx(actions_[i])) sigaction(signal, &actions_[i], nullptr);
  }
  stack_t now{};
  if (sigaltstack(nullptr, &now) == 0 && now.ss_sp != stack_.ss_sp) sigaltstack(&stack_, nullptr);
}

}  // namespace causeway
