// How far causeway-tune is: a bar with the time that is left on a terminal, otherwise lines,
// as under launchers that pass on what ranks print.
#include "progress.hpp"

#include <number.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace causeway::tune {

Progress::Progress(std::size_t cells, double seconds)
    : cells_(cells), seconds_(seconds), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_) std::fprintf(stderr, "\r\033[K");
}

std::string Progress::left(double passed) const {
  const auto seconds = static_cast<long>(std::max(0.0, seconds_ - passed));
  char text[32];
  std::snprintf(text, sizeof text, "%ld:%02ld left", seconds / 60, seconds % 60);
  return text;
}

void Progress::begin(const Cell& cell, std::size_t done, double passed) {
  done_ = done;
  if (!terminal_) return;
  constexpr std::size_t kWidth = 30;
  const std::size_t full = kWidth * done / cells_;
  std::fprintf(stderr, "\r\033[K[%s%s] %zu of %zu, %s %s %s, %s", std::string(full, '#').c_str(),
               std::string(kWidth - full, '.').c_str(), done, cells_, name_of(cell.operation),
               name_of(cell.link), number_text(cell.bytes).c_str(), left(passed).c_str());
  std::fflush(stderr);
}

void Progress::end(const Finding& finding, double passed) {
  if (terminal_) return;
  std::fprintf(stderr, "%zu of %zu, %s: %s %s %s: %.2f us%s%s\n", done_ + 1, cells_,
               left(passed).c_str(), name_of(finding.cell.operation), name_of(finding.cell.link),
               number_text(finding.cell.bytes).c_str(), finding.seconds * 1e6,
               finding.choice ? " with " : ", the table stands",
               finding.choice ? choice_text(*finding.choice).c_str() : "");
}

}  // namespace causeway::tune
