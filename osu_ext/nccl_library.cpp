// NCCL's alltoallv: a group of sends and receives, one of each per peer.
#include "nccl_library.hpp"

#include <nccl.h>

namespace causeway::osu {
namespace {

std::string nccl_failure(const char* call, ncclResult_t code, ncclComm_t comm) {
  if (code == ncclSuccess) {
    return {};
  }
  return std::string(call) + " failed: " + ncclGetErrorString(code) + " (" +
         ncclGetLastError(comm) + ")";
}

class NcclLibrary final : public Library {
 public:
  NcclLibrary(ncclComm_t comm, cudaStream_t stream)
      : Library({"nccl", "NCCL",
                 nccl_version() + ", ncclSend and ncclRecv for every peer in one group"}),
        comm_(comm),
        stream_(stream) {}
  ~NcclLibrary() override { ncclCommDestroy(comm_); }

  std::string exchange(const Call& call) override {
    ncclResult_t code = ncclGroupStart();
    const std::size_t peers = call.sent->bytes.size();
    const auto* const send = static_cast<const std::byte*>(call.send);
    auto* const receive = static_cast<std::byte*>(call.receive);
    for (std::size_t peer = 0; peer < peers && code == ncclSuccess; ++peer) {
      const int rank = static_cast<int>(peer);
      const std::size_t sent = call.sent->bytes[peer];
      const std::size_t received = call.received->bytes[peer];
      if (sent > 0) {
        code = ncclSend(send + call.sent->offsets[peer], sent, ncclInt8, rank, comm_, stream_);
      }
      if (received > 0 && code == ncclSuccess) {
        code = ncclRecv(receive + call.received->offsets[peer], received, ncclInt8, rank, comm_,
                        stream_);
      }
    }
    const ncclResult_t ended = ncclGroupEnd();
    return nccl_failure("alltoallv", code == ncclSuccess ? ended : code, comm_);
  }

  bool can_be_captured() const override { return true; }

  std::string late_failure() const override {
    ncclResult_t code = ncclSuccess;
    const ncclResult_t asked = ncclCommGetAsyncError(comm_, &code);
    return nccl_failure("alltoallv", asked == ncclSuccess ? code : asked, comm_);
  }

 private:
  ncclComm_t comm_;
  cudaStream_t stream_;
};

}  // namespace

std::string nccl_version() {
  int version = 0;
  ncclGetVersion(&version);
  return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
         std::to_string(version % 100);
}

std::unique_ptr<Library> make_nccl(MPI_Comm comm, cudaStream_t stream, std::string& error) {
  int rank = 0;
  int ranks = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  struct {
    ncclUniqueId id;
    ncclResult_t code;
  } first{};
  if (rank == 0) {
    first.code = ncclGetUniqueId(&first.id);
  }
  MPI_Bcast(&first, sizeof first, MPI_BYTE, 0, comm);
  error = nccl_failure("ncclGetUniqueId", first.code, nullptr);
  if (!error.empty()) {
    return nullptr;
  }
  ncclComm_t made = nullptr;
  error = nccl_failure("ncclCommInitRank", ncclCommInitRank(&made, ranks, first.id, rank), nullptr);
  return error.empty() ? std::make_unique<NcclLibrary>(made, stream) : nullptr;
}

}  // namespace causeway::osu
