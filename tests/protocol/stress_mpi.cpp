// The stress between processes: `mpirun -n 4 stress_mpi --exchanges 100000`.
#include "stress.hpp"
#include "stress_memory.hpp"

#include <causeway/mpix.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

using namespace causeway;
using namespace causeway::test;

namespace {

/// `pulls`: what is large stays where it is until it is read.
int attach(MPI_Comm comm, const StressOptions& options, bool pulls) {
  MPI_Info info = MPI_INFO_NULL;
  MPI_Info_create(&info);
  MPI_Info_set(info, "causeway_device", kStressDevice);
  MPI_Info_set(info, "causeway_ring_bytes", std::to_string(options.ring_bytes).c_str());
  MPI_Info_set(info, "causeway_start_count", std::to_string(options.start_count).c_str());
  MPI_Info_set(info, "causeway_cma", pulls ? "auto" : "no");
  const int code = MPIX_Comm_attach(comm, info);
  MPI_Info_free(&info);
  return code;
}

std::string error_text(int code) {
  if (code == MPI_SUCCESS) return {};
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return text;
}

/// Memory that a communicator's peers can write to, in turns registered and not.
class Target {
 public:
  explicit Target(MPI_Comm comm) : comm_(comm) {}
  ~Target() {
    if (buffer_ != MPIX_BUFFER_NULL) MPIX_Buffer_deregister(&buffer_);
    if (memory_ != nullptr) MPIX_Mem_free(memory_);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  /// The memory for the next exchange, in which `received` is as good as any.
  int next(std::span<std::byte> received, std::byte** memory) {
    *memory = received.data();
    const bool on_host = std::string(kStressDevice) == "host";
    const bool wanted = is_registered(++calls_);
    int code = MPI_SUCCESS;
    if (on_host && memory_ == nullptr) {
      code = MPIX_Mem_alloc(comm_, static_cast<MPI_Aint>(received.size()), &memory_);
    }
    if (code == MPI_SUCCESS && wanted != (buffer_ != MPIX_BUFFER_NULL)) {
      void* const base = on_host ? memory_ : received.data();
      code = wanted ? MPIX_Buffer_register(comm_, base, static_cast<MPI_Aint>(received.size()),
                                           &buffer_)
                    : MPIX_Buffer_deregister(&buffer_);
    }
    if (wanted && on_host) *memory = static_cast<std::byte*>(memory_);
    return code;
  }

 private:
  MPI_Comm comm_;
  std::uint64_t calls_ = 0;
  void* memory_ = nullptr;
  MPIX_Buffer buffer_ = MPIX_BUFFER_NULL;
};

struct Blocks {
  std::vector<MPI_Count> counts;
  std::vector<MPI_Aint> displacements;

  explicit Blocks(std::span<const Extent> extents) {
    for (const Extent& extent : extents) {
      counts.push_back(static_cast<MPI_Count>(extent.bytes));
      displacements.push_back(extent.offset);
    }
  }
};

/// Makes the exchange: what goes between some ranks is an alltoallv too, of nothing between others.
int call(const std::byte* pool, std::byte* target, const StressBlocks& blocks, int rank,
         MPI_Comm comm) {
  const Pattern* const pattern = blocks.pattern;
  if (pattern == nullptr || pattern->operation != kernels::Operation::kSendrecv) {
    const Blocks out(blocks.send);
    const Blocks in(blocks.receive);
    return MPIX_Alltoallv_c(pool, out.counts.data(), out.displacements.data(), MPI_BYTE, target,
                            in.counts.data(), in.displacements.data(), MPI_BYTE, comm);
  }
  const auto rank_of = [&](const std::vector<Edge>& edges, const auto& of_self) {
    if (of_self) return rank;
    return edges.empty() ? MPI_PROC_NULL : static_cast<int>(edges.front().peer);
  };
  const Round& round = pattern->rounds.front();
  const int to = rank_of(round.sends, round.to_self);
  const int from = rank_of(round.receives, round.from_self);
  const auto block = [](std::span<const Extent> list, int peer) {
    return peer == MPI_PROC_NULL ? Extent{0, 0} : list[static_cast<std::size_t>(peer)];
  };
  const Extent sent = block(blocks.send, to);
  const Extent received = block(blocks.receive, from);
  const int tag = static_cast<int>(pattern->tags.send & ~device::kAnnounced);
  return MPIX_Sendrecv_c(pool + sent.offset, static_cast<MPI_Count>(sent.bytes), MPI_BYTE, to, tag,
                         target + received.offset, static_cast<MPI_Count>(received.bytes), MPI_BYTE,
                         from, tag, comm, MPI_STATUS_IGNORE);
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  StressOptions options;
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (!stress_device_is_there()) {
    MPI_Finalize();
    return 0;
  }
  use_device_of_rank(rank);
  const bool understood = parse_stress_options(argc, argv, &options);
  MPI_Bcast(&options.seed, sizeof options.seed, MPI_BYTE, 0, MPI_COMM_WORLD);
  MPI_Comm comms[2] = {MPI_COMM_NULL, MPI_COMM_NULL};
  MPI_Comm_split(MPI_COMM_WORLD, 0, rank, &comms[0]);
  MPI_Comm_split(MPI_COMM_WORLD, 0, -rank, &comms[1]);
  int ranks_of[2] = {};
  StressResult result;
  if (!understood) result.problem = "options not understood";
  for (int c = 0; c < 2 && understood; ++c) {
    MPI_Comm_rank(comms[c], &ranks_of[c]);
    MPI_Comm_set_errhandler(comms[c], MPI_ERRORS_RETURN);
    result.problem += error_text(attach(comms[c], options, c == 1));
  }
  if (result.problem.empty()) {
    Target targets[2]{Target(comms[0]), Target(comms[1])};
    const auto exchange = [&](int c, std::span<const std::byte> pool, std::span<std::byte> received,
                              const StressBlocks& blocks) {
      std::byte* target = nullptr;
      int code = targets[c].next(received, &target);
      const bool copies = target != received.data();
      if (copies) std::ranges::copy(received, target);
      if (code == MPI_SUCCESS) code = call(pool.data(), target, blocks, ranks_of[c], comms[c]);
      if (copies) std::copy_n(target, received.size(), received.data());
      return error_text(code);
    };
    result = run_stress(options, ranks_of, ranks, in_stress_memory(exchange));
    if (!result.problem.empty()) {
      MPIX_Comm_abort(comms[0]);
      MPIX_Comm_abort(comms[1]);
    }
  }
  std::printf("rank %d: %llu exchanges, %llu bytes, rings wrapped %llu times or more: %s\n", rank,
              static_cast<unsigned long long>(result.exchanges),
              static_cast<unsigned long long>(result.bytes),
              static_cast<unsigned long long>(result.fewest_wraps),
              result.problem.empty() ? "no wrong byte" : result.problem.c_str());
  int failed = result.problem.empty() ? 0 : 1;
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Comm_free(&comms[0]);
  MPI_Comm_free(&comms[1]);
  MPI_Finalize();
  return failed;
}
