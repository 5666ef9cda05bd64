// Registered buffers and memory of MPIX_Mem_alloc: wrong arguments on all ranks and on one, wrong
// handles, and what outlives its communicator.
#include "call.hpp"
#include "process_state.hpp"
#include "repeated.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace causeway::test {
namespace {

constexpr MPI_Aint kBytes = 10'000;

class BuffersErrors : public ::testing::Test {
 protected:
  BuffersErrors()
      : comm_(attached()),
        memory_(std::make_unique<DeviceMemory>(comm_, DeviceMemory::Of::kMpix, kBytes)) {}

  void* base() const { return memory_->data(); }

  /// Registers with wrong arguments on `wrong`, or on all ranks where that is -1.
  void expect_error(int wrong, void* base_there, MPI_Aint bytes_there, int error_class,
                    const std::vector<std::string>& fragments) {
    const bool is_wrong = wrong < 0 || world_rank() == wrong;
    MPIX_Buffer buffer = MPIX_BUFFER_NULL;
    const int code = MPIX_Buffer_register(comm_, is_wrong ? base_there : base(),
                                          is_wrong ? bytes_there : kBytes, &buffer);
    std::vector<std::string> all = fragments;
    all.push_back("MPIX_Buffer_register: rank " + std::to_string(std::max(wrong, 0)));
    EXPECT_TRUE(is_error(code, error_class, all));
    EXPECT_EQ(buffer, MPIX_BUFFER_NULL);
    EXPECT_TRUE(works(comm_));
  }

