// A bootstrap whose ranks are threads of one process, so that tests and sanitizers see all of them.
#include "thread_bootstrap.hpp"

#include <algorithm>
#include <cstring>

namespace causeway {

class ThreadWorld::ThreadBootstrap final : public Bootstrap {
 public:
  ThreadBootstrap(std::shared_ptr<State> state, int rank) : state_(std::move(state)), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return state_->size; }

  void reserve(std::size_t) override {}

  Status allgather(const void* mine, std::size_t bytes, void* all) override {
    meet(mine, [&](const std::vector<const void*>& pieces) {
      for (std::size_t rank = 0; rank < pieces.size(); ++rank) {
        std::memcpy(static_cast<char*>(all) + rank * bytes, pieces[rank], bytes);
      }
    });
    return {};
  }

  Status smallest(std::uint64_t* word) override {
    const std::uint64_t mine = *word;
    meet(&mine, [&](const std::vector<const void*>& pieces) {
      for (const void* piece : pieces) {
        *word = std::min(*word, *static_cast<const std::uint64_t*>(piece));
      }
    });
    return {};
  }

  Status tell(int from, void* data, std::size_t bytes) override {
    meet(data, [&](const std::vector<const void*>& pieces) {
      if (from != rank_) std::memcpy(data, pieces[static_cast<std::size_t>(from)], bytes);
    });
    return {};
  }

 private:
  /// Brings a piece, and has read() see everybody's.
  template <class Read>
  void meet(const void* mine, const Read& read) {
    State& s = *state_;
    std::unique_lock lock(s.mutex);
    s.changed.wait(lock, [&] { return s.open; });
    s.pieces[static_cast<std::size_t>(rank_)] = mine;
    if (++s.arrived == s.size) {
      s.open = false;
      s.changed.notify_all();
    }
    s.changed.wait(lock, [&] { return !s.open; });
    read(s.pieces);
    if (++s.left == s.size) {
      s.arrived = s.left = 0;
      s.open = true;
      s.changed.notify_all();
    }
    // Until all have read, no piece may go away.
    s.changed.wait(lock, [&] { return s.open; });
  }

  std::shared_ptr<State> state_;
  int rank_;
};

std::unique_ptr<Bootstrap> ThreadWorld::bootstrap(int rank) const {
  return std::make_unique<ThreadBootstrap>(state_, rank);
}

}  // namespace causeway
