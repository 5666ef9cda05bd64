// Bootstrap: what the library needs from whatever started the ranks.
#pragma once

#include "status.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace causeway {

/// A fixed set of ranks, 0 .. size()-1, that can exchange small pieces of data. Used while ranks
/// set something up, never by exchanges.
///
/// What is collective here throws nothing and comes to an end, whatever becomes of the other ranks:
/// after an error nothing collective can be done with it any more, and each call returns that error
/// at once.
class Bootstrap {
 public:
  virtual ~Bootstrap() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Makes room for allgather() of up to `bytes` bytes. Local; may throw.
  virtual void reserve(std::size_t bytes) = 0;

  /// Collective: gathers `bytes` bytes of every rank, in rank order, into all[size() * bytes].
  /// Every rank has made room for them.
  virtual Status allgather(const void* mine, std::size_t bytes, void* all) = 0;

  /// Collective: the smallest of every rank's words.
  virtual Status smallest(std::uint64_t* word) = 0;

  /// Most bytes of a tell().
  static constexpr std::size_t kMostTold = 512;

  /// Collective: gives every rank the `bytes` bytes that rank `from` has at `data`.
  virtual Status tell(int from, void* data, std::size_t bytes) = 0;

  /// Has waiting for other ranks end with what is_over() returns once that is an error. It is asked
  /// now and then, on the thread that waits. None where it is empty.
  void watch(std::function<Status()> is_over) { is_over_ = std::move(is_over); }

  /// The error after which nothing can be done any more.
  const Status& broken() const { return broken_; }

 protected:
  Status is_over() const { return is_over_ ? is_over_() : Status(); }
  Status breaks(const Status& error) { return broken_ = error; }

 private:
  std::function<Status()> is_over_;
  Status broken_;
};

/// Has a bootstrap's waiting end for a reason while this lives.
class WaitUntil {
 public:
  WaitUntil(Bootstrap& bootstrap, std::function<Status()> is_over) : bootstrap_(bootstrap) {
    bootstrap_.watch(std::move(is_over));
  }
  ~WaitUntil() { bootstrap_.watch({}); }
  WaitUntil(const WaitUntil&) = delete;
  WaitUntil& operator=(const WaitUntil&) = delete;

 private:
  Bootstrap& bootstrap_;
};

/// Collective: ok on every rank when `mine` is ok on every rank; else, on every rank, the error of
/// the lowest rank that has one, with that rank's number before it. Also a barrier. Throws nothing.
Status agree(Bootstrap& bootstrap, const Status& mine);

/// Collective: runs step(), which returns a Status and is not collective, on every rank and agrees
/// on how it went; what it throws is an error too.
template <class Step>
requires requires(Step step) { Status(step()); }
Status agree(Bootstrap& bootstrap, Step&& step) { return agree(bootstrap, guarded(step)); }

/// Collective: agrees on step() and then gathers one value of every rank, which step() may set. T
/// is trivially copyable.
template <class T, class Step>
Status allgather(Bootstrap& bootstrap, Step&& step, const T& mine, std::vector<T>* all) {
  CAUSEWAY_TRY(agree(bootstrap, [&]() -> Status {
    bootstrap.reserve(sizeof(T));
    all->resize(static_cast<std::size_t>(bootstrap.size()));
    return step();
  }));
  return bootstrap.allgather(&mine, sizeof(T), all->data());
}

/// Collective: gathers one value of every rank.
template <class T>
Status allgather(Bootstrap& bootstrap, const T& mine, std::vector<T>* all) {
  return allgather(
      bootstrap, [] { return Status(); }, mine, all);
}

}  // namespace causeway
