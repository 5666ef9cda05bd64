// The transports that UCX is left with.
#include <transports.hpp>

#include <gtest/gtest.h>

namespace causeway {
namespace {

struct Example {
  const char* chosen;
  const char* left;
};

TEST(Transports, ThoseThatCallCudaAreLeftOut) {
  const Example examples[] = {
      {"", "^cuda"},
      {"all", "^cuda"},
      {"rc,cuda", "rc"},
      {"cuda_copy", "^cuda"},
      {"tcp", "tcp"},
      {"rc,cuda_copy,sm,cuda_ipc,gdr_copy,self", "rc,sm,self"},
      {"rc_x,ud:aux,\\cuda_copy,cuda_ipc:aux", "rc_x,ud:aux"},
      {"^tcp", "^tcp,cuda"},
      {"^cuda_ipc,tcp", "^cuda_ipc,tcp,cuda"},
  };
  for (const auto& [chosen, left] : examples) {
    EXPECT_EQ(network_transports(chosen, false, true), left) << chosen;
  }
}

TEST(Transports, ThoseThroughMemoryOfOneHostAreLeftOutUnlessNamed) {
  const Example examples[] = {
      {"", "^sm"},
      {"all", "^sm"},
      {"tcp", "tcp"},
      {"tcp,sm", "tcp,sm"},
      {"posix,tcp", "posix,tcp"},
      {"^tcp", "^tcp,sm"},
  };
  for (const auto& [chosen, left] : examples) {
    EXPECT_EQ(network_transports(chosen, true, false), left) << chosen;
  }
  EXPECT_EQ(network_transports("", true, true), "^sm,cuda");
}

TEST(Transports, NothingIsLeftOutThatIsNotThere) {
  for (const char* const chosen : {"", "all", "tcp", "^tcp", "sm,cuda"}) {
    EXPECT_EQ(network_transports(chosen, false, false), chosen);
  }
}

}  // namespace
}  // namespace causeway
