// Exchanges on CUDA devices: their launch.
#pragma once

#include "cuda_launch.cuh"
#include "exchange.hpp"
#include "launch.h"

#include <causeway/device/post_ring.hpp>

#include <algorithm>
#include <cstddef>

namespace causeway::kernels {

/// What any GPU's kernels take of arguments, without more work for the driver.
inline constexpr std::size_t kMostArguments = 4096;

/// Short lists, in the kernel's arguments.
struct InlineLists {
  SendItem send[kMostInlineItems];
  ReceiveItem receive[kMostInlineItems];
  ShortVisits visits[2][kMostBlocks];  ///< by role

  __device__ Visits visits_of(const ExchangeArgs&, Role role, std::uint32_t block) const {
    return visits[role][block].get();
  }
};

namespace impl {

template <class Device, bool Gathers>
using InlineExchange = Exchange<Device, InlineLists, Gathers>;
template <class Device, bool Gathers>
using LongExchange = Exchange<Device, WorkLists, Gathers>;

/// Whether blocks of up to kFewThreads threads have a kernel of their own, which may use more
/// registers. With few peers, all on one host, they are faster: exchanges of layouts by 9 % in the
/// mean and 17 % at most (two H200s, rows of 64 bytes and 4 KiB). With network links no difference
/// was seen.
template <class Device>
inline constexpr bool kHasSmallBlocks = !device::PostsToNetwork<Device>;

/// With the lists in the kernel's arguments.
template <class Device, bool Gathers>
int launch_inline(const ExchangeArgs& args, const WorkLists& lists, void* stream) {
  using Operation = InlineExchange<Device, Gathers>;
  static_assert(sizeof(Operation) <= kMostArguments);
  if (args.split.blocks > kMostBlocks) return cudaErrorInvalidValue;
  Operation operation;
  operation.args = args;
  std::copy_n(lists.send, args.sends, operation.lists.send);
  std::copy_n(lists.receive, args.receives, operation.lists.receive);
  const std::uint32_t among_peers = args.split.peer_blocks;
  for (const Role role : {kSends, kReceives}) {
    ShortVisits* const visits = operation.lists.visits[role];
    std::copy_n(lists.short_visits + role * among_peers, among_peers, visits);
    std::fill(visits + among_peers, visits + args.split.blocks, ShortVisits(no_visits()));
  }
  return run_on_cuda<kHasSmallBlocks<Device>>(operation, stream);
}

template <class Device, bool Gathers>
int load_inline() {
  return load_on_cuda<kHasSmallBlocks<Device>, InlineExchange<Device, Gathers>>();
}

template <class Device, bool Gathers>
int launch_exchange_hooked(const ExchangeArgs& args, const WorkLists& lists, void* stream) {
  if (has_inline_lists(args)) return launch_inline<Device, Gathers>(args, lists, stream);
  return run_on_cuda<false>(LongExchange<Device, Gathers>{args, lists}, stream);
}

template <class Device, bool Gathers>
int load_exchange_hooked() {
  const int code = load_inline<Device, Gathers>();
  return code != cudaSuccess ? code : load_on_cuda<false, LongExchange<Device, Gathers>>();
}

}  // namespace impl

/// launch_exchange_cuda of launch.h, on a device that is or wraps CudaDevice. Kernels with network
/// links, and those that gather and scatter, are apart: the others spend no registers on them.
template <class Device>
int launch_exchange_on(const ExchangeArgs& args, const WorkLists& lists, void* stream) {
  const bool gathers = args.layouts != nullptr;
  if (args.comm.control.port == nullptr) {
    return gathers ? impl::launch_exchange_hooked<Device, true>(args, lists, stream)
                   : impl::launch_exchange_hooked<Device, false>(args, lists, stream);
  }
  using Networked = device::WithPostRing<Device>;
  return gathers ? impl::launch_exchange_hooked<Networked, true>(args, lists, stream)
                 : impl::launch_exchange_hooked<Networked, false>(args, lists, stream);
}

template <class Device>
int load_exchange_on() {
  using Networked = device::WithPostRing<Device>;
  for (const auto load :
       {impl::load_exchange_hooked<Device, false>, impl::load_exchange_hooked<Device, true>,
        impl::load_exchange_hooked<Networked, false>,
        impl::load_exchange_hooked<Networked, true>}) {
    const int code = load();
    if (code != cudaSuccess) return code;
  }
  return cudaSuccess;
}

}  // namespace causeway::kernels
