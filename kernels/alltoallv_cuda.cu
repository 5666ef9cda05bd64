// alltoallv on the CUDA device.
#include "alltoallv.hpp"
#include "cuda_launch.cuh"
#include "launch.h"

#include <algorithm>

namespace causeway::kernels {

namespace {

/// An alltoallv that carries its blocks in the kernel's arguments, which may take 32 KiB.
template <std::uint32_t Ranks>
struct AlltoallvWithBlocks {
  AlltoallvArgs args;
  SendBlock send_blocks[Ranks];
  ReceiveBlock receive_blocks[Ranks];

  std::uint32_t blocks() const { return args.blocks; }

  __device__ Alltoallv<device::CudaDevice> operation() const {
    Alltoallv<device::CudaDevice> whole{args};
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

template <std::uint32_t Ranks>
int launch(const AlltoallvArgs& args, const SendBlock* send, const ReceiveBlock* receive,
           void* stream) {
  AlltoallvWithBlocks<Ranks> operation;
  operation.args = args;
  std::copy_n(send, args.comm.size, operation.send_blocks);
  std::copy_n(receive, args.comm.size, operation.receive_blocks);
  return run_on_cuda(operation, stream);
}

}  // namespace

int launch_alltoallv_cuda(const AlltoallvArgs& args, const SendBlock* send,
                          const ReceiveBlock* receive, void* stream) {
  if (args.comm.size <= 16) return launch<16>(args, send, receive, stream);
  if (args.comm.size <= 512) return launch<512>(args, send, receive, stream);
  return cudaErrorInvalidValue;
}

int load_alltoallv_cuda() {
  const int code = load_on_cuda<AlltoallvWithBlocks<16>>();
  return code != cudaSuccess ? code : load_on_cuda<AlltoallvWithBlocks<512>>();
}

}  // namespace causeway::kernels
