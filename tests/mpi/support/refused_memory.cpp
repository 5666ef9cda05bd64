// Memory that the C++ library is refused: the program's operator new, which shared libraries use
// too.
#include "refused_memory.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

constexpr long kNever = 1L << 60;

std::atomic<long> until_refused = kNever;
std::atomic<bool> refuses_on = false;
std::atomic<bool> has_refused = false;

void* memory_of(std::size_t bytes, std::size_t alignment) {
  const long left = until_refused.fetch_sub(1);
  if (left == 1 || (left < 1 && refuses_on)) {
    has_refused = true;
    throw std::bad_alloc();
  }
  const std::size_t rounded = (bytes + alignment) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return memory_of(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return memory_of(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace causeway::test {

void refuse(Refusal refusal, int nth) {
  has_refused = false;
  refuses_on = refusal == Refusal::kFromThenOn;
  until_refused = nth;
}

bool stop_refusing() {
  until_refused = kNever;
  refuses_on = false;
  return has_refused;
}

}  // namespace causeway::test
