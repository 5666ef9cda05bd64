// ElementLayout: how an element of a datatype lies in memory. Pure: no MPI, no device.
#pragma once

#include <causeway/device/layout.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace causeway {

/// The runs of an element, in the order in which messages carry its bytes. Blocks that follow each
/// other, in memory and in the message, are one; blocks of one length at one distance are one run.
class ElementLayout {
 public:
  /// Adds what comes next in the message: blocks of `bytes` bytes each.
  void append(std::int64_t offset, std::uint64_t bytes, std::uint64_t blocks = 1,
              std::int64_t stride = 0);

  /// Adds `count` elements of another layout, the first at `offset`, the others `stride` apart.
  void append(const ElementLayout& element, std::int64_t offset, std::uint64_t count,
              std::int64_t stride);

  /// Sets the bytes from element to element; the last call.
  void set_extent(std::int64_t extent);

  const std::vector<device::LayoutRun>& runs() const { return runs_; }
  std::uint64_t size() const { return size_; }
  std::int64_t extent() const { return extent_; }

  /// True when elements lie side by side, each in one piece, which begins runs()[0].offset bytes
  /// from its address; true also without bytes.
  bool contiguous() const;

  /// The layout for a device that finds the runs at `runs`.
  device::Layout on_device(const device::LayoutRun* runs) const;

 private:
  std::vector<device::LayoutRun> runs_;
  std::uint64_t size_ = 0;
  std::int64_t extent_ = 0;
  std::uint64_t unit_ = 0;
  std::uint64_t least_block_ = 0;
};

/// What calls hand around: null for elements that are one contiguous piece.
using LayoutRef = std::shared_ptr<const ElementLayout>;

}  // namespace causeway
