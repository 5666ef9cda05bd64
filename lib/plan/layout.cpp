// ElementLayout: how an element of a datatype lies in memory.
#include "layout.hpp"

#include <algorithm>
#include <cmath>

namespace causeway {

bool ElementLayout::is_offset(WideOffset value) {
  if (value >= -kMostOffset && value <= kMostOffset) return true;
  if (excess_ == 0) excess_ = std::abs(static_cast<double>(value));
  return false;
}

void ElementLayout::append(WideOffset offset, WideOffset bytes, WideOffset blocks,
                           WideOffset stride) {
  if (bytes == 0 || blocks == 0 || excess_ != 0) return;
  if (blocks == 1) stride = 0;
  if (!is_offset(offset) || !is_offset(bytes) || !is_offset(blocks) || !is_offset(stride) ||
      !is_offset(size_ + bytes * blocks) || !is_offset(offset + (blocks - 1) * stride)) {
    return;
  }
  if (stride == bytes) {
    bytes *= blocks;
    blocks = 1;
    stride = 0;
  }
  const std::uint64_t before = size_;
  size_ += static_cast<std::uint64_t>(bytes * blocks);
  const device::LayoutRun added{
      static_cast<std::int64_t>(offset), static_cast<std::int64_t>(stride),
      static_cast<std::uint64_t>(bytes), static_cast<std::uint64_t>(blocks), before};
  if (!runs_.empty()) {
    device::LayoutRun& last = runs_.back();
    const std::int64_t gap = added.offset - last.offset;
    if (last.blocks == 1 && blocks == 1 && gap == static_cast<std::int64_t>(last.bytes)) {
      last.bytes += added.bytes;
      return;
    }
    const std::int64_t step = last.blocks > 1 ? last.stride : gap;
    const bool in_step = last.bytes == added.bytes && (blocks == 1 || stride == step) &&
                         gap == WideOffset{step} * last.blocks;
    if (in_step) {
      last.stride = step;
      last.blocks += added.blocks;
      return;
    }
  }
  runs_.push_back(added);
}

void ElementLayout::append(const ElementLayout& element, WideOffset offset, WideOffset count,
                           WideOffset stride) {
  if (excess_ == 0) excess_ = element.excess_;
  if (element.runs_.empty()) return;
  const device::LayoutRun& first = element.runs_.front();
  if (element.runs_.size() == 1 && first.blocks == 1) {
    append(offset + first.offset, first.bytes, count, stride);
    return;
  }
  for (WideOffset i = 0; i < count && excess_ == 0; ++i) {
    for (const device::LayoutRun& run : element.runs_) {
      append(offset + i * stride + run.offset, run.bytes, run.blocks, run.stride);
    }
  }
}

std::int64_t ElementLayout::begin_at_first_byte() {
  if (runs_.empty()) return 0;
  const std::int64_t first = runs_.front().offset;
  for (device::LayoutRun& run : runs_) run.offset -= first;
  return first;
}

void ElementLayout::set_extent(std::int64_t extent) {
  extent_ = extent;
  least_block_ = ~std::uint64_t{0};
  std::uint64_t all = 16 | static_cast<std::uint64_t>(extent);
  for (const device::LayoutRun& run : runs_) {
    all |=
        static_cast<std::uint64_t>(run.offset) | static_cast<std::uint64_t>(run.stride) | run.bytes;
    least_block_ = std::min(least_block_, run.bytes);
  }
  unit_ = all & (~all + 1);
}

bool ElementLayout::contiguous() const {
  return runs_.empty() || (runs_.size() == 1 && runs_.front().blocks == 1 &&
                           extent_ == static_cast<std::int64_t>(size_));
}

device::Layout ElementLayout::on_device(const device::LayoutRun* runs) const {
  return {runs,
          static_cast<std::uint32_t>(runs_.size()),
          static_cast<std::uint32_t>(unit_),
          size_,
          least_block_,
          extent_};
}

}  // namespace causeway
