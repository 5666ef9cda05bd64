// Ranges that a profiler shows: the calls of a host thread, and how the blocks of an exchange
// travel.
#pragma once

namespace causeway {

struct AlltoallvPlan;

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

/// The name of an exchange's range: the operation and the protocol of what rank `self` sends the
/// others: ll, staged, direct, mixed or nothing.
const char* range_name(const AlltoallvPlan& plan, int self);

}  // namespace causeway
