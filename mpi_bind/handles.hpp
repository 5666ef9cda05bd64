// Handles: what users hold of a communicator's buffers and plans.
#pragma once

#include "comm_cache.hpp"
#include "errors.hpp"

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
  std::weak_ptr<Attached> attached;
  const Thing* thing;
};

/// The handles of one kind that the process has, so that one that is none is found out. Any thread
/// may call these. Object is a Handle.
template <class Object>
class HandleTable {
 public:
  /// How errors call an argument of the kind, its null handle and what it should be.
  HandleTable(const char* argument, const char* null, const char* what)
      : argument_(argument), null_(null), what_(what) {}

  /// Collective: has make(valid, &thing), which is collective, make a thing of the communicator,
  /// and gives *made a handle to it, or the null handle. `valid` is what check(), which is not
  /// collective, returned or threw: the other ranks are not to wait for one whose arguments are
  /// wrong.
  template <class Check, class Make>
  Status make(MPI_Comm comm, const std::shared_ptr<Attached>& attached, const Check& check,
              Object** made, const Make& make) {
    Object* handle = nullptr;
    const Status valid = guarded([&]() -> Status {
      CAUSEWAY_TRY(check());
      handle = keep({{comm, attached, nullptr}});
      return {};
    });
    decltype(handle->thing) thing = nullptr;
    const Status status = make(valid, &thing);
    if (!status.ok()) {
      if (handle != nullptr) forget(handle);
      if (made != nullptr) *made = nullptr;
      return status;
    }
    handle->thing = thing;
    *made = handle;
    return {};
  }

  /// An error unless it is a handle.
  Status check(const Object* handle) {
    if (handle == nullptr) return Status::error(ErrorKind::kArgument, "%s is %s", argument_, null_);
    const std::lock_guard lock(mutex_);
    if (find(handle) != objects_.end()) return {};
    return Status::error(ErrorKind::kArgument, "%s = %p is not %s", argument_,
                         static_cast<const void*>(handle), what_);
  }

  /// Where errors with a handle, which may be none, are raised.
  MPI_Comm comm_of(const Object* handle) {
    return check(handle).ok() && !handle->attached.expired() ? handle->comm : MPI_COMM_WORLD;
  }
  MPI_Comm comm_of(Object* const* handle) {
    return handle == nullptr ? MPI_COMM_WORLD : comm_of(*handle);
  }

  /// The communicator of a handle, or an error where there is none any more.
  Status find_attached(const Object* handle, std::shared_ptr<Attached>* attached) {
    CAUSEWAY_TRY(check(handle));
    *attached = handle->attached.lock();
    if (*attached != nullptr) return {};
    return Status::error(ErrorKind::kComm, "the %s's communicator has been detached", argument_);
  }

  /// Frees a handle and, collectively, with end(communicator, bootstrap, thing), what it stands for
  /// if that is still there.
  template <class End>
  Status free(Object** handle, const End& end) {
    if (handle == nullptr) return Status::error(ErrorKind::kArgument, "%s is NULL", argument_);
    CAUSEWAY_TRY(check(*handle));
    const Object freed = **handle;
    forget(*handle);
    *handle = nullptr;
    const std::shared_ptr<Attached> attached = freed.attached.lock();
    if (attached == nullptr) return {};
    return end(*attached->communicator, *attached->bootstrap, freed.thing);
  }

 private:
  Object* keep(const Object& handle) {
    const std::lock_guard lock(mutex_);
    objects_.push_back(std::make_unique<Object>(handle));
    return objects_.back().get();
  }

  void forget(const Object* handle) {
    const std::lock_guard lock(mutex_);
    objects_.erase(find(handle));
  }

  auto find(const Object* handle) {
    return std::ranges::find_if(objects_, [&](const auto& kept) { return kept.get() == handle; });
  }

  const char* const argument_;
  const char* const null_;
  const char* const what_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Object>> objects_;
};

}  // namespace causeway::mpi
