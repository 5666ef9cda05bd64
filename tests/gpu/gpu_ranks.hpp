// Runs a function on several ranks that are threads, one GPU each where there are enough.
#pragma once

#include "gpu.hpp"
#include "thread_ranks.hpp"

namespace causeway::test {

inline void run_gpu_ranks_with_bootstrap(
    int ranks, Settings settings, const std::function<void(Communicator&, Bootstrap&)>& body) {
  settings.push_back({"CAUSEWAY_DEVICE", "cuda"});
  run_ranks_with_bootstrap(ranks, settings, body, use_gpu);
}

inline void run_gpu_ranks(int ranks, const Settings& settings,
                          const std::function<void(Communicator&)>& body) {
  run_gpu_ranks_with_bootstrap(ranks, settings,
                               [&](Communicator& communicator, Bootstrap&) { body(communicator); });
}

}  // namespace causeway::test
