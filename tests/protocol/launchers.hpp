// What runs the exchanges of tests.
#pragma once

#include <launch.h>

#include <cstdlib>

namespace causeway::test {

/// Whether groups are to be of whole warps, in programs that have groups of several threads.
inline bool in_warps() { return std::getenv("CAUSEWAY_TEST_WARPS") != nullptr; }

/// Of all communicators of a program of tests: one with launchers of its own sets it before the
/// tests begin.
inline kernels::Launchers& launchers() {
  static kernels::Launchers of_program;
  return of_program;
}

}  // namespace causeway::test
