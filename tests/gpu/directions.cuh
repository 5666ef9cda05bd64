// A kernel of a user's own that makes messages, each one way.
#pragma once

#include "directions.hpp"

#include <causeway/device/communicator.hpp>

namespace causeway::test {

/// A rank's messages of steps [begin, end), which are memory of its GPU.
struct Messages {
  device::Communicator comm;
  const Step* steps;
  std::uint32_t begin;
  std::uint32_t end;
  const std::byte* out;     ///< kMostOfMessage bytes for each step
  std::byte* in;            ///< likewise
  std::uint32_t* failures;  ///< counts waits that were given up
};

/// Enqueues a kernel of one block: some warps send, the others receive, side by side and each in
/// the order of the steps. With `near`, their groups have near memory. Returns a cudaError_t.
int launch_messages(const Messages& messages, bool near, void* stream);

}  // namespace causeway::test
