// Memory that the C++ library is refused: the program's operator new, which shared libraries use
// too.
#pragma once

namespace causeway::test {

enum class Refusal {
  kOnce,
  kFromThenOn,
};

/// Has the nth request from now on, 1 for the next, fail with std::bad_alloc, of whatever thread.
void refuse(Refusal refusal, int nth);

/// Ends that. Whether a request failed.
bool stop_refusing();

}  // namespace causeway::test
