// Chooses the device and the libraries that the options ask for, of those that the build has.
#include "selection.hpp"

#include "causeway_library.hpp"

#include <causeway/config.h>

#include <array>
#include <cstdio>
#include <utility>

#if CAUSEWAY_HAVE_CUDA
#include "gpu_device.hpp"
#endif
#if CAUSEWAY_OSU_HAVE_NCCL
#include "nccl_library.hpp"
#endif

namespace causeway::osu {
namespace {

using Refusal = std::optional<std::string>;

void select_host(const Options& options, Operation operation, MPI_Comm comm, Selection& selection) {
  if (options.immediate) {
    operation.causeway = operation.causeway_immediate;
    operation.mpi = operation.mpi_immediate;
  }
  selection.device = make_host_device(options.registered ? comm : MPI_COMM_NULL);
  selection.libraries.push_back(make_causeway(operation, std::nullopt, options.registered));
  if (options.plan) {
    selection.libraries.push_back(make_causeway_plan(operation, nullptr));
  }
  if (options.versus_mpi) {
    selection.libraries.push_back(
        std::make_unique<BlockingLibrary>(LibraryName{"mpi", "MPI", ""}, operation.mpi));
  }
}

#if CAUSEWAY_HAVE_CUDA

/// Makes the lowest rank's error everyone's; nothing where no rank has one.
Refusal agree(MPI_Comm comm, const std::string& error) {
  int rank = 0;
  int ranks = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const int mine = error.empty() ? ranks : rank;
  int lowest = ranks;
  MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm);
  if (lowest == ranks) {
    return std::nullopt;
  }
  std::array<char, 1024> text{};
  std::snprintf(text.data(), text.size(), "rank %d: %s", lowest, error.c_str());
  MPI_Bcast(text.data(), static_cast<int>(text.size()), MPI_CHAR, lowest, comm);
  return text.data();
}

/// A rank's place among those of its host.
struct HostPlace {
  int rank = 0;
  int ranks = 1;
};

HostPlace place_on_host(MPI_Comm comm) {
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
  HostPlace place;
  MPI_Comm_rank(host, &place.rank);
  MPI_Comm_size(host, &place.ranks);
  MPI_Comm_free(&host);
  return place;
}

#if CAUSEWAY_OSU_HAVE_NCCL
/// Appends what was made, or refuses where a rank has none.
Refusal add(MPI_Comm comm, const char* option, std::unique_ptr<Library> made,
            const std::string& error, Selection& selection) {
  if (auto refusal = agree(comm, error.empty() ? error : std::string(option) + ": " + error)) {
    // A rank whose communicator was made may not wait for the others to end it.
    (void)made.release();
    return refusal;
  }
  selection.libraries.push_back(std::move(made));
  return std::nullopt;
}

Refusal select_nccl(const Options& options, MPI_Comm comm, cudaStream_t stream,
                    Selection& selection) {
  Refusal refusal;
  std::string error;
  if (options.versus_nccl) {
    auto made = make_nccl(comm, stream, {options.max_ctas, options.registered}, error);
    refusal = add(comm, "option --vs nccl", std::move(made), error, selection);
  }
  if (options.versus_nccl_ce && !refusal) {
    auto made = make_nccl_copy_engines(comm, stream, error);
    refusal = add(comm, "option --vs nccl-ce", std::move(made), error, selection);
  }
  return refusal;
}
#endif

Refusal select_cuda(const Options& options, const Operation& operation, MPI_Comm comm,
                    Selection& selection) {
  const HostPlace place = place_on_host(comm);
  std::string error;
  const int gpus = visible_gpus(error);
  if (auto refusal = agree(comm, gpus > 0 ? "" : "option -d, --device cuda: " + error)) {
    return refusal;
  }
  auto device =
      std::make_unique<GpuDevice>(place.rank % gpus, options.graph_calls, options.validate);
  error = device->set_up();
  if (auto refusal = agree(comm, error.empty() ? "" : "option -d, --device cuda: " + error)) {
    return refusal;
  }
  const cudaStream_t stream = device->stream();
  selection.device = std::move(device);
  selection.libraries.push_back(
      make_causeway(operation, static_cast<void*>(stream), options.registered));
  if (options.plan) {
    selection.libraries.push_back(make_causeway_plan(operation, stream));
  }
  if (options.versus_mpi) {
    selection.libraries.push_back(make_mpi_on_gpu(operation, stream));
  }
  if (!options.versus_nccl && !options.versus_nccl_ce) {
    return std::nullopt;
  }
#if CAUSEWAY_OSU_HAVE_NCCL
  // NCCL finds that out too, after a while and with many words. Ranks with a GPU each see one.
  if (auto refusal =
          agree(comm, gpus == 1 || place.ranks <= gpus
                          ? ""
                          : "option --vs: " + std::to_string(place.ranks) + " ranks share " +
                                std::to_string(gpus) + " GPUs, and NCCL wants one for each")) {
    return refusal;
  }
  return select_nccl(options, comm, stream, selection);
#else
  return std::nullopt;
#endif
}

#endif

}  // namespace

std::optional<std::string> select_for(const Options& options, const Operation& operation,
                                      MPI_Comm comm, Selection& selection) {
  if (options.place == Place::kHost) {
    select_host(options, operation, comm, selection);
    return std::nullopt;
  }
#if CAUSEWAY_HAVE_CUDA
#if !CAUSEWAY_OSU_HAVE_NCCL
  if (options.versus_nccl || options.versus_nccl_ce) {
    return "option --vs: this build has no NCCL";
  }
#endif
  return select_cuda(options, operation, comm, selection);
#else
  return "option -d, --device cuda: this build has no CUDA";
#endif
}

}  // namespace causeway::osu
