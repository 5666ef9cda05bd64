// A kernel of a user's own that makes messages, each one way.
#include "directions.cuh"

#include <causeway/device/cuda_device.hpp>
#include <causeway/device/near.hpp>
#include <causeway/device/receive.hpp>
#include <causeway/device/send.hpp>

namespace causeway::test {

namespace {

using device::CudaDevice;

constexpr unsigned kThreads = 64;  // that send, and as many that receive

/// One end of a channel, as the group uses it.
template <class G, class Channel>
__device__ const Channel& usable(const G& group, const Channel& channel,
                                 const device::ChannelState* state) {
  const Channel& near = device::bring_near(group, channel);
  device::bring_state_near(group, state);
  device::await_near(group);
  group.sync();
  return near;
}

template <class G>
__device__ bool send_message(const G& group, const Messages& messages, std::uint32_t number) {
  const Step& step = messages.steps[number];
  const device::Communicator& comm = messages.comm;
  const auto peer = static_cast<std::uint32_t>(step.to);
  const device::CopyFrom<CudaDevice> hook{messages.out + number * kMostOfMessage};
  const std::uint64_t lane_bytes = (step.bytes + step.lanes - 1) / step.lanes;
  bool sent = true;
  for (std::uint32_t lane = 0; sent && lane < step.lanes; ++lane) {
    const std::uint64_t begin = device::smaller(lane * lane_bytes, step.bytes);
    const device::Share share{
        step.bytes, begin,        device::smaller(lane_bytes, step.bytes - begin), 700, step.lanes,
        9,          step.protocol};
    const device::SendChannel& channel =
        usable(group, comm.send_channel(peer, lane), &comm.states_of(peer)[2 * lane]);
    device::with_peer_link<CudaDevice>(channel.link, comm.control, [&](const auto& link) {
      sent = device::send(group, link, channel, share, comm.control, hook);
    });
    group.sync();
  }
  return sent;
}

template <class G>
__device__ bool receive_message(const G& group, const Messages& messages, std::uint32_t number) {
  const Step& step = messages.steps[number];
  const device::Communicator& comm = messages.comm;
  const auto peer = static_cast<std::uint32_t>(step.from);
  const device::CopyTo<CudaDevice> hook{messages.in + number * kMostOfMessage};
  std::uint32_t lanes = comm.lanes;
  bool received = true;
  for (std::uint32_t lane = 0; received && lane < lanes; ++lane) {
    const device::ReceiveChannel& channel =
        usable(group, comm.receive_channel(peer, lane), &comm.states_of(peer)[2 * lane + 1]);
    device::with_peer_link<CudaDevice>(channel.link, comm.control, [&](const auto& link) {
      const device::Received found =
          device::receive(group, link, channel, {step.asked}, comm.control, hook);
      received = found.ok;
      lanes = device::smaller(lanes, found.lanes);
    });
    group.sync();
  }
  return received;
}

template <class G>
__device__ void make_messages(const G& group, const Messages& messages, bool sends) {
  const int rank = static_cast<int>(messages.comm.rank);
  for (std::uint32_t i = messages.begin; i < messages.end; ++i) {
    const Step& step = messages.steps[i];
    bool made = true;
    if (sends && step.from == rank) made = send_message(group, messages, i);
    if (!sends && step.to == rank) made = receive_message(group, messages, i);
    if (made) continue;
    if (group.rank() == 0) atomicAdd(messages.failures, 1U);
    return;
  }
}

__global__ void make_in_warps(const __grid_constant__ Messages messages) {
  __shared__ device::Words slots[2];
  __shared__ alignas(device::kLineBytes) std::byte near[2][device::kNearBytes];
  const bool sends = threadIdx.x < kThreads;
  const unsigned role = sends ? 0 : 1;
  make_messages(device::WarpsGroup{1 + role, role * kThreads, kThreads, &slots[role], near[role]},
                messages, sends);
}

__global__ void make_in_single_warps(const __grid_constant__ Messages messages) {
  make_messages(device::WarpGroup{}, messages, threadIdx.x < 32);
}

}  // namespace

int launch_messages(const Messages& messages, bool near, void* stream) {
  auto* const on = static_cast<cudaStream_t>(stream);
  if (near) {
    make_in_warps<<<1, 2 * kThreads, 0, on>>>(messages);
  } else {
    make_in_single_warps<<<1, 64, 0, on>>>(messages);
  }
  return cudaGetLastError();
}

}  // namespace causeway::test
