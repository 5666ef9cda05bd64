// Handles: what users hold of a communicator's buffers and plans.
#pragma once

#include "errors.hpp"

#include <communicator.hpp>

#include <mpi.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace causeway::mpi {

/// A thing of a communicator, which may go before the handle does.
template <class Thing>
struct Handle {
  MPI_Comm comm;
  std::weak_ptr<Communicator> communicator;
  const Thing* thing;
};

/// The handles of one kind that the process has, so that one that is none is found out. Any thread
/// may call these.
template <class Object>
class HandleTable {
 public:
  Object* keep(std::unique_ptr<Object> object) {
    const std::lock_guard lock(mutex_);
    objects_.push_back(std::move(object));
    return objects_.back().get();
  }

  bool has(const Object* handle) {
    const std::lock_guard lock(mutex_);
    return find(handle) != objects_.end();
  }

  void drop(const Object* handle) {
    const std::lock_guard lock(mutex_);
    objects_.erase(find(handle));
  }

 private:
  auto find(const Object* handle) {
    return std::ranges::find_if(objects_, [&](const auto& kept) { return kept.get() == handle; });
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Object>> objects_;
};

}  // namespace causeway::mpi
