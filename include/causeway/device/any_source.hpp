// find_sender: which peer has sent a message that a receiver would take of any.
#pragma once

#include <causeway/device/communicator.hpp>
#include <causeway/device/impl/receive_ll.hpp>
#include <causeway/device/message.hpp>

namespace causeway::device {

namespace impl {

/// Whether the next message on a channel of lane 0 is one that was asked for. Of channels without
/// lines: records of messages that nobody asked for may lie before it in the ring.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool has_wanted_record(const ReceiveChannel& channel, const Request& request) {
  const std::uint64_t sequence = channel.state->sequence + 1;
  const std::uint64_t ring_bytes = channel.shape.ring_bytes;
  const std::uint64_t written = Device::load_acquire(&channel.words->written);
  std::uint64_t position = channel.state->position;
  for (;;) {
    const std::uint64_t payload =
        place(position, sizeof(RecordHeader), ring_bytes) + sizeof(RecordHeader);
    if (!reached(written, payload)) return false;
    const RecordHeader header = header_at(channel, position);
    if (reached(header.sequence, sequence)) {
      return header.sequence == sequence && is_wanted(request, header.tag);
    }
    position = payload;
    std::uint64_t done = 0;
    while (in_ring(header.protocol) && done < header.bytes) {
      const Piece piece = next_piece(header, done, position, ring_bytes);
      position = piece.end;
      done += piece.bytes;
    }
    // Until a record is whole, the one behind it is not there.
    if (!reached(written, position)) return false;
  }
}

CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN bool has_wanted(const ReceiveChannel& channel, const Request& request) {
  if (channel.shape.ll_bytes == 0) return has_wanted_record<Device>(channel, request);
  const std::uint64_t sequence = channel.state->sequence + 1;
  std::uint64_t words[kHeaderWords] = {};
  const LlLine* const slot = slot_of(channel.lines, sequence, channel.shape);
  return load_header<Device, kHeaderWords>(slot, sequence, words) &&
         is_wanted(request, header_tag(words[kTagWord]));
}

}  // namespace impl

/// Waits until the next message of some peer is one with request.tag, or with any tag where the
/// request says so, and returns that peer; comm.size, with a report, when the wait was given up.
/// Messages of other kinds stay where they are. Nothing is received. Called by one thread, while no
/// group uses receive channels.
CAUSEWAY_TEMPLATE
template <class Device>
CAUSEWAY_FN std::uint32_t find_sender(const Communicator& comm, const Request& request) {
  std::uint32_t peer = comm.rank;
  Fault fault = Fault::kNone;
  const bool found = poll_until<Device>(comm.control, fault, [&] {
    // From the last one looked at on. Each call begins behind this rank: as in MPI, a peer that
    // sends much may be taken again and again.
    for (std::uint32_t looked = 0; looked < comm.size; ++looked) {
      peer = peer + 1 < comm.size ? peer + 1 : 0;
      if (peer != comm.rank && impl::has_wanted<Device>(comm.receive_channel(peer, 0), request)) {
        return true;
      }
    }
    return false;
  });
  if (found) return peer;
  report_fault<Device>(comm.control,
                       {fault, WaitFor::kAnySource, kNoRank, 0, 0, request.tag, 0, 0});
  return comm.size;
}

}  // namespace causeway::device
