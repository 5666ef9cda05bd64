// Runs a function on several ranks that are threads of this process.
#pragma once

#include "launchers.hpp"

#include <communicator.hpp>
#include <thread_bootstrap.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace causeway::test {

/// Settings of a communicator, by the names that the environment uses.
using Settings = std::vector<std::pair<std::string, std::string>>;

inline Status read_settings(const Settings& settings, Config* config) {
  config->launchers = launchers();
  const Lookup given = [&](const std::string& name) -> std::optional<std::string> {
    for (const auto& [key, value] : settings) {
      if (key == name) return value;
    }
    // A test that goes wrong ends with an error rather than with CTest's patience.
    if (name == "CAUSEWAY_TIMEOUT") return "60";
    // Whole runs of the tests make hosts of some ranks each.
    if (name == "CAUSEWAY_NODE_SIZE" && std::getenv(name.c_str()) != nullptr) {
      return std::getenv(name.c_str());
    }
    // Large messages are to take both ways: those that read them where they lie ask for it.
    if (name == "CAUSEWAY_CMA") return "no";
    // Tests look into the memory of channels; those on GPUs ask for them.
    if (name == "CAUSEWAY_DEVICE") return "host";
    return std::nullopt;
  };
  const Lookup nowhere = [](const std::string&) { return std::nullopt; };
  return load_config(nowhere, given, config);
}

/// Runs body(rank) on `ranks` threads and waits for all.
inline void run_threads(int ranks, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) threads.emplace_back(body, rank);
  for (std::thread& thread : threads) thread.join();
}

/// Runs body(communicator, bootstrap) on `ranks` threads, each with its end of one communicator and
/// of what it was made over, after before(rank) on the same thread.
inline void run_ranks_with_bootstrap(
    int ranks, const Settings& settings, const std::function<void(Communicator&, Bootstrap&)>& body,
    const std::function<void(int)>& before = [](int) {}) {
  const ThreadWorld world(ranks);
  run_threads(ranks, [&](int rank) {
    before(rank);
    Config config;
    const Status readable = read_settings(settings, &config);
    std::unique_ptr<Communicator> communicator;
    const auto bootstrap = world.bootstrap(rank);
    const Status made = Communicator::create(*bootstrap, config, readable, &communicator);
    ASSERT_TRUE(made.ok()) << made.message();
    body(*communicator, *bootstrap);
    // A rank that gives up must not leave the others waiting for it.
    if (testing::Test::HasFatalFailure()) communicator->abort();
  });
}

inline void run_ranks(
    int ranks, const Settings& settings, const std::function<void(Communicator&)>& body,
    const std::function<void(int)>& before = [](int) {}) {
  run_ranks_with_bootstrap(
      ranks, settings, [&](Communicator& communicator, Bootstrap&) { body(communicator); }, before);
}

}  // namespace causeway::test
