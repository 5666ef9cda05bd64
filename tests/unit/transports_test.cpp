// The transports that UCX is left with.
#include <net/transports.hpp>

#include <gtest/gtest.h>

namespace causeway {
namespace {

TEST(Transports, ThoseThatCallCudaAreLeftOut) {
  const std::pair<const char*, const char*> examples[] = {
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
  for (const auto& [chosen, left] : examples) EXPECT_EQ(without_cuda(chosen), left) << chosen;
}

}  // namespace
}  // namespace causeway
