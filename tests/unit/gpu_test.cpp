// What is said of a GPU that cannot be reached.
#include <gpu.hpp>

#include <gtest/gtest.h>

namespace causeway {
namespace {

UnreachableGpu example() {
  UnreachableGpu gpu{{}, 4711, "invalid argument", true, true, ""};
  for (std::size_t i = 0; i < sizeof gpu.id.bytes; ++i) {
    gpu.id.bytes[i] = static_cast<unsigned char>(16 * i + i);
  }
  return gpu;
}

void expect(const UnreachableGpu& gpu, const char* wanted) {
  const Status status = unreachable(gpu);
  EXPECT_EQ(status.kind(), ErrorKind::kUnsupported);
  for (const char* const part :
       {"GPU-00112233-4455-6677-8899-aabbccddeeff", "process 4711", "invalid argument", wanted}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  }
}

TEST(UnreachableGpu, TheMessageNamesTheCause) {
  UnreachableGpu gpu = example();
  expect(gpu, "different containers");
  gpu.peer_access = false;
  expect(gpu, "no peer access");
  gpu.visible = false;
  expect(gpu, "the batch system or the container hides it");
  gpu.visibility = "3";
  expect(gpu, "CUDA_VISIBLE_DEVICES is '3' here");
  expect(gpu, "--gpus-per-task");
}

TEST(GpuMemory, MemoryOfTheHostIsNone) {
  int word = 0;
  EXPECT_FALSE(is_gpu_memory(&word));
  EXPECT_FALSE(is_gpu_memory(nullptr));
}

}  // namespace
}  // namespace causeway
