// A bootstrap over MPI: the ranks of a communicator.
#pragma once

#include <bootstrap.hpp>

#include <mpi.h>

#include <memory>

namespace causeway::mpi {

/// Exchanges over a private duplicate of a communicator, so that nothing of it can be mistaken for
/// the user's messages, and errors are returned.
class MpiBootstrap final : public Bootstrap {
 public:
  /// Collective over comm.
  static Status create(MPI_Comm comm, std::unique_ptr<MpiBootstrap>* bootstrap);

  /// Collective, as MPI_Comm_free.
  ~MpiBootstrap() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Status allgather(const void* mine, std::size_t bytes, void* all) override;

 private:
  explicit MpiBootstrap(MPI_Comm own);

  MPI_Comm own_;
  int rank_ = 0;
  int size_ = 0;
};

}  // namespace causeway::mpi
