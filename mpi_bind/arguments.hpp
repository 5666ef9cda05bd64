// The arguments of an exchange as blocks of bytes.
#pragma once

#include "datatype.hpp"

#include <extent.hpp>
#include <status.hpp>

#include <mpi.h>

#include <cstddef>
#include <span>
#include <vector>

namespace causeway::mpi {

/// How arguments say what the blocks of a side are.
enum class Form {
  kUneven,  ///< each has a count and a displacement, in extents of the type that all have
  kTyped,   ///< each has a type of its own too, and displacements are bytes
  kEqual    ///< all have one count, and lie one behind the other
};

/// One side's arguments of an exchange, with the names that errors call them by.
template <class Count, class Displacement>
struct Side {
  Form form;
  const char* buffer_name;
  const void* buffer;
  const char* counts_name;
  const Count* counts;  ///< kEqual: of each block
  const char* displacements_name;
  const Displacement* displacements;
  const char* type_name;
  MPI_Datatype type;
  const MPI_Datatype* types = nullptr;  ///< kTyped
};

/// The sides of MPI's calls. What is pointed to stays the caller's.
template <class Count, class Displacement>
Side<Count, Displacement> sends(const void* buffer, const Count* counts,
                                const Displacement* displacements, MPI_Datatype type) {
  return {Form::kUneven, "sendbuf",     buffer,     "sendcounts", counts,
          "sdispls",     displacements, "sendtype", type};
}
template <class Count, class Displacement>
Side<Count, Displacement> receives(void* buffer, const Count* counts,
                                   const Displacement* displacements, MPI_Datatype type) {
  return {Form::kUneven, "recvbuf",     buffer,     "recvcounts", counts,
          "rdispls",     displacements, "recvtype", type};
}
template <class Count, class Displacement>
Side<Count, Displacement> sends(const void* buffer, const Count* counts,
                                const Displacement* displacements, const MPI_Datatype* types) {
  return {Form::kTyped, "sendbuf",     buffer,      "sendcounts",      counts,
          "sdispls",    displacements, "sendtypes", MPI_DATATYPE_NULL, types};
}
template <class Count, class Displacement>
Side<Count, Displacement> receives(void* buffer, const Count* counts,
                                   const Displacement* displacements, const MPI_Datatype* types) {
  return {Form::kTyped, "recvbuf",     buffer,      "recvcounts",      counts,
          "rdispls",    displacements, "recvtypes", MPI_DATATYPE_NULL, types};
}
template <class Count>
Side<Count, MPI_Aint> sends(const void* buffer, const Count& count, MPI_Datatype type) {
  return {Form::kEqual, "sendbuf", buffer, "sendcount", &count, nullptr, nullptr, "sendtype", type};
}
template <class Count>
Side<Count, MPI_Aint> receives(void* buffer, const Count& count, MPI_Datatype type) {
  return {Form::kEqual, "recvbuf", buffer, "recvcount", &count, nullptr, nullptr, "recvtype", type};
}

/// What an exchange needs, made of the caller's arguments. Where a buffer was MPI_BOTTOM, or NULL,
/// it is an address that blocks lie at instead, and they count from there.
struct Blocks {
  const void* sendbuf;
  std::vector<Extent> send;
  void* recvbuf;
  std::vector<Extent> receive;
};

/// The other ends of a side's blocks.
struct Ends {
  std::size_t blocks;
  /// Their ranks, where not every block has one: nothing is looked at of those of MPI_PROC_NULL.
  std::span<const int> ranks = {};
};

/// The blocks that rank `rank` means; none to send where its buffer is MPI_IN_PLACE. The memory of
/// *blocks is reused. For counts and displacements of int and int, MPI_Count and MPI_Aint, int and
/// MPI_Aint.
template <class Count, class Displacement>
Status to_blocks(const Side<Count, Displacement>& send, const Side<Count, Displacement>& receive,
                 int rank, const Ends& targets, const Ends& sources, Blocks* blocks);

}  // namespace causeway::mpi
