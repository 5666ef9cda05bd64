// Log lines on stderr, by level.
#include "log.hpp"

#include <atomic>
#include <cstdarg>
#include <cstdio>

namespace causeway {

namespace {

std::atomic<LogLevel> printed{LogLevel::kWarn};

const char* name(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarn:
      return "warning";
    case LogLevel::kInfo:
      return "info";
    default:
      return "debug";
  }
}

}  // namespace

void set_log_level(LogLevel level) { printed.store(level, std::memory_order_relaxed); }

bool logs(LogLevel level) { return level <= printed.load(std::memory_order_relaxed); }

void log(LogLevel level, const char* format, ...) {
  if (!logs(level)) return;
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "causeway %s: %s\n", name(level), text);
}

}  // namespace causeway
