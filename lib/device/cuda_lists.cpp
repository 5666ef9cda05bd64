// Lists of exchanges in GPU memory, where they are too long for a kernel's arguments.
#include "cuda_lists.hpp"

#include "cuda_support.hpp"

#include <algorithm>
#include <cstring>

namespace causeway {

namespace {

/// Bytes from the beginning of a copy, in which the lists follow each other.
struct Places {
  explicit Places(const kernels::ExchangeArgs& args)
      : receive(args.sends * sizeof(kernels::SendItem)),
        visits(receive + args.receives * sizeof(kernels::ReceiveItem)),
        end(visits + 2 * std::size_t{args.split.peer_blocks} * sizeof(kernels::Visits)) {}

  std::size_t receive;
  std::size_t visits;
  std::size_t end;
};

std::vector<std::byte> pack(const kernels::ExchangeArgs& args, const kernels::WorkLists& lists) {
  const Places places(args);
  std::vector<std::byte> packed(places.end);
  std::memcpy(packed.data(), lists.send, places.receive);
  std::memcpy(packed.data() + places.receive, lists.receive, places.visits - places.receive);
  std::memcpy(packed.data() + places.visits, lists.visits, places.end - places.visits);
  return packed;
}

}  // namespace

Status copy_lists(DeviceMemory& device, const kernels::ExchangeArgs& args,
                  const kernels::WorkLists& lists, Memory* there) {
  const std::vector<std::byte> packed = pack(args, lists);
  CAUSEWAY_TRY(device.allocate(packed.size(), there));
  return device.copy(there->get(), packed.data(), packed.size());
}

kernels::WorkLists lists_in(const Memory& there, const kernels::ExchangeArgs& args) {
  const Places places(args);
  return {reinterpret_cast<const kernels::SendItem*>(there.get()),
          reinterpret_cast<const kernels::ReceiveItem*>(there.get() + places.receive),
          reinterpret_cast<const kernels::Visits*>(there.get() + places.visits)};
}

Status EagerLists::bring(DeviceBackend& device, const kernels::ExchangeArgs& args,
                         cudaStream_t stream, kernels::WorkLists* lists) {
  // The driver has taken a copy of what lies in pageable memory when the call returns.
  packed_ = pack(args, *lists);
  if (packed_.size() > bytes_) {
    const std::size_t bytes = std::max(2 * bytes_, packed_.size());
    Memory larger;
    CAUSEWAY_TRY(device.allocate(bytes, &larger));
    device.order_frees();
    there_ = larger;
    bytes_ = bytes;
  }
  CAUSEWAY_CUDA(cudaMemcpyAsync, there_.get(), packed_.data(), packed_.size(),
                cudaMemcpyHostToDevice, stream);
  *lists = lists_in(there_, args);
  return {};
}

}  // namespace causeway
