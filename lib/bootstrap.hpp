// Bootstrap: what the library needs from whatever started the ranks.
#pragma once

#include "status.hpp"

#include <cstddef>
#include <vector>

namespace causeway {

/// A fixed set of ranks, 0 .. size()-1, that can exchange small pieces of data. Used while a
/// communicator is set up, never by exchanges.
class Bootstrap {
 public:
  virtual ~Bootstrap() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Collective: gathers `bytes` bytes of every rank, in rank order, into all[size() * bytes].
  virtual Status allgather(const void* mine, std::size_t bytes, void* all) = 0;
};

/// Collective: gathers one value of every rank. T is trivially copyable.
template <class T>
Status allgather(Bootstrap& bootstrap, const T& mine, std::vector<T>* all) {
  all->resize(static_cast<std::size_t>(bootstrap.size()));
  return bootstrap.allgather(&mine, sizeof(T), all->data());
}

/// Collective: ok on every rank when `mine` is ok on every rank; else, on every rank, the error of
/// the lowest rank that has one, with that rank's number before it. Also a barrier.
Status agree(Bootstrap& bootstrap, const Status& mine);

}  // namespace causeway
