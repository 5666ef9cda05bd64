// Exchanges on CUDA devices: their launch.
#pragma once

#include "cuda_launch.cuh"
#include "exchange.hpp"
#include "launch.h"

#include <causeway/device/post_ring.hpp>

#include <algorithm>
#include <cstddef>

namespace causeway::kernels {

/// Kernels take this many bytes of arguments.
inline constexpr std::size_t kMostArguments = 32764;

/// Blocks and visits in the kernel's arguments.
template <std::uint32_t Ranks>
struct InlineBlocks {
  SendBlock send[Ranks];
  ReceiveBlock receive[Ranks];
  Visits of_block[2][kMostBlocks];  ///< by role

  __device__ Visits visits(const ExchangeArgs&, Role role, std::uint32_t block) const {
    return of_block[role][block];
  }
};

namespace impl {

template <class Device, bool Gathers, std::uint32_t Ranks>
using InlineExchange = Exchange<Device, InlineBlocks<Ranks>, Gathers>;

template <class Operation>
int launch_exchange_of(const ExchangeArgs& args, const SendBlock* send, const ReceiveBlock* receive,
                       void* stream) {
  static_assert(sizeof(Operation) + 64 <= kMostArguments);
  Operation operation;
  operation.args = args;
  operation.args.visits = nullptr;
  std::copy_n(send, args.comm.size, operation.lists.send);
  std::copy_n(receive, args.comm.size, operation.lists.receive);
  if (args.split.blocks > kMostBlocks) return cudaErrorInvalidValue;
  for (std::uint32_t block = 0; block < args.split.blocks; ++block) {
    for (const Role role : {kSends, kReceives}) {
      operation.lists.of_block[role][block] = visits_of(args, role, block);
    }
  }
  return run_on_cuda(operation, stream);
}

/// On one device, with the smallest kernel that holds the blocks.
template <class Device, bool Gathers>
int launch_exchange_sized(const ExchangeArgs& args, const SendBlock* send,
                          const ReceiveBlock* receive, void* stream) {
  const std::uint32_t ranks = args.comm.size;
  if (ranks <= 16) {
    return launch_exchange_of<InlineExchange<Device, Gathers, 16>>(args, send, receive, stream);
  }
  if (ranks > 512) return cudaErrorInvalidValue;
  return launch_exchange_of<InlineExchange<Device, Gathers, 512>>(args, send, receive, stream);
}

template <class Device>
int launch_exchange_hooked(const ExchangeArgs& args, const SendBlock* send,
                           const ReceiveBlock* receive, void* stream) {
  return args.layouts != nullptr
             ? launch_exchange_sized<Device, true>(args, send, receive, stream)
             : launch_exchange_sized<Device, false>(args, send, receive, stream);
}

template <class Device, bool Gathers>
int load_exchange_sized() {
  const int code = load_on_cuda<InlineExchange<Device, Gathers, 16>>();
  return code != cudaSuccess ? code : load_on_cuda<InlineExchange<Device, Gathers, 512>>();
}

template <class Device>
int load_exchange_hooked() {
  const int code = load_exchange_sized<Device, false>();
  return code != cudaSuccess ? code : load_exchange_sized<Device, true>();
}

}  // namespace impl

/// launch_exchange_cuda of launch.h, on a device that is or wraps CudaDevice. Kernels with network
/// links, and those that gather and scatter, are apart: the others spend no registers on them.
template <class Device>
int launch_exchange_on(const ExchangeArgs& args, const SendBlock* send, const ReceiveBlock* receive,
                       void* stream) {
  if (args.comm.control.port == nullptr) {
    return impl::launch_exchange_hooked<Device>(args, send, receive, stream);
  }
  using Networked = device::WithPostRing<Device>;
  return impl::launch_exchange_hooked<Networked>(args, send, receive, stream);
}

template <class Device>
int load_exchange_on() {
  const int code = impl::load_exchange_hooked<Device>();
  return code != cudaSuccess ? code : impl::load_exchange_hooked<device::WithPostRing<Device>>();
}

}  // namespace causeway::kernels
