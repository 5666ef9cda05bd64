// alltoallv on CUDA devices: its launch.
#pragma once

#include "alltoallv.hpp"
#include "cuda_launch.cuh"

#include <causeway/device/post_ring.hpp>

#include <algorithm>
#include <iterator>

namespace causeway::kernels {

/// An alltoallv that carries its blocks in the kernel's arguments, which may take 32 KiB.
template <class Device, bool Gathers, std::uint32_t Ranks>
struct AlltoallvWithBlocks {
  AlltoallvArgs args;
  SendBlock send_blocks[Ranks];
  ReceiveBlock receive_blocks[Ranks];

  std::uint32_t blocks() const { return args.split.blocks; }

  __device__ Alltoallv<Device, Gathers> operation() const {
    Alltoallv<Device, Gathers> whole{args};
    whole.args.send = send_blocks;
    whole.args.receive = receive_blocks;
    return whole;
  }
  __device__ void send(const device::WarpsGroup& group, std::uint32_t block) const {
    operation().send(group, block);
  }
  __device__ void receive(const device::WarpsGroup& group, std::uint32_t block) const {
    operation().receive(group, block);
  }
};

namespace impl {

template <class Operation>
int launch_alltoallv_of(const AlltoallvArgs& args, const SendBlock* send,
                        const ReceiveBlock* receive, void* stream) {
  Operation operation;
  operation.args = args;
  std::copy_n(send, args.comm.size, operation.send_blocks);
  std::copy_n(receive, args.comm.size, operation.receive_blocks);
  return run_on_cuda(operation, stream);
}

/// On one device, with the smallest kernel that holds the blocks.
template <class Device, bool Gathers>
int launch_alltoallv_sized(const AlltoallvArgs& args, const SendBlock* send,
                           const ReceiveBlock* receive, void* stream) {
  const std::uint32_t ranks = args.comm.size;
  if (ranks <= 16) {
    return launch_alltoallv_of<AlltoallvWithBlocks<Device, Gathers, 16>>(args, send, receive,
                                                                         stream);
  }
  if (ranks > 512) return cudaErrorInvalidValue;
  return launch_alltoallv_of<AlltoallvWithBlocks<Device, Gathers, 512>>(args, send, receive,
                                                                        stream);
}

template <class Device>
int launch_alltoallv_hooked(const AlltoallvArgs& args, const SendBlock* send,
                            const ReceiveBlock* receive, void* stream) {
  return args.layouts != nullptr
             ? launch_alltoallv_sized<Device, true>(args, send, receive, stream)
             : launch_alltoallv_sized<Device, false>(args, send, receive, stream);
}

template <class Device>
int load_alltoallv_sized() {
  const int codes[] = {load_on_cuda<AlltoallvWithBlocks<Device, false, 16>>(),
                       load_on_cuda<AlltoallvWithBlocks<Device, false, 512>>(),
                       load_on_cuda<AlltoallvWithBlocks<Device, true, 16>>(),
                       load_on_cuda<AlltoallvWithBlocks<Device, true, 512>>()};
  const int* const failed = std::find_if(std::begin(codes), std::end(codes),
                                         [](int code) { return code != cudaSuccess; });
  return failed == std::end(codes) ? static_cast<int>(cudaSuccess) : *failed;
}

}  // namespace impl

/// launch_alltoallv_cuda of launch.h, on a device that is or wraps CudaDevice. Kernels with network
/// links, and those that gather and scatter, are apart: the others spend no registers on them.
template <class Device>
int launch_alltoallv_on(const AlltoallvArgs& args, const SendBlock* send,
                        const ReceiveBlock* receive, void* stream) {
  if (args.comm.control.port == nullptr) {
    return impl::launch_alltoallv_hooked<Device>(args, send, receive, stream);
  }
  using Networked = device::WithPostRing<Device>;
  return impl::launch_alltoallv_hooked<Networked>(args, send, receive, stream);
}

template <class Device>
int load_alltoallv_on() {
  const int code = impl::load_alltoallv_sized<Device>();
  return code != cudaSuccess ? code : impl::load_alltoallv_sized<device::WithPostRing<Device>>();
}

}  // namespace causeway::kernels
