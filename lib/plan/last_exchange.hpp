// LastExchange: whether a schedule serves once more. Pure: no MPI, no device.
#pragma once

#include "buffers.hpp"

#include <cstdint>
#include <vector>

namespace causeway {

/// What the last schedule was made of. Programs repeat their exchanges, and to compare is sooner
/// done than to make a schedule.
class LastExchange {
 public:
  /// True where the schedule is of this exchange too, but for the addresses of the buffers.
  bool is_like(const Pattern& pattern, const Buffers& buffers) const;

  /// Of an exchange of several rounds or with datatype layouts nothing is remembered. The memory is
  /// reused.
  void set(const Pattern& pattern, const Buffers& buffers);

  void clear() { known_ = false; }

 private:
  struct Block {
    std::int64_t offset;
    std::uint64_t bytes;
  };

  static bool are_like(std::span<const Block> blocks, std::span<const Extent> others);
  static bool keep(std::span<const Extent> blocks, std::vector<Block>* kept);

  bool known_ = false;
  std::uint64_t likeness_ = 0;
  Pattern pattern_;
  std::vector<Block> send_;
  std::vector<Block> receive_;
};

}  // namespace causeway