  ScopedComm comm_;
  std::unique_ptr<DeviceMemory> memory_;
};

TEST_F(BuffersErrors, OfNegativeBytes) {
  for (const int wrong : {-1, 0, world_size() - 1}) {
    expect_error(wrong, base(), -7, MPI_ERR_ARG, {"bytes = -7 is negative"});
  }
}

TEST_F(BuffersErrors, OfNoMemory) {
  for (const int wrong : {-1, 0, world_size() - 1}) {
    expect_error(wrong, nullptr, 12, MPI_ERR_BUFFER, {"base is NULL, and bytes = 12"});
  }
}

TEST_F(BuffersErrors, OfMemoryBeyondAllAddresses) {
  auto* const last = reinterpret_cast<void*>(~std::uintptr_t{15});
  expect_error(-1, last, 64, MPI_ERR_BUFFER, {"bytes = 64: there is no such memory"});
}

TEST_F(BuffersErrors, OfBytesBeyondTheAllocation) {
  // What CUDA says of an allocation's size may be rounded.
  const MPI_Aint beyond = on_gpus() ? 64 << 20 : 1;
  for (const int wrong : {-1, 0, world_size() - 1}) {
    expect_error(wrong, base(), kBytes + beyond, MPI_ERR_ARG,
                 {"bytes = " + std::to_string(kBytes + beyond), "beyond their allocation"});
    expect_error(wrong, static_cast<std::byte*>(base()) + 100, kBytes - 100 + beyond, MPI_ERR_ARG,
                 {"bytes = " + std::to_string(kBytes - 100 + beyond), "beyond their allocation"});
  }
}

TEST_F(BuffersErrors, OfNowhereToStoreTheHandle) {
  for (const int wrong : {0, world_size() - 1}) {
    MPIX_Buffer buffer = MPIX_BUFFER_NULL;
    EXPECT_TRUE(is_error(
        MPIX_Buffer_register(comm_, base(), kBytes, world_rank() == wrong ? nullptr : &buffer),
        MPI_ERR_ARG, {"rank " + std::to_string(wrong), "buffer is NULL"}));
    EXPECT_EQ(buffer, MPIX_BUFFER_NULL);
    EXPECT_TRUE(works(comm_));
  }
}

TEST_F(BuffersErrors, OfHandlesThatAreNone) {
  const ErrorsReturned world(MPI_COMM_WORLD);
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  ASSERT_EQ(MPIX_Buffer_register(comm_, base(), kBytes, &buffer), MPI_SUCCESS);
  EXPECT_TRUE(is_error(MPIX_Buffer_device_handle(buffer, nullptr), MPI_ERR_ARG,
                       {"MPIX_Buffer_device_handle:", "view is NULL"}));
  MPIX_Buffer copy = buffer;
  ASSERT_EQ(MPIX_Buffer_deregister(&buffer), MPI_SUCCESS);
  MPIX_Buffer_view view{};
  int not_a_buffer = 0;
  for (MPIX_Buffer none : {copy, reinterpret_cast<MPIX_Buffer>(&not_a_buffer)}) {
    EXPECT_TRUE(
        is_error(MPIX_Buffer_device_handle(none, &view), MPI_ERR_ARG, {"not a registered buffer"}));
    EXPECT_TRUE(is_error(MPIX_Buffer_deregister(&none), MPI_ERR_ARG,
                         {"MPIX_Buffer_deregister:", "not a registered buffer"}));
  }
  EXPECT_TRUE(is_error(MPIX_Buffer_device_handle(MPIX_BUFFER_NULL, &view), MPI_ERR_ARG,
                       {"buffer is MPIX_BUFFER_NULL"}));
  EXPECT_TRUE(
      is_error(MPIX_Buffer_deregister(&buffer), MPI_ERR_ARG, {"buffer is MPIX_BUFFER_NULL"}));
  EXPECT_TRUE(is_error(MPIX_Buffer_deregister(nullptr), MPI_ERR_ARG, {"buffer is NULL"}));
  EXPECT_TRUE(works(comm_));
}

TEST_F(BuffersErrors, OfHandlesWhoseAttachmentIsGone) {
  const ErrorsReturned world(MPI_COMM_WORLD);
  MPIX_Buffer buffers[2] = {};
  for (MPIX_Buffer& buffer : buffers) {
    ASSERT_EQ(MPIX_Buffer_register(comm_, base(), kBytes, &buffer), MPI_SUCCESS);
  }
  MPIX_Buffer_view view{};
  ASSERT_EQ(MPIX_Comm_detach(comm_), MPI_SUCCESS);
  EXPECT_TRUE(is_error(MPIX_Buffer_device_handle(buffers[0], &view), MPI_ERR_COMM,
                       {"the buffer's communicator has been detached"}));
  EXPECT_EQ(MPIX_Buffer_deregister(&buffers[0]), MPI_SUCCESS);
  EXPECT_EQ(buffers[0], MPIX_BUFFER_NULL);
  EXPECT_TRUE(works(comm_));
  comm_.free();
  EXPECT_TRUE(is_error(MPIX_Buffer_device_handle(buffers[1], &view), MPI_ERR_COMM,
                       {"MPIX_Buffer_device_handle:", "has been detached"}));
  EXPECT_EQ(MPIX_Buffer_deregister(&buffers[1]), MPI_SUCCESS);
  EXPECT_EQ(buffers[1], MPIX_BUFFER_NULL);
}

TEST_F(BuffersErrors, AreNoneOfMemoryThatEndsWithItsCommunicator) {
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  ASSERT_EQ(MPIX_Buffer_register(comm_, base(), kBytes, &buffer), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Mem_free(base()), MPI_SUCCESS);
  memory_->release();
  EXPECT_TRUE(works(comm_));
  comm_.free();
  EXPECT_EQ(shared_mappings(), 0);
  EXPECT_EQ(MPIX_Buffer_deregister(&buffer), MPI_SUCCESS);
}

TEST_F(BuffersErrors, OfMemoryThatWasNotAllocated) {
  const ErrorsReturned world(MPI_COMM_WORLD);
  int on_stack = 0;
  for (void* const wrong :
       {static_cast<void*>(&on_stack), static_cast<void*>(memory_->data() + 1),
        static_cast<void*>(memory_->data() + kBytes), static_cast<void*>(nullptr)}) {
    EXPECT_TRUE(is_error(MPIX_Mem_free(wrong), MPI_ERR_ARG,
                         {"MPIX_Mem_free:", "is not memory of MPIX_Mem_alloc"}));
  }
  void* once = nullptr;
  ASSERT_EQ(MPIX_Mem_alloc(comm_, 100, &once), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Mem_free(once), MPI_SUCCESS);
  EXPECT_TRUE(is_error(MPIX_Mem_free(once), MPI_ERR_ARG, {"is not memory of MPIX_Mem_alloc"}));
}

TEST_F(BuffersErrors, OfAllocations) {
  void* made = nullptr;
  EXPECT_TRUE(is_error(
      MPIX_Mem_alloc(comm_, -1, &made), MPI_ERR_ARG,
      {"MPIX_Mem_alloc: rank " + std::to_string(world_rank()) + ": bytes = -1 is negative"}));
  EXPECT_TRUE(is_error(MPIX_Mem_alloc(comm_, 1, nullptr), MPI_ERR_ARG, {"baseptr is NULL"}));
  const int descriptors = open_descriptors();
  EXPECT_NE(MPIX_Mem_alloc(comm_, MPI_Aint{1} << 60, &made), MPI_SUCCESS);
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(made, nullptr);
  const ScopedComm detached = ScopedComm::dup(MPI_COMM_WORLD);
  EXPECT_TRUE(is_error(MPIX_Mem_alloc(detached, 100, &made), MPI_ERR_COMM,
                       {"comm is not attached", "MPIX_Comm_attach"}));
  EXPECT_EQ(made, nullptr);
  EXPECT_TRUE(works(comm_));
}

TEST_F(BuffersErrors, AreNoneOfMemoryThatOutlivesItsCommunicator) {
  void* none = nullptr;
  ASSERT_EQ(MPIX_Mem_alloc(comm_, 0, &none), MPI_SUCCESS);
  EXPECT_NE(none, nullptr);
  EXPECT_EQ(MPIX_Mem_free(none), MPI_SUCCESS);
  comm_.free();
  const std::vector<int> numbers{1, 2, 3};
  copy_bytes(base(), numbers.data(), numbers.size() * sizeof(int));
  std::vector<int> found(3);
  copy_bytes(found.data(), base(), found.size() * sizeof(int));
  EXPECT_EQ(found, numbers);
  const ScopedComm other = ScopedComm::dup(MPI_COMM_WORLD);
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  EXPECT_EQ(MPIX_Buffer_register(other, base(), kBytes, &buffer), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Buffer_deregister(&buffer), MPI_SUCCESS);
}

TEST_F(BuffersErrors, OfAnAbortedCommunicatorKeepNobodyWaiting) {
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  ASSERT_EQ(MPIX_Buffer_register(comm_, base(), kBytes, &buffer), MPI_SUCCESS);
  EXPECT_EQ(MPIX_Comm_abort(comm_), MPI_SUCCESS);
  static_cast<void>(MPIX_Buffer_deregister(&buffer));
  EXPECT_EQ(buffer, MPIX_BUFFER_NULL);
}

}  // namespace
}  // namespace causeway::test
