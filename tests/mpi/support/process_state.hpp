// What a process holds of the operating system's, as /proc tells it.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace causeway::test {

/// Open descriptors, not counting the one that this reads the list with.
inline int open_descriptors() {
  const std::filesystem::directory_iterator list("/proc/self/fd");
  return static_cast<int>(std::distance(begin(list), end(list))) - 1;
}

/// Mappings of causeway's shared memory.
inline int shared_mappings() {
  std::ifstream maps("/proc/self/maps");
  int found = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:causeway") != std::string::npos) ++found;
  }
  return found;
}

/// Threads of this process.
inline int running_threads() {
  const std::filesystem::directory_iterator list("/proc/self/task");
  return static_cast<int>(std::distance(begin(list), end(list)));
}

}  // namespace causeway::test
