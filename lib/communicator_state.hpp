// Communicator::State: what a communicator is made of.
#pragma once

#include "channel_set.hpp"
#include "communicator.hpp"
#include "engine.hpp"
#include "last_exchange.hpp"
#include "layout_tables.hpp"
#include "regions.hpp"
#include "schedule.hpp"
#include "staging.hpp"
#include "topology.hpp"
#include "tuner.hpp"
#include "watchdog.hpp"

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace causeway {

/// An exchange by copy engines. Its parts follow each other on the stream.
struct EngineExchange {
  Memory words;    ///< of the device
  Schedule ready;  ///< the receivers' buffers may be overwritten
  std::unique_ptr<EngineCopies> copies;
  Schedule done;  ///< what was sent to this rank has arrived
};

/// How far an exchange has come.
struct ExchangeProgress {
  bool in_background = false;
  device::MessageInfo* heard = nullptr;  ///< what is asked to be told of the last message
  Status ready{};                        ///< what kept this rank from taking part, if anything
  Buffers usable{};                      ///< what is exchanged for the caller's buffers
  std::size_t round = 0;                 ///< of its pattern
  Schedule* schedule = nullptr;          ///< of that round, once it is described
  kernels::HostProgress on_host{};
};

/// Exchanges of a communicator take turns. A turn may end on another thread than it began on.
class Turn {
 public:
  void lock() {
    std::unique_lock lock(mutex_);
    free_again_.wait(lock, [&] { return !taken_; });
    taken_ = true;
  }
  bool try_lock() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(taken_, true);
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    taken_ = false;
    free_again_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_again_;
  bool taken_ = false;
};

/// An exchange in the background: its blocks, and how far it has come.
struct BegunExchange {
  BegunExchange(const Buffers& of, std::function<void(const Status&)> when_done);

  std::vector<Extent> send;
  std::vector<Extent> receive;
  Buffers buffers;  ///< that refer to those
  std::function<void(const Status&)> done;
  bool has_turn = false;  ///< and what follows has begun
  ExchangeProgress progress;
};

/// A round that is ready to be launched.
struct PlannedRound {
  Schedule schedule;
  std::unique_ptr<EngineExchange> engine;  ///< makes it instead, on all ranks, where there is one
};

/// An exchange that is ready to be launched, and what it refers to.
struct PlannedExchange {
  Pattern pattern;
  std::vector<PlannedRound> rounds;
  std::vector<Extent> send;  ///< these two keep the layouts
  std::vector<Extent> receive;
  const Region* region;  ///< made for it
};

/// Made by set_up(), in communicator_attach.cpp; buffers and plans are in communicator_plans.cpp,
/// exchanges in the background in communicator_begun.cpp, the rest is in communicator.cpp.
class Communicator::State {
 public:
  ~State();

  /// Collective. On failure every rank gets the same error.
  Status set_up(Bootstrap& bootstrap, const Config& config, std::uint64_t spares);

  /// Local: makes one that rests, of memory that was made with that of `first`, which has so many
  /// spares.
  Status set_up_spare(const State& first, std::uint64_t index);
  std::uint64_t spares() const { return may_rest_ ? spares_ : 0; }

  /// What Communicator has of one that rests; rest() says whether it does.
  bool rest();
  bool suits(const Config& config) const;
  Status wake();
  void rise();

  /// Says, on one rank, what it was set up with.
  void announce() const;

  /// Makes a call when it is its turn. Of a failure that it finds all ranks know when it returns.
  /// What the call throws it throws after all that concerns other ranks.
  template <typename Call>
  Status in_turn(Call&& call) {
    const std::lock_guard lock(turn_);
    const Status status = guarded(call);
    if (network && channels.abort_word() != 0) network->await_spread();
    return status;
  }

  /// These are called by whoever has the turn. Without buffers the rank takes no part.
  Status exchange(const Pattern* pattern, const Buffers* buffers,
                  device::MessageInfo* heard = nullptr, bool in_background = false);
  /// Makes what waits for no rank that has not come, where it is this exchange's turn and no other
  /// processor could do it; true, and done() was called, if that is all. The exchange keeps its
  /// turn.
  bool begin(BegunExchange* begun);
  /// Makes the rest, and calls done().
  void finish(BegunExchange* begun);
  Status enqueue(const Pattern* pattern, const Buffers* buffers, void* stream);
  Status start(const PlannedExchange& planned, void* stream);

  /// These take their turn.
  Status register_buffer(Bootstrap& bootstrap, void* base, std::uint64_t bytes, const Status& valid,
                         const Region** region);
  Status deregister_buffer(Bootstrap& bootstrap, const Region* region);
  Status plan_exchange(Bootstrap& bootstrap, const Buffers& buffers, const Status& valid,
                       const PlannedExchange** planned, const PlanSettings& settings);
  Status free_planned(Bootstrap& bootstrap, const PlannedExchange* planned);

  /// Fails the communicator on every rank.
  void fail(Failure failure);

  /// What has made the communicator unusable.
  Status failure() const;

  Topology topology;
  std::unique_ptr<DeviceBackend> backend;
  RegionSet regions;
  ChannelSet channels;
  std::unique_ptr<Network> network;  ///< null where all ranks run on one host
  ScheduleLimits limits{};
  device::Communicator handle{};
  std::uint64_t number = 0;  ///< see Communicator

 private:
  using Clock = std::chrono::steady_clock;
  struct Wishes;

  /// A schedule, and what it is of.
  struct Made {
    Schedule schedule;
    LastExchange of;
    std::uint64_t changes = 0;  ///< of regions until then
  };

  /// For launches of up to `blocks` thread blocks.
  Tuner make_tuner(std::uint32_t blocks) const;
  Status set_up_device(Bootstrap& bootstrap, const Config& config, Wishes agreed,
                       const std::vector<Wishes>& all);
  void set_links(const std::vector<std::uint8_t>& pullers);
  void set_handle(const Config& config);
  void watch_peers();
  void end_on_gpu(std::chrono::seconds patience);
  void leave_to_graphs();
  template <typename Call>
  Status with_all(Bootstrap& bootstrap, Call&& call);
  Status failure_of_call(Clock::time_point* deadline) const;
  const Pattern& pattern_or_all(const Pattern* pattern) const {
    return pattern != nullptr ? *pattern : all_;
  }
  Status describe(const ScheduleLimits& within, const Pattern& pattern, const Round& round,
                  const Buffers* buffers, Schedule* schedule);
  Status start(const Buffers* buffers, ExchangeProgress* progress);
  Status go_on(const Pattern& pattern, const Buffers* buffers, bool waits,
               ExchangeProgress* progress, bool* over);
  bool advance(ExchangeProgress* progress) const;
  Status run_round(const ExchangeProgress& progress);
  Status end(const Buffers* buffers, const ExchangeProgress& progress);
  Status describe_or_decline(const Pattern& pattern, const Round& round, const Buffers* buffers,
                             Status* usable, Schedule** ready);
  bool is_repeated(const Made& made, const Pattern& pattern, const Buffers& buffers) const;
  void set_launch(const Buffers& buffers, kernels::ExchangeArgs* args) const;
  void name_region(kernels::ExchangeArgs* args) const;
  Status find_layouts(Schedule* schedule);
  Status open_rings(bool declined);
  bool posts_in_ring() const { return network && backend->kind() != DeviceKind::kHost; }
  Status check_stream(const void* stream) const;
  Status check_for_device(const Buffers& buffers) const;
  Status agree_on_engine(Bootstrap& bootstrap, const ScheduleLimits& within, const Buffers& buffers,
                         const Region& region, bool* by_engine);
  Status prepare(Bootstrap& bootstrap, const Buffers& buffers, const BlockTable& table,
                 const PlanSettings& settings, PlannedExchange* planned);
  Status prepare(const Words& words, std::byte* memory, Schedule* schedule);
  Status prepare(const Buffers& buffers, const BlockTable& table, std::size_t round,
                 const Region& region, EngineExchange* exchange);
  Status start(const EngineExchange& exchange, void* stream);
  Status outcome_of_launches(const Status& earlier);
  Status launch(const Schedule& schedule, void* stream);
  Status result();

  Turn turn_;
  std::shared_ptr<DescriptorServer> descriptors_;  ///< null where peers need none to open memory
  std::vector<device::LinkKind> links_;            ///< by rank
  std::vector<std::uint8_t> pullers_;              ///< by rank, see ScheduleLimits
  std::vector<TuningRule> rules_;                  ///< of this rank, on top of the built-in ones
  std::unique_ptr<const Tuner> tuner_;
  Pattern all_{};  ///< each rank with each
  Messages messages_;
  std::array<Made, 8>
      made_;  ///< the last ones, and the first of exchanges that nothing is known of
  std::vector<std::unique_ptr<PlannedExchange>> planned_;
  std::size_t plans_made_ = 0;
  LayoutTables layouts_;
  Staging staging_;
  Config config_;
  std::uint64_t spares_ = 0;
  bool tries_reading_ = false;  ///< whether messages may be read where they lie, if they can be
  bool may_rest_ = true;        ///< all that it needs is memory of one host, and peers are watched
  // Of the thread of exchanges in the background:
  bool has_spare_processor_ = true;
  std::uint32_t yields_in_background_ = 0;  ///< see WaitControl
  bool complete_ = false;                   ///< all ranks are set up
  std::uint64_t timeout_seconds_ = 0;
  std::vector<std::unique_ptr<Watch>> watches_;  ///< of peers; they end before what they tell
};

}  // namespace causeway
