// What is kept of communicators that were freed, for others of the same ranks.
#pragma once

#include "mpi_bootstrap.hpp"

#include <communicator.hpp>

#include <mpi.h>

#include <cstdint>
#include <list>
#include <memory>
#include <utility>

namespace causeway::mpi {

/// A group of processes, for those who compare communicators with it.
class Group {
 public:
  /// The group of a communicator, or none.
  explicit Group(MPI_Comm comm) { PMPI_Comm_group(comm, &group_); }
  ~Group() {
    if (group_ != MPI_GROUP_NULL) PMPI_Group_free(&group_);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// Whether it is the same processes in the same order.
  bool is(const Group& other) const {
    int relation = MPI_UNEQUAL;
    return PMPI_Group_compare(group_, other.group_, &relation) == MPI_SUCCESS &&
           relation == MPI_IDENT;
  }

 private:
  MPI_Group group_ = MPI_GROUP_NULL;
};

/// What serves a communicator of the same processes in the same order, with the same settings.
struct KeptCommunicator {
  std::shared_ptr<const Group> group;
  OwnedBootstrap bootstrap;  ///< null of one that nobody has used
  std::unique_ptr<Communicator> communicator;
};

/// The last communicators that were freed, up to a number and a sum of bytes, and others that were
/// made beforehand. Each rank has what it has freed: whoever takes from here asks the other ranks
/// whether they have it too. Any thread may call these, one at a time.
class KeptCommunicators {
 public:
  using List = std::list<KeptCommunicator>;

  /// Takes the last one that serves `comm`, else the first one of those made beforehand, or none;
  /// throws where there is no memory to tell.
  List take(MPI_Comm comm, const Config& config);

  /// Adds one. Returns those which there is no more room for: they are for the caller to free.
  List add(List one);

  /// Adds those that were made beforehand, and returns the ones before.
  List replace_spares(List made) { return std::exchange(spares_, std::move(made)); }

  /// Takes all.
  List take_all() {
    List all = std::move(kept_);
    all.splice(all.end(), spares_);
    kept_.clear();
    return all;
  }

 private:
  List kept_;    ///< the oldest is the first
  List spares_;  ///< of one group and settings
};

}  // namespace causeway::mpi
