// Status: how calls inside the library report failure.
#include "status.hpp"

#include "never_destroyed.hpp"

#include <cstdarg>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <system_error>

namespace causeway {

Status::Status(ErrorKind kind, std::string_view message) noexcept : kind_(kind) {
  try {
    message_ = std::make_shared<const std::string>(message);
  } catch (const std::bad_alloc&) {
    // message() knows.
  }
}

Status Status::error(ErrorKind kind, const char* format, ...) noexcept {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return {kind, text};
}

const std::string& Status::message() const noexcept {
  static NeverDestroyed<const std::string> nothing("");
  static NeverDestroyed<const std::string> no_memory("out of memory");
  if (message_ != nullptr) return *message_;
  return ok() ? nothing.get() : no_memory.get();
}

Status status_of_exception() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return {ErrorKind::kSystem, "out of memory"};
  } catch (const std::length_error&) {
    return {ErrorKind::kSystem, "out of memory: more than a process can address"};
  } catch (const std::system_error& problem) {
    return {ErrorKind::kSystem, problem.what()};
  }
}

}  // namespace causeway
