// Staging: memory of the device in place of buffers that it cannot use as they are.
#include "staging.hpp"

#include <causeway/device/host_device.hpp>

#include <algorithm>
#include <new>

namespace causeway {

namespace {

/// The address may be null, and the offset from there what MPI calls absolute.
std::byte* at(const void* buffer, std::int64_t offset) {
  return reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(buffer) +
                                      static_cast<std::uintptr_t>(offset));
}

}  // namespace

const std::byte* first_byte(const void* buffer, std::span<const Extent> blocks) {
  const auto block =
      std::ranges::find_if(blocks, [](const Extent& extent) { return extent.bytes != 0; });
  if (block == blocks.end()) return nullptr;
  return at(buffer, block->offset + (block->layout ? block->layout->runs().front().offset : 0));
}

/// Gathers elements of host memory into scratch memory, or scatters them from there.
Status Staging::move_on_host(DeviceBackend& backend, Direction direction, std::byte* elements,
                             const Extent& block, std::byte* scratch) {
  const device::Layout view = block.layout->on_device(block.layout->runs().data());
  const bool on_host = backend.kind() == DeviceKind::kHost;
  if (!on_host) middle_.resize(block.bytes);
  std::byte* const packed = on_host ? scratch : middle_.data();
  const device::Context<device::ThreadGroup> all{{}, 0, 0, 0, 0, block.bytes, nullptr};
  if (direction == Direction::kIn) {
    device::GatherFrom<device::HostDevice>{elements, view}.produce(all, packed);
    return on_host ? Status() : backend.copy(scratch, packed, block.bytes);
  }
  if (!on_host) CAUSEWAY_TRY(backend.copy(packed, scratch, block.bytes));
  device::ScatterTo<device::HostDevice>{elements, view}.consume(all, packed);
  return {};
}

/// Moves a block between a user's buffer and scratch memory. From and to GPUs CUDA copies runs.
Status Staging::move(DeviceBackend& backend, Direction direction, const void* buffer,
                     const Extent& extent, std::byte* scratch) {
  std::byte* const elements = at(buffer, extent.offset);
  const LayoutRef& layout = extent.layout;
  if (!layout) {
    return direction == Direction::kIn ? backend.copy(scratch, elements, extent.bytes)
                                       : backend.copy(elements, scratch, extent.bytes);
  }
  if (!is_gpu_memory(at(elements, layout->runs().front().offset))) {
    return move_on_host(backend, direction, elements, extent, scratch);
  }
  const auto copy = [&](std::int64_t offset, std::int64_t stride, std::uint64_t size,
                        std::uint64_t blocks) -> Status {
    std::byte* const block = at(elements, offset);
    std::byte* const packed = scratch;
    const auto packed_stride = static_cast<std::int64_t>(size);
    scratch += size * blocks;
    return direction == Direction::kIn
               ? backend.copy(BlockCopy{packed, packed_stride, block, stride, size, blocks})
               : backend.copy(BlockCopy{block, stride, packed, packed_stride, size, blocks});
  };
  const auto& runs = layout->runs();
  const std::uint64_t elements_in_all = extent.bytes / layout->size();
  if (runs.size() == 1 && runs.front().blocks == 1) {
    return copy(runs.front().offset, layout->extent(), runs.front().bytes, elements_in_all);
  }
  for (std::uint64_t i = 0; i < elements_in_all; ++i) {
    for (const device::LayoutRun& run : runs) {
      CAUSEWAY_TRY(copy(static_cast<std::int64_t>(i) * layout->extent() + run.offset, run.stride,
                        run.bytes, run.blocks));
    }
  }
  return {};
}

/// Copies blocks into scratch memory, one behind the other, and notes where they lie.
Status Staging::fill(DeviceBackend& backend, std::span<const Extent> blocks, const void* from,
                     Scratch* scratch) {
  std::uint64_t total = 0;
  for (const Extent& block : blocks) {
    scratch->blocks.push_back({static_cast<std::int64_t>(total), block.bytes});
    total += device::round_up(block.bytes, device::kPayloadAlign);
  }
  if (total > scratch->bytes) {
    scratch->memory.reset();
    scratch->bytes = 0;
    CAUSEWAY_TRY(backend.allocate(total, &scratch->memory));
    scratch->bytes = total;
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].bytes == 0) continue;
    CAUSEWAY_TRY(move(backend, Direction::kIn, from, blocks[i],
                      scratch->memory.get() + scratch->blocks[i].offset));
  }
  return {};
}

Status Staging::begin(DeviceBackend& backend, const Buffers& buffers, Buffers* usable) try {
  *usable = buffers;
  send_.blocks.clear();
  receive_.blocks.clear();
  const std::byte* const sent =
      buffers.in_place ? nullptr : first_byte(buffers.sendbuf, buffers.send);
  const std::byte* const received = first_byte(buffers.recvbuf, buffers.receive);
  if (buffers.in_place) {
    CAUSEWAY_TRY(fill(backend, buffers.receive, buffers.recvbuf, &send_));
  } else if (sent != nullptr && !backend.addresses(sent)) {
    CAUSEWAY_TRY(fill(backend, buffers.send, buffers.sendbuf, &send_));
  }
  if (!send_.blocks.empty()) {
    usable->sendbuf = send_.memory.get();
    usable->send = send_.blocks;
    usable->likeness = 0;
  }
  if (received != nullptr && !backend.addresses(received)) {
    // Bytes that no peer sends have to come back as they were.
    CAUSEWAY_TRY(fill(backend, buffers.receive, buffers.recvbuf, &receive_));
    usable->recvbuf = receive_.memory.get();
    usable->receive = receive_.blocks;
    usable->likeness = 0;
  }
  return {};
} catch (const std::bad_alloc&) {
  return {ErrorKind::kSystem, "out of memory for copies of buffers"};
}

Status Staging::end(DeviceBackend& backend, const Buffers& buffers) {
  for (std::size_t i = 0; i < receive_.blocks.size(); ++i) {
    if (receive_.blocks[i].bytes == 0) continue;
    CAUSEWAY_TRY(move(backend, Direction::kOut, buffers.recvbuf, buffers.receive[i],
                      receive_.memory.get() + receive_.blocks[i].offset));
  }
  return {};
}

}  // namespace causeway
