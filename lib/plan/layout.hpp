// ElementLayout: how an element of a datatype lies in memory. Pure: no MPI, no device.
#pragma once

#include <causeway/device/layout.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace causeway {

/// Wide enough for the product of any two offsets, which is looked at before it is one.
__extension__ typedef __int128 WideOffset;

/// Farther than any memory reaches, from MPI_BOTTOM too; sums of a few of these are offsets still.
inline constexpr std::int64_t kMostOffset = std::int64_t{1} << 60;

/// The runs of an element, in the order in which messages carry its bytes. Blocks that follow each
/// other, in memory and in the message, are one; blocks of one length at one distance are one run.
class ElementLayout {
 public:
  /// Adds what comes next in the message: blocks of `bytes` bytes each.
  void append(WideOffset offset, WideOffset bytes, WideOffset blocks = 1, WideOffset stride = 0);

  /// Adds `count` elements of another layout, the first at `offset`, the others `stride` apart.
  void append(const ElementLayout& element, WideOffset offset, WideOffset count, WideOffset stride);

  /// Has offsets count from where the message's first byte lies, and returns where that is.
  std::int64_t begin_at_first_byte();

  /// Sets the bytes from element to element; the last call.
  void set_extent(std::int64_t extent);

  /// Bytes that are more than memory holds, which an element would have or reach over; 0 where
  /// there are none. The rest means nothing otherwise.
  double excess() const { return excess_; }

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
  double excess_ = 0;

  bool is_offset(WideOffset value);
};

/// What calls hand around: null for elements that are one contiguous piece.
using LayoutRef = std::shared_ptr<const ElementLayout>;

}  // namespace causeway
