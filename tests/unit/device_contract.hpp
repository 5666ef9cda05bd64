// What the device headers promise at compile time, checked for one device.
#pragma once

#include <causeway/device/communicator.hpp>
#include <causeway/device/receive.hpp>
#include <causeway/device/self.hpp>
#include <causeway/device/send.hpp>

namespace causeway::test {

using device::CopyFrom;
using device::CopyTo;
using device::Group;
using device::Link;
using device::MemoryLink;
using device::ReadableLink;
using device::SelfLink;

/// A link that cannot signal: not a link, so that its use does not compile.
template <class Device>
struct LinkWithoutSignal : MemoryLink<Device> {
  void signal() const = delete;
};

template <class Device, class G>
struct DeviceContract {
  static_assert(Group<G>);
  static_assert(ReadableLink<SelfLink<Device>> && ReadableLink<MemoryLink<Device>>);
  static_assert(!Link<LinkWithoutSignal<Device>> && !Link<int>);
  static_assert(device::ProduceHook<CopyFrom<Device>, G> &&
                !device::ProduceHook<CopyTo<Device>, G>);
  static_assert(device::ConsumeHook<CopyTo<Device>, G> &&
                !device::ConsumeHook<CopyFrom<Device>, G>);
  static_assert(device::HasSource<CopyFrom<Device>> && device::HasDestination<CopyTo<Device>>);
};

// Ranks of one job may be built by different compilers: what lies in shared memory is the same.
static_assert(sizeof(device::RecordHeader) == 64 && alignof(device::RecordHeader) == 8);
static_assert(sizeof(device::SenderWords) == 128 && alignof(device::SenderWords) == 128);
static_assert(sizeof(device::ReceiverWords) == 128 && alignof(device::ReceiverWords) == 128);
static_assert(sizeof(device::LlLine) == 16 && device::kHeaderWords <= device::kHeaderLines);
static_assert(device::slot_bytes(128, 0) == 128 + 256);
static_assert(device::slot_bytes(128, 241) == 128 + 256 + 3 * 128);
static_assert(sizeof(device::Ll128Line) == 128);
static_assert(offsetof(device::SenderWords, written) == 0);
static_assert(offsetof(device::SenderWords, told) == 8);
static_assert(offsetof(device::ReceiverWords, freed) == 0);
static_assert(offsetof(device::ReceiverWords, refused) == 8);
static_assert(offsetof(device::ReceiverWords, posted) == 16);
static_assert(offsetof(device::ReceiverWords, posted_bytes) == 24);
static_assert(offsetof(device::ReceiverWords, posted_region) == 32);
static_assert(offsetof(device::ReceiverWords, posted_offset) == 40);
static_assert(offsetof(device::ReceiverWords, taken) == 48);

/// Instantiates both ends of a message for one device, group and link.
CAUSEWAY_TEMPLATE
template <class Device, Group G>
CAUSEWAY_FN bool instantiate(const G& group, const device::Communicator& comm,
                             const std::byte* from, std::byte* to) {
  const device::SendChannel& out = comm.send_channel(0, 0);
  const device::ReceiveChannel& in = comm.receive_channel(0, 0);
  bool done = false;
  device::with_link<Device>(out.link, comm.control, [&](const auto& link) {
    link.put(group, 0, from, 16);
    if constexpr (ReadableLink<std::decay_t<decltype(link)>>) link.get(group, to, 0, 16);
    done = device::send(group, link, out, {16, 0, 16, 16, 1, 0}, comm.control,
                        CopyFrom<Device>{from}) &&
           device::receive(group, link, in, {16}, comm.control, CopyTo<Device>{to}).ok;
  });
  device::move_self(group, SelfLink<Device>{to}, out, 0, 16, CopyFrom<Device>{from},
                    CopyTo<Device>{to});
  return done;
}

}  // namespace causeway::test
