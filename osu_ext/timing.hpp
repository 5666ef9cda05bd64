// From seconds per call on every rank and in every window to the figures that are printed.
#pragma once

#include <mpi.h>

#include <span>
#include <vector>

namespace causeway::osu {

/// Windows that the timed calls of one size are split into.
inline constexpr int kWindows = 5;

/// Microseconds per call in one window: mean over the ranks, fastest and slowest rank.
struct RankSpread {
  double average_us = 0.0;
  double fastest_us = 0.0;
  double slowest_us = 0.0;
};

/// How many calls go into each window: as equal as can be, never an empty window.
[[nodiscard]] std::vector<int> split_into_windows(int iterations);

/// Takes this rank's mean seconds per call in each window, at least one and as many on all ranks.
/// Returns, on rank 0, the window whose slowest rank is the median (of an even number, the slower
/// of the middle two). Collective over comm.
[[nodiscard]] RankSpread median_window(std::span<const double> seconds_per_call, MPI_Comm comm);

}  // namespace causeway::osu
