// Latency of MPIX_Neighbor_alltoallv on a grid of ranks by size, with the options and the table of
// OSU's benchmarks.
#include "benchmark.hpp"
#include "numbers.hpp"

#include <vector>

namespace {

using namespace causeway::osu;

/// The grid of ranks: what the options say, else as cubic as can be.
std::vector<int> dimensions_of(const Options& options, int ranks) {
  if (options.ring) {
    return {ranks};
  }
  if (!options.dimensions.empty()) {
    return options.dimensions;
  }
  std::vector<int> dimensions(3, 0);
  MPI_Dims_create(ranks, static_cast<int>(dimensions.size()), dimensions.data());
  return dimensions;
}

std::optional<std::string> make_grid(Options& options, MPI_Comm comm, Pattern& pattern) {
  MPI_Comm_size(comm, &pattern.ranks);
  pattern.shape = Shape::kGrid;
  pattern.dimensions = dimensions_of(options, pattern.ranks);
  pattern.is_periodic = options.periodic || options.ring;
  if (pattern.ranks < 2 && !pattern.is_periodic) {
    return "at least two ranks are needed, there is 1; with --periodic it is its own neighbour";
  }
  pattern.remarks.push_back("grid of ranks, " + product_of(pattern.dimensions) +
                            (pattern.is_periodic ? ", periodic" : ""));
  return std::nullopt;
}

MPI_Comm make_communicator(const Pattern& pattern, MPI_Comm comm) {
  const std::vector<int> periods(pattern.dimensions.size(), pattern.is_periodic ? 1 : 0);
  constexpr int kReorder = 0;
  MPI_Comm grid = MPI_COMM_NULL;
  MPI_Cart_create(comm, static_cast<int>(periods.size()), pattern.dimensions.data(), periods.data(),
                  kReorder, &grid);
  return grid;
}

}  // namespace

int main(int argc, char* argv[]) {
  return run_program({{"osu_mpix_neighbor", "MPIX_Neighbor_alltoallv", "neighbour", Choice::kGrid},
                      "neighbor_alltoallv",
                      kNeighborAlltoallv,
                      make_grid,
                      make_communicator},
                     argc, argv);
}
