// Status: how calls inside the library report failure.
#include "status.hpp"

#include <cstdarg>
#include <cstdio>

namespace causeway {

Status Status::error(ErrorKind kind, const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return {kind, text};
}

}  // namespace causeway
