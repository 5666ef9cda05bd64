// Buffers that begin at MPI_BOTTOM: displacements, or those in datatypes, are addresses.
#include "call.hpp"
#include "gpu_memory.hpp"
#include "made_types.hpp"
#include "scoped_mpi.hpp"
#include "world.hpp"

#include <causeway/mpix.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::test {
namespace {

/// Each rank's blocks are somewhere in memory of its own, and every call is told where by address.
class DatatypesFromBottom : public testing::Test {
 protected:
  DatatypesFromBottom() {
    for (std::size_t peer = 0; peer < ranks_; ++peer) {
      counts_.push_back(static_cast<MPI_Count>(size_of(own_, peer)));
      asked_.push_back(static_cast<MPI_Count>(size_of(peer, own_)));
      sent_.emplace_back(size_of(own_, peer));
      for (std::size_t i = 0; i < sent_.back().size(); ++i) {
        sent_.back()[i] = value_of(own_, peer, i);
      }
      received_.emplace_back(size_of(peer, own_) + 1, -1.0);
    }
    for (std::size_t peer = 0; peer < ranks_; ++peer) {
      from_.push_back(address_of(sent_[peer].data()));
      to_.push_back(address_of(received_[peer].data()));
      types_.push_back(MPI_DOUBLE);
    }
  }

  static MPI_Aint address_of(const double* place) {
    MPI_Aint address = 0;
    MPI_Get_address(place, &address);
    return address;
  }
  /// Some have none, and nowhere.
  static std::size_t size_of(std::size_t from, std::size_t to) {
    return (from * 7 + to * 3) % 5 == 4 ? 0 : 1 + from * 100 + to * 3000;
  }
  static double value_of(std::size_t from, std::size_t to, std::size_t i) {
    return static_cast<double>(from * 1000 + to) + static_cast<double>(i) / 65536;
  }

  void expect_received(int code) const {
    ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
    for (std::size_t peer = 0; peer < ranks_; ++peer) {
      for (std::size_t i = 0; i < size_of(peer, own_); ++i) {
        ASSERT_EQ(received_[peer][i], value_of(peer, own_, i)) << peer << ' ' << i;
      }
      ASSERT_EQ(received_[peer].back(), -1.0);
    }
  }

  /// As blocks of bytes, which addresses are displacements of.
  static std::vector<MPI_Count> bytes_of(std::vector<MPI_Count> counts) {
    for (MPI_Count& count : counts) count *= static_cast<MPI_Count>(sizeof(double));
    return counts;
  }

  const ScopedComm comm_ = ScopedComm::dup(MPI_COMM_WORLD);
  const std::size_t ranks_ = static_cast<std::size_t>(world_size());
  const std::size_t own_ = static_cast<std::size_t>(world_rank());
  std::vector<MPI_Count> counts_;
  std::vector<MPI_Count> asked_;
  std::vector<MPI_Aint> from_;
  std::vector<MPI_Aint> to_;
  std::vector<MPI_Datatype> types_;
  std::vector<std::vector<double>> sent_;
  std::vector<std::vector<double>> received_;
};

TEST_F(DatatypesFromBottom, Alltoallw) {
  expect_received(MPIX_Alltoallw_c(MPI_BOTTOM, counts_.data(), from_.data(), types_.data(),
                                   MPI_BOTTOM, asked_.data(), to_.data(), types_.data(), comm_));
}

TEST_F(DatatypesFromBottom, Alltoallv) {
  const std::vector<MPI_Count> sends = bytes_of(counts_);
  const std::vector<MPI_Count> asks = bytes_of(asked_);
  expect_received(MPIX_Alltoallv_c(MPI_BOTTOM, sends.data(), from_.data(), MPI_BYTE, MPI_BOTTOM,
                                   asks.data(), to_.data(), MPI_BYTE, comm_));
}

TEST_F(DatatypesFromBottom, Plan) {
  if (on_gpus()) GTEST_SKIP() << "a plan's buffers are memory of the device";
  const std::vector<MPI_Count> sends = bytes_of(counts_);
  const std::vector<MPI_Count> asks = bytes_of(asked_);
  MPIX_Plan plan = MPIX_PLAN_NULL;
  ASSERT_EQ(MPIX_Alltoallv_plan_c(MPI_BOTTOM, sends.data(), from_.data(), MPI_BYTE, MPI_BOTTOM,
                                  asks.data(), to_.data(), MPI_BYTE, comm_, MPI_INFO_NULL, &plan),
            MPI_SUCCESS);
  for (int i = 0; i < 2; ++i) expect_received(MPIX_Plan_start(plan, nullptr));
  MPIX_Plan_free(&plan);
}

TEST_F(DatatypesFromBottom, DerivedTypesInAlltoallw) {
  // Displacements that are ints, and addresses in the types: of every second double, and gaps.
  std::vector<ScopedType> owned;
  std::vector<MPI_Datatype> types;
  std::vector<std::vector<double>> spread;
  const std::vector<int> ones(ranks_, 1);
  const std::vector<int> zeros(ranks_, 0);
  std::vector<int> asks;
  for (std::size_t peer = 0; peer < ranks_; ++peer) {
    const std::size_t size = size_of(peer, own_);
    spread.emplace_back(2 * size + 1, -1.0);
    const ScopedType every_second = vector(MPI_DOUBLE, static_cast<int>(size), 1, 2);
    owned.push_back(structure({1}, {address_of(spread.back().data())}, {every_second}));
    types.push_back(owned.back());
    asks.push_back(size == 0 ? 0 : 1);
  }
  std::vector<ScopedType> sending;
  std::vector<MPI_Datatype> sending_types;
  for (std::size_t peer = 0; peer < ranks_; ++peer) {
    sending.push_back(structure({static_cast<int>(counts_[peer])}, {from_[peer]}, {MPI_DOUBLE}));
    sending_types.push_back(sending.back());
  }
  const int code = MPIX_Alltoallw(MPI_BOTTOM, ones.data(), zeros.data(), sending_types.data(),
                                  MPI_BOTTOM, asks.data(), zeros.data(), types.data(), comm_);
  ASSERT_EQ(code, MPI_SUCCESS) << sentence(code);
  for (std::size_t peer = 0; peer < ranks_; ++peer) {
    for (std::size_t i = 0; i < spread[peer].size(); ++i) {
      const bool is_sent = i % 2 == 0 && i / 2 < size_of(peer, own_);
      ASSERT_EQ(spread[peer][i], is_sent ? value_of(peer, own_, i / 2) : -1.0) << peer << ' ' << i;
    }
  }
}

TEST_F(DatatypesFromBottom, WhatBeginsNearNullIsAMistake) {
  from_.assign(ranks_, 4096);
  counts_.assign(ranks_, 2);
  const int code = MPIX_Alltoallw_c(nullptr, counts_.data(), from_.data(), types_.data(),
                                    MPI_BOTTOM, asked_.data(), to_.data(), types_.data(), comm_);
  EXPECT_TRUE(is_error(
      code, MPI_ERR_BUFFER,
      {"sendbuf is NULL on rank " + std::to_string(own_), "sendcounts[0] = 2", "address 4096"}));
}

}  // namespace
}  // namespace causeway::test
