// NCCL's alltoallv, a group of sends and receives, and its alltoall by copy engines.
#include "nccl_library.hpp"

#include <nccl.h>

#include <cstdlib>
#include <utility>
#include <vector>

// Since 2.28, as are symmetric windows and alltoalls that copy engines may run.
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 0)
#define CAUSEWAY_OSU_NCCL_HAS_COPY_ENGINES 1
#else
#define CAUSEWAY_OSU_NCCL_HAS_COPY_ENGINES 0
#endif

namespace causeway::osu {
namespace {

std::string nccl_failure(const char* call, ncclResult_t code, ncclComm_t comm) {
  if (code == ncclSuccess) {
    return {};
  }
  return std::string(call) + " failed: " + ncclGetErrorString(code) + " (" +
         ncclGetLastError(comm) + ")";
}

/// What all exchanges on one communicator have in common.
class NcclCommunicator : public Library {
 public:
  NcclCommunicator(LibraryName name, ncclComm_t comm, cudaStream_t stream)
      : Library(std::move(name)), comm_(comm), stream_(stream) {}
  ~NcclCommunicator() override { ncclCommDestroy(comm_); }

  bool can_be_captured() const override { return true; }

  std::string late_failure() const override {
    ncclResult_t code = ncclSuccess;
    const ncclResult_t asked = ncclCommGetAsyncError(comm_, &code);
    return failure("exchange", asked == ncclSuccess ? code : asked);
  }

 protected:
  [[nodiscard]] std::string failure(const char* call, ncclResult_t code) const {
    return nccl_failure(call, code, comm_);
  }
  [[nodiscard]] ncclComm_t comm() const { return comm_; }
  [[nodiscard]] cudaStream_t stream() const { return stream_; }

 private:
  const ncclComm_t comm_;
  const cudaStream_t stream_;
};

class SendsAndReceives final : public NcclCommunicator {
 public:
  SendsAndReceives(ncclComm_t comm, cudaStream_t stream, bool registers)
      : NcclCommunicator(
            {"nccl", "NCCL",
             nccl_version() + ", ncclSend and ncclRecv of every block in one group" +
                 (registers ? ", buffers registered, NCCL_LEGACY_CUDA_REGISTER=1" : "")},
            comm, stream),
        registers_(registers) {}

  std::string take(MPI_Comm, std::byte* buffer, std::size_t bytes) override {
    if (!registers_) {
      return {};
    }
    void* handle = nullptr;
    const ncclResult_t code = ncclCommRegister(comm(), buffer, bytes, &handle);
    if (code == ncclSuccess) {
      registered_.push_back(handle);
    }
    return failure("ncclCommRegister", code);
  }

  std::string give_back() override {
    std::string error;
    for (void* const handle : registered_) {
      const ncclResult_t code = ncclCommDeregister(comm(), handle);
      error = error.empty() ? failure("ncclCommDeregister", code) : error;
    }
    registered_.clear();
    return error;
  }

  std::string exchange(const Call& call) override {
    ncclResult_t code = ncclGroupStart();
    const auto* const send = static_cast<const std::byte*>(call.send);
    auto* const receive = static_cast<std::byte*>(call.receive);
    const Blocks& sent = *call.sent;
    const Blocks& received = *call.received;
    // What two ranks send each other NCCL matches by the order of the calls.
    for (std::size_t n = 0; n < sent.bytes.size() && code == ncclSuccess; ++n) {
      const std::size_t out = sent.by_occurrence[n];
      const std::size_t in = received.by_occurrence[n];
      if (sent.bytes[out] > 0) {
        code = ncclSend(send + sent.offsets[out], sent.bytes[out], ncclInt8, sent.ends[out].rank,
                        comm(), stream());
      }
      if (received.bytes[in] > 0 && code == ncclSuccess) {
        code = ncclRecv(receive + received.offsets[in], received.bytes[in], ncclInt8,
                        received.ends[in].rank, comm(), stream());
      }
    }
    const ncclResult_t ended = ncclGroupEnd();
    return failure("exchange", code == ncclSuccess ? ended : code);
  }

