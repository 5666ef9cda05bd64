// Communicator: the ranks of one MPI communicator, set up to exchange.
#pragma once

#include "bootstrap.hpp"
#include "buffers.hpp"
#include "config.hpp"
#include "facts.hpp"
#include "task_queue.hpp"

#include <causeway/device/communicator.hpp>
#include <causeway/device/message.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace causeway {

struct PlannedExchange;
struct Region;

/// A registered buffer, as kernels reach it. The tables are memory of the device.
struct BufferView {
  void* base;  ///< of this rank's memory
  std::uint64_t bytes;
  void* const* peers;          ///< by rank: memory as this rank's device writes to it, or null
  const std::uint64_t* sizes;  ///< by rank, in bytes
};

class Communicator;

/// Communicators that rest from the beginning, for others of the same ranks and settings: many have
/// their memory in few mappings.
struct Spares {
  std::uint64_t wanted = 0;                         ///< the smallest value of any rank counts
  std::vector<std::unique_ptr<Communicator>> made;  ///< up to so many, in the same order everywhere
};

/// Owns the memory, channels and threads behind exchanges. Exchanges of one communicator take
/// turns.
class Communicator {
 public:
  /// Collective over the bootstrap, as whatever takes one below: it may be another one then, of the
  /// same ranks. When a bootstrap breaks, the communicator fails. `config` is this rank's, and
  /// `config_status` what reading it gave: a rank that could not read it takes part so that all
  /// ranks fail. On failure every rank gets the same error and nothing is left behind.
  static Status create(Bootstrap& bootstrap, const Config& config, const Status& config_status,
                       std::unique_ptr<Communicator>* communicator, Spares* spares = nullptr);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  /// Ends a communicator whose calls are over, and keeps what can serve another one of the same
  /// ranks: waits for exchanges in the background. Null where nothing can. Local.
  static std::unique_ptr<Communicator> rest(std::unique_ptr<Communicator> ended);

  /// Of one that rests. number(): the same on all ranks, and of no other communicator.
  /// segment_bytes(): of memory that it keeps, at most. suits(): whether create() with `config`
  /// would set up the same again, by what this rank can see.
  std::uint64_t number() const;
  std::uint64_t segment_bytes() const;
  bool suits(const Config& config) const;

  /// Has one that rests on all ranks be as create() left it. Local. When it has returned on all
  /// ranks they may exchange, each after its rise(), which fails the communicator if a peer's
  /// process has ended meanwhile. One that was not woken by all ranks is of no use any more:
  /// give_up() has peers that go on all the same hear of it.
  Status wake();
  void rise();
  void give_up();

  /// Whom the thread that calls an exchange calls now and then while it waits: whatever else of the
  /// program has to move on for the peers to come. Before the first exchange.
  void set_idle(void (*idle)());

  /// What this rank knows of itself and its links.
  RankFacts facts() const;

  int rank() const;
  int size() const;

  /// Collective, as all exchanges below, but that ranks which the pattern has no edge between do
  /// not wait for each other. Returns when recvbuf is filled and sendbuf may be changed. kTruncated
  /// and kPeer leave the communicator usable; after kFailed every exchange fails.
  Status exchange(const Buffers& buffers, device::MessageInfo* heard = nullptr);

  /// Collective: begins an exchange and returns. A thread of the communicator's own runs it after
  /// those begun before, and then calls done(), which throws nothing; every call above or below
  /// that exchanges waits for those begun first. The blocks of `buffers` are copied, what they
  /// point to belongs to the exchange until done() is called. Throws, and has begun nothing, where
  /// no thread or no memory can be had.
  void begin(const Buffers& buffers, std::function<void(const Status&)> done);

  /// Collective: enqueues an exchange on a stream of the communicator's device and returns; on the
  /// host device `stream` is null and the exchange is done when this returns. Buffers are memory
  /// that the device can address. What goes wrong on the stream is what a later call returns.
  Status enqueue(const Buffers& buffers, void* stream);

  /// Makes memory of the communicator's device for a user, who gives it back with
  /// release_allocation(). Local.
  Status allocate(std::uint64_t bytes, void** base);

  /// Collective: registers this rank's memory, `bytes` bytes at `base` or none, for the others to
  /// write to. Where `valid` is an error on any rank, every rank gets that. The region is the
  /// communicator's.
  Status register_buffer(Bootstrap& bootstrap, void* base, std::uint64_t bytes, const Status& valid,
                         const Region** region);
  BufferView view(const Region& region) const;
  /// Collective. The region is gone afterwards, whatever this returns.
  Status deregister_buffer(Bootstrap& bootstrap, const Region* region);

  /// Collective: prepares an exchange that start() makes, of buffers that the device can address.
  /// `valid` as above. The plan is the communicator's; the lists of `buffers` are copied. Ranks may
  /// have different settings for it.
  Status plan(Bootstrap& bootstrap, const Buffers& buffers, const Status& valid,
              const PlannedExchange** planned, const PlanSettings& settings = {});
  /// Collective: as enqueue_alltoallv().
  Status start(const PlannedExchange& planned, void* stream);
  /// Collective. The plan is gone afterwards, whatever this returns.
  Status free_planned(Bootstrap& bootstrap, const PlannedExchange* planned);

  /// Takes the place of an exchange that this rank's caller got wrong, or found no memory for:
  /// sends and takes nothing, so that the other ranks of the pattern, as in Buffers, need not wait.
  /// The second throws as begin().
  Status decline(const Pattern* pattern = nullptr);
  void begin_decline(const Pattern* pattern = nullptr);
  Status enqueue_decline(void* stream, const Pattern* pattern = nullptr);

  /// Makes pending and later exchanges fail, here and on the ranks of the same host. Local; from
  /// any thread.
  void abort();

  /// What has made the communicator unusable; ok while it works. Local; from any thread.
  Status error() const;

  /// The handle that kernels take. Its tables live as long as the communicator. Whoever launches
  /// with it takes turns with the calls above.
  device::Communicator device_handle() const;

 private:
  class State;
  explicit Communicator(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
  TaskQueue begun_;  ///< does what is left before the state goes
};

}  // namespace causeway
