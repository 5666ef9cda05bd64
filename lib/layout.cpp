// ElementLayout: how an element of a datatype lies in memory.
#include "layout.hpp"

#include <algorithm>

namespace causeway {

void ElementLayout::append(std::int64_t offset, std::uint64_t bytes, std::uint64_t blocks,
                           std::int64_t stride) {
  if (bytes == 0 || blocks == 0) return;
  if (stride == static_cast<std::int64_t>(bytes)) {
    bytes *= blocks;
    blocks = 1;
  }
  if (blocks == 1) stride = 0;
  const std::uint64_t before = size_;
  size_ += bytes * blocks;
  if (!runs_.empty()) {
    device::LayoutRun& last = runs_.back();
    const std::int64_t gap = offset - last.offset;
    if (last.blocks == 1 && blocks == 1 && gap == static_cast<std::int64_t>(last.bytes)) {
      last.bytes += bytes;
      return;
    }
    const std::int64_t step = last.blocks > 1 ? last.stride : gap;
    const bool in_step = last.bytes == bytes && (blocks == 1 || stride == step) &&
                         gap == static_cast<std::int64_t>(last.blocks) * step;
    if (in_step) {
      last.stride = step;
      last.blocks += blocks;
      return;
    }
  }
  runs_.push_back({offset, stride, bytes, blocks, before});
}

void ElementLayout::append(const ElementLayout& element, std::int64_t offset, std::uint64_t count,
                           std::int64_t stride) {
  if (element.runs_.empty()) return;
  const device::LayoutRun& first = element.runs_.front();
  if (element.runs_.size() == 1 && first.blocks == 1) {
    append(offset + first.offset, first.bytes, count, stride);
    return;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    for (const device::LayoutRun& run : element.runs_) {
      append(offset + static_cast<std::int64_t>(i) * stride + run.offset, run.bytes, run.blocks,
             run.stride);
    }
  }
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
