// From seconds per call on every rank and in every window to the figures that are printed.
#include "timing.hpp"

#include <algorithm>
#include <cstddef>

namespace causeway::osu {

std::vector<int> split_into_windows(int iterations) {
  const int windows = std::min(kWindows, iterations);
  std::vector<int> calls;
  for (int window = 0; window < windows; ++window) {
    calls.push_back(iterations / windows + (window < iterations % windows ? 1 : 0));
  }
  return calls;
}

RankSpread median_window(std::span<const double> seconds_per_call, MPI_Comm comm) {
  int rank = 0;
  int ranks = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);

  const int windows = static_cast<int>(seconds_per_call.size());
  std::vector<double> sum(seconds_per_call.size());
  std::vector<double> least(seconds_per_call.size());
  std::vector<double> most(seconds_per_call.size());
  const double* const mine = seconds_per_call.data();
  MPI_Reduce(mine, sum.data(), windows, MPI_DOUBLE, MPI_SUM, 0, comm);
  MPI_Reduce(mine, least.data(), windows, MPI_DOUBLE, MPI_MIN, 0, comm);
  MPI_Reduce(mine, most.data(), windows, MPI_DOUBLE, MPI_MAX, 0, comm);
  if (rank != 0) {
    return {};
  }

  std::vector<RankSpread> spreads;
  for (std::size_t window = 0; window < sum.size(); ++window) {
    spreads.push_back({sum[window] / ranks * 1e6, least[window] * 1e6, most[window] * 1e6});
  }
  const auto middle = spreads.begin() + windows / 2;
  std::ranges::nth_element(spreads, middle, {}, &RankSpread::slowest_us);
  return *middle;
}

}  // namespace causeway::osu
