// Layouts: elements of a message that do not lie side by side in memory, as MPI's derived datatypes
// describe them, and the hooks that gather and scatter them.
#pragma once

#include <causeway/device/hooks.hpp>

#include <cstdint>

namespace causeway::device {

/// Blocks of one length at one distance from each other: a part of an element.
struct LayoutRun {
  std::int64_t offset;   ///< of the first block, in bytes from the element's address
  std::int64_t stride;   ///< from block to block
  std::uint64_t bytes;   ///< of a block; at least 1
  std::uint64_t blocks;  ///< at least 1
  std::uint64_t packed;  ///< bytes of the element that come before this run in a message
};

/// An element's blocks in the order in which messages carry them.
struct Layout {
  const LayoutRun* runs;  ///< [count], memory of the device
  std::uint32_t count;    ///< 0 for elements that lie side by side: the rest is not used then
  std::uint32_t unit;     ///< a power of two up to 16 that divides all of the runs and the extent
  std::uint64_t size;     ///< bytes of an element in a message; at least 1
  std::uint64_t least_block;  ///< the fewest bytes of a block
  std::int64_t extent;        ///< bytes from element to element
};

namespace impl {

/// A place in a message, as bytes from the address of its first element.
class LayoutPlace {
 public:
  /// `position` counts bytes of the message.
  CAUSEWAY_FN LayoutPlace(const Layout& layout, std::uint64_t position) : layout_(layout) {
    std::uint64_t rest = 0;
    element_ = divide(position, layout.size, rest);
    std::uint32_t end = layout.count;
    while (end - run_ > 1) {
      const std::uint32_t middle = run_ + (end - run_) / 2;
      (layout.runs[middle].packed <= rest ? run_ : end) = middle;
    }
    block_ = divide(rest - run().packed, run().bytes, within_);
  }

  CAUSEWAY_FN std::int64_t offset() const {
    return static_cast<std::int64_t>(element_) * layout_.extent + run().offset +
           static_cast<std::int64_t>(block_) * run().stride + static_cast<std::int64_t>(within_);
  }
  /// Bytes from here to the end of the block.
  CAUSEWAY_FN std::uint64_t left() const { return run().bytes - within_; }

  CAUSEWAY_FN void to_next_block() {
    within_ = 0;
    if (++block_ < run().blocks) return;
    block_ = 0;
    if (++run_ < layout_.count) return;
    run_ = 0;
    ++element_;
  }

 private:
  CAUSEWAY_FN const LayoutRun& run() const { return layout_.runs[run_]; }

  /// GPUs divide words of 32 bits several times faster.
  CAUSEWAY_FN static std::uint64_t divide(std::uint64_t value, std::uint64_t by,
                                          std::uint64_t& rest) {
    if ((value | by) >> 32 == 0) {
      rest = static_cast<std::uint32_t>(value) % static_cast<std::uint32_t>(by);
      return static_cast<std::uint32_t>(value) / static_cast<std::uint32_t>(by);
    }
    rest = value % by;
    return value / by;
  }

