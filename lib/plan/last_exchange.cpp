// LastExchange: whether a schedule serves once more. Pure: no MPI, no device.
#include "last_exchange.hpp"

#include <algorithm>

namespace causeway {

bool LastExchange::is_like(const Pattern& pattern, const Buffers& buffers) const {
  if (known_ && likeness_ != 0 && buffers.likeness == likeness_) return true;
  return known_ && are_like(send_, buffers.send) && are_like(receive_, buffers.receive) &&
         pattern_ == pattern;
}

void LastExchange::set(const Pattern& pattern, const Buffers& buffers) {
  known_ = false;
  if (pattern.rounds.size() != 1) return;
  if (!keep(buffers.send, &send_) || !keep(buffers.receive, &receive_)) return;
  if (pattern_ != pattern) pattern_ = pattern;
  likeness_ = buffers.likeness;
  known_ = true;
}

bool LastExchange::are_like(std::span<const Block> blocks, std::span<const Extent> others) {
  return std::ranges::equal(blocks, others, [](const Block& block, const Extent& other) {
    return block.offset == other.offset && block.bytes == other.bytes && other.layout == nullptr;
  });
}

bool LastExchange::keep(std::span<const Extent> blocks, std::vector<Block>* kept) {
  kept->clear();
  for (const Extent& block : blocks) {
    if (block.layout != nullptr) return false;
    kept->push_back({block.offset, block.bytes});
  }
  return true;
}

}  // namespace causeway
