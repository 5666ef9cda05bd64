// Ranges that a profiler shows of the calls of a host thread.
#pragma once

namespace causeway {

/// Whether a profiler listens. While none does, a call of this is all that a range costs.
bool has_profiler();

/// Begin and end a range of the calling thread's, inside those that it has begun, in the profiler's
/// domain "causeway". With a profiler alone.
void begin_range(const char* name);
void end_range();

/// A range for a scope; none where there is no name.
class ProfiledRange {
 public:
  explicit ProfiledRange(const char* name) : shown_(name != nullptr && has_profiler()) {
    if (shown_) begin_range(name);
  }
  ~ProfiledRange() {
    if (shown_) end_range();
  }
  ProfiledRange(const ProfiledRange&) = delete;
  ProfiledRange& operator=(const ProfiledRange&) = delete;

 private:
  const bool shown_;
};

}  // namespace causeway
