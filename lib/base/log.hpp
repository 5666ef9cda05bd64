// Log lines on stderr, by level.
#pragma once

namespace causeway {

enum class LogLevel { kOff, kError, kWarn, kInfo, kDebug };

/// The most verbose level that is printed; one for the process.
void set_log_level(LogLevel level);
bool logs(LogLevel level);

/// Prints one line in printf's form, with the level before it. The first to detect something logs
/// it.
[[gnu::format(printf, 2, 3)]] void log(LogLevel level, const char* format, ...);

}  // namespace causeway