 private:
  const bool registers_;
  std::vector<void*> registered_;
};

#if CAUSEWAY_OSU_NCCL_HAS_COPY_ENGINES

class CopyEngines final : public NcclCommunicator {
 public:
  CopyEngines(ncclComm_t comm, cudaStream_t stream)
      : NcclCommunicator(
            {"nccl-ce", "NCCL-CE",
             nccl_version() + ", ncclAlltoAll of symmetric windows, NCCL_CTA_POLICY_ZERO"},
            comm, stream) {}

  Apart apart() const override { return {true, true, true}; }

  Buffer allocate(MPI_Comm, std::size_t bytes) override {
    void* memory = nullptr;
    if (ncclMemAlloc(&memory, bytes) != ncclSuccess) {
      return no_buffer();
    }
    Buffer buffer{static_cast<std::byte*>(memory),
                  [](std::byte* to_free) { ncclMemFree(to_free); }};
    const bool is_zero =
        cudaMemset(memory, 0, bytes) == cudaSuccess && cudaDeviceSynchronize() == cudaSuccess;
    return is_zero ? std::move(buffer) : no_buffer();
  }

  std::string take(MPI_Comm, std::byte* buffer, std::size_t bytes) override {
    ncclWindow_t window = nullptr;
    const ncclResult_t code =
        ncclCommWindowRegister(comm(), buffer, bytes, &window, NCCL_WIN_COLL_SYMMETRIC);
    // NCCL says so where it has none, and would then use thread blocks after all.
    if (code == ncclSuccess && window == nullptr) {
      return "ncclCommWindowRegister made no window: these GPUs have no symmetric memory";
    }
    if (code == ncclSuccess) {
      windows_.push_back(window);
    }
    return failure("ncclCommWindowRegister", code);
  }

  std::string give_back() override {
    std::string error;
    for (const ncclWindow_t window : windows_) {
      const ncclResult_t code = ncclCommWindowDeregister(comm(), window);
      error = error.empty() ? failure("ncclCommWindowDeregister", code) : error;
    }
    windows_.clear();
    return error;
  }

  std::string exchange(const Call& call) override {
    // Packed blocks of one size: the first one's place and size say all.
    const auto* const send = static_cast<const std::byte*>(call.send);
    auto* const receive = static_cast<std::byte*>(call.receive);
    return failure("exchange", ncclAlltoAll(send + call.sent->offsets.front(),
                                            receive + call.received->offsets.front(),
                                            call.sent->bytes.front(), ncclInt8, comm(), stream()));
  }

 private:
  std::vector<ncclWindow_t> windows_;
};

#endif

/// Makes NCCL's communicator over `comm`. Collective; NULL with what went wrong in `error`.
ncclComm_t make_communicator(MPI_Comm comm, ncclConfig_t config, std::string& error) {
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
  error = nccl_failure("ncclCommInitRankConfig",
                       ncclCommInitRankConfig(&made, ranks, first.id, rank, &config), nullptr);
  return error.empty() ? made : nullptr;
}

}  // namespace

std::string nccl_version() {
  int version = 0;
  ncclGetVersion(&version);
  return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
         std::to_string(version % 100);
}

std::unique_ptr<Library> make_nccl(MPI_Comm comm, cudaStream_t stream, const NcclSettings& settings,
                                   std::string& error) {
  // Without it NCCL registers memory of cudaMalloc to no effect, and says nothing. It has to be
  // there before NCCL is called.
  if (settings.registers) setenv("NCCL_LEGACY_CUDA_REGISTER", "1", 0);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  if (settings.max_ctas > 0) {
    config.minCTAs = 1;
    config.maxCTAs = settings.max_ctas;
  }
  const ncclComm_t made = make_communicator(comm, config, error);
  return made == nullptr ? nullptr
                         : std::make_unique<SendsAndReceives>(made, stream, settings.registers);
}

std::unique_ptr<Library> make_nccl_copy_engines(MPI_Comm comm, cudaStream_t stream,
                                                std::string& error) {
#if CAUSEWAY_OSU_NCCL_HAS_COPY_ENGINES
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.CTAPolicy = NCCL_CTA_POLICY_ZERO;
  const ncclComm_t made = make_communicator(comm, config, error);
  return made == nullptr ? nullptr : std::make_unique<CopyEngines>(made, stream);
#else
  (void)comm;
  (void)stream;
  error = "this build's NCCL, " + nccl_version() + ", has no copy-engine alltoall; 2.28 has";
  return nullptr;
#endif
}

}  // namespace causeway::osu
