// A bootstrap over MPI: the ranks of a communicator.
#pragma once

#include <bootstrap.hpp>

#include <mpi.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace causeway::mpi {

/// Exchanges over a private duplicate of a communicator, so that nothing of it can be mistaken for
/// the user's messages, and errors are returned. Waiting ends by a time limit.
class MpiBootstrap final : public Bootstrap {
 public:
  MpiBootstrap() = default;

  /// As MPI_Comm_free. Not of one that is broken, see OwnedBootstrap.
  ~MpiBootstrap() override { leave(); }

  /// Collective over comm: makes the duplicate. A rank waits for another for `patience` seconds at
  /// most, 0 for ever. Throws nothing.
  Status join(MPI_Comm comm, std::uint64_t patience);

  /// The steps of it, in this order: ranks meet twice, and then make the duplicate. *same is
  /// whether all ranks came with the same `word`, and that is not 0.
  Status meet_first(MPI_Comm comm, std::uint64_t patience, std::uint64_t word, bool* same);
  Status meet_again(MPI_Comm comm, std::uint64_t word, bool* same) {
    return meet(comm, 2, word, same);
  }
  Status duplicate(MPI_Comm comm);

  /// Frees the duplicate.
  void leave();

  /// The duplicate.
  MPI_Comm own() const { return own_; }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void reserve(std::size_t bytes) override;
  Status allgather(const void* mine, std::size_t bytes, void* all) override;
  Status smallest(std::uint64_t* word) override;
  Status tell(int from, void* data, std::size_t bytes) override;

 private:
  Status meet(MPI_Comm comm, std::int64_t round, std::uint64_t word, bool* same);
  Status wait(const char* call, int started);

  MPI_Comm own_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 0;
  std::uint64_t patience_ = 0;
  // What MPI reads and writes until request_ is complete.
  MPI_Request request_ = MPI_REQUEST_NULL;
  std::int64_t words_[4] = {};
  std::int64_t results_[4] = {};
  std::byte told_[kMostTold] = {};
  std::vector<std::byte> room_;
};

/// Keeps a bootstrap in which waiting was given up, for MPI may still write to it.
struct KeepBroken {
  void operator()(MpiBootstrap* bootstrap) const noexcept {
    if (bootstrap->broken().ok()) delete bootstrap;
  }
};
using OwnedBootstrap = std::unique_ptr<MpiBootstrap, KeepBroken>;

}  // namespace causeway::mpi
