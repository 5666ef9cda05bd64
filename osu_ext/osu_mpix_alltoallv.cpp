// Latency of MPIX_Alltoallv by size, with the options and the table of OSU's osu_alltoallv.
#include "benchmark.hpp"
#include "matrix.hpp"
#include "numbers.hpp"

namespace {

using namespace causeway::osu;

/// What heads say of how the exchanges differ from plain ones.
void describe(const Options& options, Pattern& pattern) {
  if (options.by_distance) {
    pattern.remarks.emplace_back("by distance, a rank sends itself nothing");
  }
  if (options.skew > 0.0 || options.sparsity > 0.0) {
    pattern.remarks.push_back("skew " + shortest(options.skew) + ", sparsity " +
                              shortest(options.sparsity) + ", seed " +
                              std::to_string(options.seed));
  }
  if (!pattern.matrix.empty()) {
    pattern.remarks.push_back("matrix " + options.matrix_path + ", " +
                              (pattern.matrix_is_scaled
                                   ? "scaled to a mean per peer of the size"
                                   : "as it is; the size is its mean per peer"));
  }
}

std::optional<std::string> make_alltoallv(Options& options, MPI_Comm comm, Pattern& pattern) {
  int ranks = 1;
  MPI_Comm_size(comm, &ranks);
  if (ranks < 2) {
    return "at least two ranks are needed, there is 1";
  }
  if (auto wrong = make_pattern(options, comm, pattern)) {
    return wrong;
  }
  if (!pattern.matrix.empty() && !pattern.matrix_is_scaled) {
    options.smallest = options.largest = mean_of_matrix(pattern);
  }
  describe(options, pattern);
  return std::nullopt;
}

}  // namespace

int main(int argc, char* argv[]) {
  return run_program({{"osu_mpix_alltoallv", "MPIX_Alltoallv", "peer", Choice::kShares},
                      "alltoallv",
                      kAlltoallv,
                      make_alltoallv},
                     argc, argv);
}