  const Layout& layout_;
  std::uint64_t element_ = 0;
  std::uint32_t run_ = 0;
  std::uint64_t block_ = 0;
  std::uint64_t within_ = 0;
};

/// Blocks from this size on are copied by the whole group, one after the other; of smaller ones
/// each thread moves units of its own. A group of 256 threads copies that much in two goes.
inline constexpr std::uint64_t kBlockForGroup = 8192;

/// Moves units from or to message bytes that begin at `position`. Each thread takes every size()th,
/// and has several on their way.
CAUSEWAY_TEMPLATE
template <bool kGather, class Unit, class G>
CAUSEWAY_FN void move_units(const G& group, const Layout& layout, std::byte* elements,
                            std::byte* packed, std::uint64_t position, std::uint64_t bytes) {
  constexpr std::uint32_t kInFlight = 4;
  const std::uint64_t units = bytes / sizeof(Unit);
  auto* const line = reinterpret_cast<Unit*>(packed);
  const auto scattered = [&](std::uint64_t i) {
    return reinterpret_cast<Unit*>(elements +
                                   LayoutPlace(layout, position + i * sizeof(Unit)).offset());
  };
  const std::uint64_t step = group.size();
  for (std::uint64_t first = group.rank(); first < units; first += kInFlight * step) {
    Unit held[kInFlight];
    for (std::uint32_t j = 0; j < kInFlight; ++j) {
      const std::uint64_t i = first + j * step;
      if (i < units) held[j] = kGather ? *scattered(i) : line[i];
    }
    for (std::uint32_t j = 0; j < kInFlight; ++j) {
      const std::uint64_t i = first + j * step;
      if (i < units) *(kGather ? line + i : scattered(i)) = held[j];
    }
  }
}

struct alignas(16) Unit16 {
  std::uint64_t half[2];
};

/// Gathers bytes [position, position + bytes) of a message into `packed`, or scatters them from
/// there; `elements` is where the message's first element lies. All threads of the group call it.
CAUSEWAY_TEMPLATE
template <class Device, bool kGather, class G>
CAUSEWAY_FN CAUSEWAY_CALL void move_layout(const G& group, const Layout& layout,
                                           std::byte* elements, std::byte* packed,
                                           std::uint64_t position, std::uint64_t bytes) {
  if (group.size() == 1 || layout.least_block >= kBlockForGroup) {
    LayoutPlace place(layout, position);
    for (std::uint64_t done = 0; done < bytes; place.to_next_block()) {
      const std::uint64_t part = smaller(place.left(), bytes - done);
      std::byte* const block = elements + place.offset();
      Device::copy(group, kGather ? packed + done : block, kGather ? block : packed + done, part);
      done += part;
    }
    return;
  }
  const std::uint64_t all = layout.unit | reinterpret_cast<std::uintptr_t>(elements) |
                            reinterpret_cast<std::uintptr_t>(packed) | position | bytes;
  if (all % 16 == 0) {
    move_units<kGather, Unit16>(group, layout, elements, packed, position, bytes);
  } else if (all % 8 == 0) {
    move_units<kGather, std::uint64_t>(group, layout, elements, packed, position, bytes);
  } else if (all % 4 == 0) {
    move_units<kGather, std::uint32_t>(group, layout, elements, packed, position, bytes);
  } else if (all % 2 == 0) {
    move_units<kGather, std::uint16_t>(group, layout, elements, packed, position, bytes);
  } else {
    move_units<kGather, unsigned char>(group, layout, elements, packed, position, bytes);
  }
}

}  // namespace impl

/// Sends elements of a layout. Any alignment.
template <class Device>
struct GatherFrom {
  const std::byte* elements;
  Layout layout;

  CAUSEWAY_FN std::uint32_t granularity() const { return 1; }
  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void produce(const Context<G>& ctx, std::byte* dst) const {
    if (layout.count == 0) {
      Device::copy(ctx.group, dst, elements + ctx.offset, ctx.bytes);
    } else {
      impl::move_layout<Device, true>(ctx.group, layout, const_cast<std::byte*>(elements), dst,
                                      ctx.offset, ctx.bytes);
    }
  }
};

/// Receives into elements of a layout, and leaves what lies between them as it is. Any alignment.
template <class Device>
struct ScatterTo {
  std::byte* elements;
  Layout layout;

  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void consume(const Context<G>& ctx, const std::byte* src) const {
    if (layout.count == 0) {
      Device::copy(ctx.group, elements + ctx.offset, src, ctx.bytes);
    } else {
      impl::move_layout<Device, false>(ctx.group, layout, elements, const_cast<std::byte*>(src),
                                       ctx.offset, ctx.bytes);
    }
  }
};

}  // namespace causeway::device
