// Files that say who sends how much to whom.
#pragma once

#include "options.hpp"
#include "pattern.hpp"

#include <mpi.h>

#include <optional>
#include <string>
#include <string_view>

namespace causeway::osu {

/// Reads into `pattern.matrix` a row per rank, of the bytes that it sends to each rank: whole
/// numbers, K, M or G behind them for powers of 1024, between blanks, tabs or commas. `#` begins a
/// comment; lines without numbers do not count. Returns what is wrong and in which line, or "".
[[nodiscard]] std::string parse_matrix(std::string_view text, Pattern& pattern);

/// The pattern that the options ask for. Rank 0 reads the matrix's file. Collective; returns, the
/// same on all ranks, the sentence that says what is wrong with it, or nothing.
[[nodiscard]] std::optional<std::string> make_pattern(const Options& options, MPI_Comm comm,
                                                      Pattern& pattern);

}  // namespace causeway::osu
