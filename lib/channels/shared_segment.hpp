// Memory of one rank that the other ranks of its host map too.
#pragma once

#include "descriptor_server.hpp"
#include "status.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace causeway {

/// By what a process reaches for the memory of another.
enum class Reach {
  kTrace,  ///< /proc, which asks for the permission to trace the other process
  kAny,    ///< and else the other's DescriptorServer
};

/// A mapping of anonymous shared memory (memfd). It has no name anywhere and goes with the last
/// process that maps it, however that ends; pages cost memory once they are touched.
class SharedSegment {
 public:
  /// Makes a segment of zeros. Its descriptor stays open until close_descriptor().
  static Status create(std::size_t bytes, std::shared_ptr<SharedSegment>* segment);

  /// Maps the segment that another process of this user and host has open as `descriptor`.
  static Status open(const DescriptorDesk& owner, int descriptor, std::size_t bytes, Reach reach,
                     std::shared_ptr<SharedSegment>* segment);

  ~SharedSegment();
  SharedSegment(const SharedSegment&) = delete;
  SharedSegment& operator=(const SharedSegment&) = delete;

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  int descriptor() const { return descriptor_; }

  /// For when every peer has opened the segment.
  void close_descriptor();

 private:
  SharedSegment(int descriptor, std::size_t bytes) : descriptor_(descriptor), bytes_(bytes) {}
  Status map();

  int descriptor_;
  std::size_t bytes_;
  std::byte* data_ = nullptr;
};

}  // namespace causeway
