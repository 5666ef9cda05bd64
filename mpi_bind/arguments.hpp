// The arguments of an alltoallv as blocks of bytes.
#pragma once

#include "datatype.hpp"

#include <extent.hpp>
#include <status.hpp>

#include <mpi.h>

#include <vector>

namespace causeway::mpi {

/// One side's arguments of an alltoallv, with the names that errors call them by.
template <class Count, class Displacement>
struct Side {
  const char* buffer_name;
  const void* buffer;
  const char* counts_name;
  const Count* counts;
  const char* displacements_name;
  const Displacement* displacements;
  const char* type_name;
  MPI_Datatype type;
  bool is_alltoallw = false;  ///< displacements are bytes, and each block has its own type:
  const MPI_Datatype* types = nullptr;
};

/// What an exchange needs, made of the caller's arguments. Where a buffer was MPI_BOTTOM, or NULL,
/// it is an address that blocks lie at instead, and they count from there.
struct Blocks {
  const void* sendbuf;
  std::vector<Extent> send;
  void* recvbuf;
  std::vector<Extent> receive;
};

/// The blocks that rank `rank` of `size` ranks means; none to send where its buffer is
/// MPI_IN_PLACE. The memory of *blocks is reused. For int and int, and for MPI_Count and MPI_Aint.
template <class Count, class Displacement>
Status to_blocks(const Side<Count, Displacement>& send, const Side<Count, Displacement>& receive,
                 int rank, int size, Blocks* blocks);

}  // namespace causeway::mpi
