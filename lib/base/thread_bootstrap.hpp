// A bootstrap whose ranks are threads of one process, so that tests and sanitizers see all of them.
#pragma once

#include "bootstrap.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>

namespace causeway {

/// The meeting place of `size` threads. Each thread takes one bootstrap, which may outlive it.
class ThreadWorld {
 public:
  explicit ThreadWorld(int size) : state_(std::make_shared<State>(size)) {}

  std::unique_ptr<Bootstrap> bootstrap(int rank) const;

 private:
  struct State {
    explicit State(int ranks) : size(ranks), pieces(static_cast<std::size_t>(ranks)) {}
    const int size;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<const void*> pieces;
    int arrived = 0;
    int left = 0;
    bool open = true;  ///< pieces may be brought; otherwise they are being read
  };
  class ThreadBootstrap;

  std::shared_ptr<State> state_;
};

}  // namespace causeway
