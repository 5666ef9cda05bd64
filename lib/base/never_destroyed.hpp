// NeverDestroyed: objects that outlive every exit handler.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace causeway {

/// An object of static storage duration that is not destroyed: a program may finalize MPI, and
/// threads may run, while it destroys its own statics. Takes no other memory than the object does.
template <class T>
class NeverDestroyed {
 public:
  template <class... Arguments>
  explicit NeverDestroyed(Arguments&&... arguments) {
    new (memory_) T(std::forward<Arguments>(arguments)...);
  }
  NeverDestroyed(const NeverDestroyed&) = delete;
  NeverDestroyed& operator=(const NeverDestroyed&) = delete;

  T& get() { return *std::launder(reinterpret_cast<T*>(memory_)); }

 private:
  alignas(T) std::byte memory_[sizeof(T)];
};

/// An object of the calling thread that may be used as long as the thread runs, also by what is
/// destroyed after the thread's own objects, as statics of the program are after those of its main
/// thread.
template <class T>
T& of_this_thread() {
  thread_local T* object = nullptr;
  if (object == nullptr) {
    object = new T;
    struct Owner {
      T** owned;
      ~Owner() {
        delete *owned;
        *owned = nullptr;
      }
    };
    // Of what is made after this has gone nobody is the owner: the process ends.
    thread_local const Owner owner{&object};
  }
  return *object;
}

}  // namespace causeway
