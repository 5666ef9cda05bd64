// Arguments that neither a call nor a plan may have, and what is said of each.
#pragma once

#include "call.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace causeway::test {

/// One way to spoil a call. In fragments, RANK stands for the rank whose call it is, LAST for the
/// last.
struct WrongArgument {
  const char* name;
  void (*spoil)(Call& call);
  int error_class;
  std::vector<std::string> fragments;

  /// The fragments when it is the call of `rank`, of `size` ranks.
  std::vector<std::string> fragments_for(int rank, int size) const;
};

const std::vector<WrongArgument>& wrong_arguments();

inline void PrintTo(const WrongArgument& wrong, std::ostream* stream) { *stream << wrong.name; }
inline std::string name_of(const ::testing::TestParamInfo<WrongArgument>& wrong) {
  return wrong.param.name;
}

}  // namespace causeway::test
