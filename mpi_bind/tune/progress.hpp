// How far causeway-tune is: a bar with the time that is left on a terminal, otherwise lines,
// as under launchers that pass on what ranks print.
#pragma once

#include "choices.hpp"

#include <cstddef>
#include <string>

namespace causeway::tune {

/// On standard error. For one rank to use.
class Progress {
 public:
  Progress(std::size_t cells, double seconds);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Before the cell that is number `done` from 0, and after it; `passed` are seconds since the
  /// start.
  void begin(const Cell& cell, std::size_t done, double passed);
  void end(const Finding& finding, double passed);

 private:
  std::string left(double passed) const;

  std::size_t cells_;
  double seconds_;
  bool terminal_;
  std::size_t done_ = 0;
};

}  // namespace causeway::tune
