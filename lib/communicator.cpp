// Communicator: the ranks of one MPI communicator, set up to exchange.
#include "communicator.hpp"

#include "channel_set.hpp"
#include "failure.hpp"
#include "plan.hpp"
#include "topology.hpp"

#include <launch.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <mutex>
#include <system_error>

namespace causeway {

namespace {

/// A ring size that is larger than any that a rank can ask for.
constexpr std::uint64_t kAutomatic = std::numeric_limits<std::uint64_t>::max();

/// What ranks have to agree on, as each would have it. Plain data.
struct Wishes {
  Place place;
  std::uint64_t ring_bytes;  ///< or kAutomatic
  std::uint64_t lanes;
  std::uint64_t start_count;
};

/// Spinning helps only a thread whose peer runs at the same time, and not for long: it may be the
/// other role of the same rank, waiting for this processor. Some microseconds.
constexpr std::uint32_t kSpinsWithProcessors = 100;

/// Rings of a rank take up to this much together, within the limits below for each.
constexpr std::uint64_t kRingBudget = std::uint64_t{32} << 20;
constexpr std::uint64_t kLeastAutoRing = std::uint64_t{64} << 10;
constexpr std::uint64_t kMostAutoRing = std::uint64_t{1} << 20;

/// Large rings make more messages eager, which one thread can serve without waiting.
std::uint64_t automatic_ring_bytes(std::uint64_t rings) {
  return std::clamp(std::bit_floor(kRingBudget / rings), kLeastAutoRing, kMostAutoRing);
}

}  // namespace

class Communicator::State {
 public:
  Topology topology;
  ChannelSet channels;
  std::unique_ptr<kernels::HostExecutor> executor;
  PlanLimits limits{};
  AlltoallvPlan plan;
  device::FaultReports reports{};
  std::uint64_t timeout_ns = 0;
  std::uint32_t spins = 0;
  std::mutex turn;

  Status set_up(Bootstrap& bootstrap, const Config& config, const Status& config_status);
  Status run(kernels::AlltoallvArgs args);
  void fail(device::Fault cause);
  Status failure() const;
  device::Communicator handle() {
    return channels.handle({channels.abort_word(), &reports, timeout_ns, spins});
  }
};

Status Communicator::State::set_up(Bootstrap& bootstrap, const Config& config,
                                   const Status& config_status) {
  CAUSEWAY_TRY(agree(bootstrap, config_status));
  const Wishes mine{this_place(), config.ring_bytes.value_or(kAutomatic), config.lanes,
                    config.start_count};
  std::vector<Wishes> all;
  CAUSEWAY_TRY(allgather(bootstrap, mine, &all));
  Wishes agreed = all.front();
  std::vector<Place> places;
  for (const Wishes& wishes : all) {
    places.push_back(wishes.place);
    agreed.ring_bytes = std::min(agreed.ring_bytes, wishes.ring_bytes);
    agreed.lanes = std::min(agreed.lanes, wishes.lanes);
    agreed.start_count = std::min(agreed.start_count, wishes.start_count);
  }
  topology = Topology(bootstrap.rank(), std::move(places));
  CAUSEWAY_TRY(topology.check_links());
  if (agreed.ring_bytes == kAutomatic) {
    agreed.ring_bytes = automatic_ring_bytes(agreed.lanes * topology.host_ranks().size());
  }
  CAUSEWAY_TRY(channels.create(
      bootstrap, topology,
      {static_cast<std::uint32_t>(agreed.lanes), agreed.ring_bytes, agreed.start_count}));

  timeout_ns = config.timeout_seconds * 1'000'000'000U;
  spins = static_cast<std::uint32_t>(
      config.spins.value_or(topology.has_processor_per_rank() ? kSpinsWithProcessors : 0));
  const std::uint64_t visits = agreed.lanes * static_cast<std::uint64_t>(topology.size());
  limits = {static_cast<std::uint32_t>(agreed.lanes),
            static_cast<std::uint32_t>(std::min(config.max_ctas, visits)), channels.eager_bytes()};
  Status threads;
  try {
    executor = std::make_unique<kernels::HostExecutor>(2 * limits.max_blocks - 1);
  } catch (const std::system_error& problem) {
    threads = Status::error(ErrorKind::kSystem, "cannot start %u threads: %s",
                            2 * limits.max_blocks - 1, problem.what());
  }
  return agree(bootstrap, threads);
}

/// Runs one exchange and says how it went. The caller has the turn.
Status Communicator::State::run(kernels::AlltoallvArgs args) {
  CAUSEWAY_TRY(failure());
  reports = {};
  args.comm = handle();
  args.send = plan.send.data();
  args.receive = plan.receive.data();
  args.blocks = plan.blocks;
  kernels::launch_alltoallv_host(*executor, args);
  if (reports.fatal.fault != device::Fault::kNone) {
    fail(reports.fatal.fault);
    return fault_status(reports.fatal, topology.rank(), read_abort_word(channels.abort_word()));
  }
  CAUSEWAY_TRY(fault_status(reports.declined, topology.rank(), 0));
  return fault_status(reports.truncated, topology.rank(), 0);
}

void Communicator::State::fail(device::Fault cause) {
  channels.set_abort_words({cause, topology.rank()});
}

Status Communicator::State::failure() const {
  const std::uint64_t word = read_abort_word(channels.abort_word());
  return word == 0 ? Status() : failure_status(Failure::from(word), topology.rank());
}

Communicator::Communicator(std::unique_ptr<State> state) : state_(std::move(state)) {}

Communicator::~Communicator() = default;

Status Communicator::create(Bootstrap& bootstrap, const Config& config, const Status& config_status,
                            std::unique_ptr<Communicator>* communicator) {
  if (config_status.ok()) set_log_level(config.log);
  auto state = std::make_unique<State>();
  CAUSEWAY_TRY(state->set_up(bootstrap, config, config_status));
  if (bootstrap.rank() == 0) {
    log(LogLevel::kInfo, "communicator of %d ranks: host device, %u lanes, rings of %llu bytes",
        state->topology.size(), state->limits.lanes,
        static_cast<unsigned long long>(state->channels.ring_bytes()));
  }
  communicator->reset(new Communicator(std::move(state)));
  return {};
}

int Communicator::rank() const { return state_->topology.rank(); }
int Communicator::size() const { return state_->topology.size(); }

Status Communicator::alltoallv(const void* sendbuf, std::span<const Extent> send, void* recvbuf,
                               std::span<const Extent> receive) {
  const std::lock_guard turn(state_->turn);
  plan_alltoallv(state_->limits, send, receive, &state_->plan);
  kernels::AlltoallvArgs args{};
  args.sendbuf = static_cast<const std::byte*>(sendbuf);
  args.recvbuf = static_cast<std::byte*>(recvbuf);
  return state_->run(args);
}

Status Communicator::decline() {
  const std::lock_guard turn(state_->turn);
  const std::vector<Extent> nothing(static_cast<std::size_t>(size()), Extent{0, 0});
  plan_alltoallv(state_->limits, nothing, nothing, &state_->plan);
  kernels::AlltoallvArgs args{};
  args.declined = true;
  return state_->run(args);
}

void Communicator::abort() { state_->fail(device::Fault::kAborted); }

Status Communicator::error() const { return state_->failure(); }

device::Communicator Communicator::device_handle() const { return state_->handle(); }

}  // namespace causeway
