// Hooks: what fills outgoing bytes and takes incoming ones.
#pragma once

#include <causeway/device/group.hpp>

#include <concepts>

namespace causeway::device {

/// What a hook is told. New needs become new fields.
template <Group G>
struct Context {
  G group;               ///< the threads that call the hook, all of them
  std::uint32_t peer;    ///< rank at the other end
  std::uint32_t lane;    ///< lane that carries these bytes
  std::uint64_t slot;    ///< piece of the record, counted from 0
  std::uint64_t offset;  ///< of these bytes in the message
  std::uint64_t bytes;   ///< whole elements of the hook's granularity
  void* user;            ///< the caller's own
};

/// Hooks are handed on by value as well as by reference: what they keep, they point to.
///
/// A produce hook fills ctx.bytes bytes at dst with the message's bytes from ctx.offset on. All
/// threads of ctx.group call it; dst is aligned to 16 bytes, except at a self block's destination.
/// granularity() is the size of the elements that a call never splits, at most the channel's eager
/// limit.
template <class H, class G>
concept ProduceHook = requires(const H& hook, const Context<G>& ctx, std::byte* dst) {
  hook.produce(ctx, dst);
  { hook.granularity() } -> std::convertible_to<std::uint32_t>;
};

/// A consume hook takes ctx.bytes bytes at src, which are the message's from ctx.offset on. src may
/// be reused when it returns.
template <class H, class G>
concept ConsumeHook = requires(const H& hook, const Context<G>& ctx, const std::byte* src) {
  hook.consume(ctx, src);
};

/// A produce hook whose bytes lie in memory as they are sent: source(offset) is where.
template <class H>
concept HasSource = requires(const H& hook, std::uint64_t offset) {
  { hook.source(offset) } -> std::convertible_to<const std::byte*>;
};

/// A consume hook that stores bytes as they come: destination(offset) is where.
template <class H>
concept HasDestination = requires(const H& hook, std::uint64_t offset) {
  { hook.destination(offset) } -> std::convertible_to<std::byte*>;
};

/// A device that reads the memory of other processes: by kPull.
template <class D>
concept ReadsProcesses = requires(std::int32_t process, void* to, const void* from,
                                  std::uint64_t bytes) {
  { D::read_process(process, to, from, bytes) } -> std::same_as<int>;
  { D::kNoProcess } -> std::convertible_to<int>;
};

/// Sends a contiguous block. Any alignment.
template <class Device>
struct CopyFrom {
  const std::byte* block;

  CAUSEWAY_FN std::uint32_t granularity() const { return 1; }
  CAUSEWAY_FN const std::byte* source(std::uint64_t offset) const { return block + offset; }
  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void produce(const Context<G>& ctx, std::byte* dst) const {
    Device::copy(ctx.group, dst, source(ctx.offset), ctx.bytes);
  }
};

/// Receives into a contiguous block. Any alignment.
template <class Device>
struct CopyTo {
  std::byte* block;

  CAUSEWAY_FN std::byte* destination(std::uint64_t offset) const { return block + offset; }
  CAUSEWAY_TEMPLATE
  template <Group G>
  CAUSEWAY_FN void consume(const Context<G>& ctx, const std::byte* src) const {
    Device::copy(ctx.group, destination(ctx.offset), src, ctx.bytes);
  }
};

}  // namespace causeway::device
