// Staging: memory of the device in place of buffers that it cannot use as they are.
#include "staging.hpp"

#include <new>

namespace causeway {

/// Copies blocks into scratch memory, one behind the other, and notes where they lie.
Status Staging::fill(DeviceBackend& backend, std::span<const Extent> blocks, const std::byte* from,
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
    CAUSEWAY_TRY(backend.copy(scratch->memory.get() + scratch->blocks[i].offset,
                              from + blocks[i].offset, blocks[i].bytes));
  }
  return {};
}

Status Staging::begin(DeviceBackend& backend, const Buffers& buffers, Buffers* usable) try {
  *usable = buffers;
  send_.blocks.clear();
  receive_.blocks.clear();
  const auto* sendbuf = static_cast<const std::byte*>(buffers.sendbuf);
  const auto* recvbuf = static_cast<const std::byte*>(buffers.recvbuf);
  if (buffers.in_place) {
    CAUSEWAY_TRY(fill(backend, buffers.receive, recvbuf, &send_));
  } else if (sendbuf != nullptr && !backend.addresses(sendbuf)) {
    CAUSEWAY_TRY(fill(backend, buffers.send, sendbuf, &send_));
  }
  if (!send_.blocks.empty()) {
    usable->sendbuf = send_.memory.get();
    usable->send = send_.blocks;
  }
  if (recvbuf != nullptr && !backend.addresses(recvbuf)) {
    // Bytes that no peer sends have to come back as they were.
    CAUSEWAY_TRY(fill(backend, buffers.receive, recvbuf, &receive_));
    usable->recvbuf = receive_.memory.get();
    usable->receive = receive_.blocks;
  }
  return {};
} catch (const std::bad_alloc&) {
  return {ErrorKind::kSystem, "out of memory for copies of buffers"};
}

Status Staging::end(DeviceBackend& backend, const Buffers& buffers) {
  auto* const recvbuf = static_cast<std::byte*>(buffers.recvbuf);
  for (std::size_t i = 0; i < receive_.blocks.size(); ++i) {
    if (receive_.blocks[i].bytes == 0) continue;
    CAUSEWAY_TRY(backend.copy(recvbuf + buffers.receive[i].offset,
                              receive_.memory.get() + receive_.blocks[i].offset,
                              receive_.blocks[i].bytes));
  }
  return {};
}

}  // namespace causeway
