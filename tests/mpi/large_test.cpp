// Totals that no int holds.
#include "call.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

constexpr std::size_t kTotal = std::size_t{9} << 28;  // 2.25 GiB
constexpr std::size_t kBlock = std::size_t{4} << 20;  // of a datatype with gaps
constexpr std::size_t kStride = kBlock + 64;
constexpr std::size_t kPattern = (std::size_t{64} << 20) + 4096;

/// Address space.
class Mapping {
 public:
  explicit Mapping(std::size_t bytes) : bytes_(bytes) {
    void* const made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made != MAP_FAILED) memory_ = static_cast<std::byte*>(made);
  }
  ~Mapping() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::byte* data() const { return memory_; }

  /// Fills it with one stretch of memory over and over.
  bool repeat(const std::vector<std::byte>& pattern) const {
    const int file = memfd_create("pattern", MFD_CLOEXEC);
    bool done = file >= 0 &&
                write(file, pattern.data(), pattern.size()) == static_cast<ssize_t>(pattern.size());
    for (std::size_t at = 0; done && at < bytes_; at += pattern.size()) {
      done = mmap(memory_ + at, std::min(pattern.size(), bytes_ - at), PROT_READ,
                  MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED;
    }
    close(file);
    return done;
  }

 private:
  std::byte* memory_ = nullptr;
  std::size_t bytes_;
};

bool memory_suffices() {
  std::ifstream file("/proc/meminfo");
  for (std::string key; file >> key;) {
    std::size_t kib = 0;
    if (key == "MemAvailable:" && file >> kib) return kib > 3 * (kTotal >> 10);
  }
  return false;
}

/// Passes when memory holds what rank 0 sends, in blocks of `block` bytes that begin `stride` bytes
/// apart; forgets it.
::testing::AssertionResult arrived(std::byte* received, const std::vector<std::byte>& pattern,
                                   std::size_t block, std::size_t stride) {
  for (std::size_t done = 0; done < kTotal;) {
    const std::size_t in_pattern = done % kPattern;
    const std::size_t in_block = done % block;
    const std::size_t part = std::min({kPattern - in_pattern, block - in_block, kTotal - done});
    if (std::memcmp(received + done / block * stride + in_block, pattern.data() + in_pattern,
                    part) != 0) {
      return ::testing::AssertionFailure() << "after byte " << done;
    }
    done += part;
  }
  madvise(received, kTotal, MADV_DONTNEED);
  return ::testing::AssertionSuccess();
}

TEST(Large, TotalsOver2GiB) {
  if (std::getenv("CAUSEWAY_TEST_LARGE") == nullptr) {
    GTEST_SKIP() << "takes seconds and gigabytes: CAUSEWAY_TEST_LARGE asks for it";
  }
  if (world_size() != 2) GTEST_SKIP() << "for two ranks: one sends, the other receives";
  int suffices = memory_suffices() ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &suffices, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (suffices == 0) GTEST_SKIP() << "less than 7 GiB of memory are available";
  const ScopedComm comm = ScopedComm::dup(MPI_COMM_WORLD);
  Random random = shared_random();
  std::vector<std::byte> pattern(kPattern);
  for (std::byte& byte : pattern) byte = static_cast<std::byte>(random());
  const bool sends = world_rank() == 0;
  const Mapping memory(sends ? kTotal : kTotal / kBlock * kStride);
  ASSERT_NE(memory.data(), nullptr);
  if (sends) {
    ASSERT_TRUE(memory.repeat(pattern));
  }

  // An int's worth of doubles.
  const int doubles = static_cast<int>(kTotal / sizeof(double));
  const int out[] = {0, sends ? doubles : 0};
  const int in[] = {sends ? 0 : doubles, 0};
  const int at[] = {0, 0};
  int code =
      MPIX_Alltoallv(memory.data(), out, at, MPI_DOUBLE, memory.data(), in, at, MPI_DOUBLE, comm);
  ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
  if (!sends) {
    EXPECT_TRUE(arrived(memory.data(), pattern, kTotal, 0));
  }

  // More bytes than an int counts.
  const auto wide = static_cast<MPI_Count>(kTotal);
  const MPI_Count wide_out[] = {0, sends ? wide : 0};
  const MPI_Count wide_in[] = {sends ? 0 : wide, 0};
  const MPI_Aint wide_at[] = {0, 0};
  code = MPIX_Alltoallv_c(memory.data(), wide_out, wide_at, MPI_CHAR, memory.data(), wide_in,
                          wide_at, MPI_CHAR, comm);
  ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
  if (!sends) {
    EXPECT_TRUE(arrived(memory.data(), pattern, kTotal, 0));
  }

  // One element is all of it.
  MPI_Datatype made = MPI_DATATYPE_NULL;
  MPI_Type_create_hvector(kTotal / kBlock, kBlock, kStride, MPI_CHAR, &made);
  const ScopedType gaps = ScopedType::committed(made);
  const MPI_Count one[] = {sends ? 0 : 1, 0};
  code = MPIX_Alltoallv_c(memory.data(), wide_out, wide_at, MPI_CHAR, memory.data(), one, wide_at,
                          gaps, comm);
  ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
  if (!sends) {
    EXPECT_TRUE(arrived(memory.data(), pattern, kBlock, kStride));
  }
}

}  // namespace
}  // namespace causeway::test
