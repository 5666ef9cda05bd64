// Allocations: memory that the library has made for its users, which any communicator can share.
#include "allocations.hpp"

#include <functional>
#include <map>
#include <mutex>

namespace causeway {

namespace {

struct Kept {
  std::mutex mutex;
  std::map<const std::byte*, Allocation, std::less<>> by_base;
};

/// Never destroyed: a program may exit with memory in use.
Kept& kept() {
  static auto& all = *new Kept;
  return all;
}

}  // namespace

void keep_allocation(const Allocation& allocation) {
  const std::lock_guard lock(kept().mutex);
  kept().by_base[allocation.memory.get()] = allocation;
}

Allocation find_allocation(const void* address) {
  const auto* const byte = static_cast<const std::byte*>(address);
  const std::lock_guard lock(kept().mutex);
  auto after = kept().by_base.upper_bound(byte);
  if (after == kept().by_base.begin()) return {};
  const Allocation& before = (--after)->second;
  const bool inside = static_cast<std::size_t>(byte - before.memory.get()) < before.bytes;
  return inside ? before : Allocation{};
}

bool release_allocation(const void* base) {
  Allocation released;  // its memory goes after the lock
  const std::lock_guard lock(kept().mutex);
  const auto found = kept().by_base.find(static_cast<const std::byte*>(base));
  if (found == kept().by_base.end()) return false;
  released = found->second;
  kept().by_base.erase(found);
  return true;
}

}  // namespace causeway
