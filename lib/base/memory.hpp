// Memory, as those who share it hold it.
#pragma once

#include <cstddef>
#include <memory>

namespace causeway {

/// Memory that goes back the way it was made when its last owner lets go.
using Memory = std::shared_ptr<std::byte>;

/// Memory that other processes can open. Its descriptor, of shared memory, is open as long as the
/// memory lives; -1 for GPU memory.
struct Allocation {
  Memory memory;
  std::size_t bytes = 0;
  int descriptor = -1;
};

}  // namespace causeway
