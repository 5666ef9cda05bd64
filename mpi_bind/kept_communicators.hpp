// What is kept of communicators that were freed, for others of the same ranks.
#pragma once

#include "mpi_bootstrap.hpp"

#include <communicator.hpp>

#include <mpi.h>

#include <cstdint>
#include <list>
#include <memory>

namespace causeway::mpi {

/// What serves a communicator of the same processes in the same order, with the same settings.
struct KeptCommunicator {
  OwnedBootstrap bootstrap;
  std::unique_ptr<Communicator> communicator;
};

/// The last communicators that were freed, up to a number and a sum of bytes. Each rank has what it
/// has freed: whoever takes from here asks the other ranks whether they have it too. Any thread may
/// call these, one at a time.
class KeptCommunicators {
 public:
  using List = std::list<KeptCommunicator>;

  /// Takes the last one that serves `comm`, or none; throws where there is no memory to tell.
  List take(MPI_Comm comm, const Config& config);

  /// Adds one. Returns those which there is no more room for: they are for the caller to free.
  List add(List one);

  /// Takes all.
  List take_all() { return std::move(kept_); }

 private:
  List kept_;  ///< the oldest is the first
};

}  // namespace causeway::mpi
