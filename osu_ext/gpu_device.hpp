// A GPU as a benchmark's device: a stream, and CUDA graphs of the calls that are replayed on it.
#pragma once

#include "device.hpp"
#include "operations.hpp"
#include "options.hpp"

#include <cuda_runtime_api.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace causeway::osu {

/// "" for cudaSuccess, else which call failed and how.
[[nodiscard]] std::string cuda_failure(const char* call, cudaError_t code);

/// How many GPUs this rank sees; 0 with a reason in `why` where it can use none.
[[nodiscard]] int visible_gpus(std::string& why);

/// The rank's current GPU.
class GpuDevice final : public Device {
 public:
  /// `graph_calls` of a library are captured in one graph; 0 for calls without a graph. `validates`
  /// says whether single calls will be run besides.
  GpuDevice(int ordinal, int graph_calls, bool validates);
  ~GpuDevice() override;

  /// Makes the GPU current and its stream. To be called once, before everything else.
  [[nodiscard]] std::string set_up();
  [[nodiscard]] cudaStream_t stream() const { return stream_; }

  [[nodiscard]] const char* name() const override { return "cuda"; }
  [[nodiscard]] std::vector<std::string> table_remarks() const override;
  [[nodiscard]] std::vector<std::string> file_remarks() const override;
  [[nodiscard]] Buffer allocate(std::size_t bytes) override;
  [[nodiscard]] Buffer allocate_mirror(std::size_t bytes) override;
  [[nodiscard]] bool has_mirrors() const override { return true; }
  [[nodiscard]] std::string copy(std::byte* to, const std::byte* from, std::size_t bytes) override;
  [[nodiscard]] std::string pack_rows(std::byte* to, const std::byte* from, const Rows& rows,
                                      bool at_once) override;
  [[nodiscard]] int calls_per_turn(int calls) const override { return calls; }
  [[nodiscard]] int rounded_up(int calls) const override;
  [[nodiscard]] std::string prepare(Library& library, const Call& call) override;
  void forget() override { graphs_.clear(); }
  [[nodiscard]] std::string run(Library& library, const Call& call, int times) override;

 private:
  struct DestroyGraph {
    void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
  };
  using Graph = std::unique_ptr<CUgraphExec_st, DestroyGraph>;

  [[nodiscard]] std::string capture(Library& library, const Call& call, int times, Graph& graph);
  [[nodiscard]] std::string enqueue(Library& library, const Call& call, int times);
  [[nodiscard]] std::string finish(const Library& library);

  const int ordinal_;
  const int graph_calls_;
  const bool validates_;
  std::string gpu_name_;
  cudaStream_t stream_ = nullptr;
  /// By library and number of calls; of the call that was prepared.
  std::map<std::pair<const Library*, int>, Graph> graphs_;
};

/// MPI's form of the operation: of GPU memory where MPI says that it can, else of copies in host
/// memory.
[[nodiscard]] std::unique_ptr<Library> make_mpi_on_gpu(const Operation& operation,
                                                       cudaStream_t stream);

}  // namespace causeway::osu
