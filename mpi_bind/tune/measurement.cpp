// Exchanges of equal messages under different rules: checked, and timed in turns.
#include "measurement.hpp"

#include <causeway/mpix.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>

namespace causeway::tune {

namespace {

constexpr int kMostCalls = 10000;
constexpr double kMostWindow = 0.02;  ///< seconds
constexpr std::size_t kFinalists = 3;

/// Part of a measurement's time in which all candidates take part, and the windows of each; then
/// those of the finalists.
constexpr double kHeats = 0.5;
constexpr int kLeastHeats = 1;
constexpr int kMostHeats = 20;
constexpr int kLeastFinals = 5;
constexpr int kMostFinals = 200;

/// Fills memory with what one rank sends another.
void fill(std::span<std::byte> block, int from, int to) {
  const std::uint64_t pair =
      static_cast<std::uint64_t>(from) << 32 | static_cast<std::uint32_t>(to);
  for (std::size_t at = 0; at < block.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = pair + (at + 1) * 0x9e3779b97f4a7c15U;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9U;
    word ^= word >> 27;
    std::memcpy(&block[at], &word, std::min(sizeof word, block.size() - at));
  }
}

}  // namespace

/// A planned exchange, with a choice for the messages of a cell or as the table in force has it.
class Measurement::Plan {
 public:
  Plan(const Measurement& of, const Cell& cell, const TuningRule* choice) : of_(of) {
    MPI_Info info = MPI_INFO_NULL;
    if (choice != nullptr) {
      const TuningRule rule = rule_for(*choice, cell, {cell.bytes, cell.bytes});
      std::string text = rules_text(std::span(&rule, 1));
      text.pop_back();
      MPI_Info_create(&info);
      MPI_Info_set(info, "causeway_tune", text.c_str());
    }
    if (cell.operation == Operation::kSendrecv) {
      const auto bytes = static_cast<MPI_Count>(cell.bytes);
      of_.require("MPIX_Sendrecv_plan_c",
                  MPIX_Sendrecv_plan_c(of_.sent_, bytes, MPI_BYTE, of_.partner_, 0, of_.received_,
                                       bytes, MPI_BYTE, of_.partner_, 0, of_.comm_, info, &plan_));
    } else {
      of_.require("MPIX_Alltoallv_plan_c",
                  MPIX_Alltoallv_plan_c(of_.sent_, of_.counts_.data(), of_.places_.data(), MPI_BYTE,
                                        of_.received_, of_.counts_.data(), of_.places_.data(),
                                        MPI_BYTE, of_.comm_, info, &plan_));
    }
    if (info != MPI_INFO_NULL) MPI_Info_free(&info);
  }
  ~Plan() { of_.require("MPIX_Plan_free", MPIX_Plan_free(&plan_)); }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  void start() const { of_.require("MPIX_Plan_start", MPIX_Plan_start(plan_, nullptr)); }

 private:
  const Measurement& of_;
  MPIX_Plan plan_ = MPIX_PLAN_NULL;
};

Measurement::Measurement(MPI_Comm comm, DeviceKind kind, Device& device,
                         const volatile std::sig_atomic_t* stop)
    : comm_(comm), kind_(kind), device_(device), stop_(stop) {
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &size_);
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
  int first_here = rank_;
  MPI_Bcast(&first_here, 1, MPI_INT, 0, host);
  MPI_Comm_free(&host);
  hosts_.resize(static_cast<std::size_t>(size_));
  MPI_Allgather(&first_here, 1, MPI_INT, hosts_.data(), 1, MPI_INT, comm_);
  for (int peer = 0; peer < size_; ++peer) {
    const int host_of_peer = hosts_[static_cast<std::size_t>(peer)];
    any_near_ = any_near_ || host_of_peer != peer;
    any_far_ = any_far_ || host_of_peer != hosts_.front();
  }
}

Measurement::~Measurement() {
  plans_.clear();
  for (void* const memory : {sent_, received_}) {
    if (memory != nullptr) MPIX_Mem_free(memory);
  }
}

void Measurement::require(const char* call, int code) const {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  require(Status::error(ErrorKind::kFailed, "%s", length > 0 ? text : call));
}

void Measurement::require(const Status& status) const {
  if (status.ok()) return;
  std::fprintf(stderr, "causeway-tune: on rank %d: %s\n", rank_, status.message().c_str());
  std::fflush(nullptr);
  MPI_Abort(comm_, 1);
}

Status Measurement::allocate(std::uint64_t bytes) {
  const std::uint64_t all = bytes * static_cast<std::uint64_t>(size_);
  int code = MPIX_Mem_alloc(comm_, static_cast<MPI_Aint>(all), &sent_);
  if (code == MPI_SUCCESS) code = MPIX_Mem_alloc(comm_, static_cast<MPI_Aint>(all), &received_);
  int got = code == MPI_SUCCESS ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &got, 1, MPI_INT, MPI_MIN, comm_);
  if (got == 1) return {};
  return Status::error(ErrorKind::kSystem,
                       "there is no memory for messages of %llu bytes to each of %d ranks; take "
                       "smaller --sizes",
                       static_cast<unsigned long long>(bytes), size_);
}

Measurement::Agreed Measurement::agree(double window) const {
  double most[] = {window, MPI_Wtime() - begun_, *stop_ != 0 ? 1.0 : 0.0};
  MPI_Allreduce(MPI_IN_PLACE, most, 3, MPI_DOUBLE, MPI_MAX, comm_);
  return {most[0], most[1], most[2]};
}

Measurement::Agreed Measurement::time(const Plan& plan, int calls) const {
  MPI_Barrier(comm_);
  const double start = MPI_Wtime();
  for (int call = 0; call < calls; ++call) plan.start();
  require(device_.wait());
  return agree((MPI_Wtime() - start) / calls);
}

/// The rank with which this one forms a pair on links of a kind, or none: on a host the ranks in
/// their order, two by two; between hosts the first ranks of all, then the second ones, and so on.
int Measurement::partner_on(device::LinkKind link) const {
  std::vector<int> ranks(hosts_.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  const auto host = [&](int rank) { return hosts_[static_cast<std::size_t>(rank)]; };
  const auto place_on_host = [&](int rank) {
    return std::count(hosts_.begin(), hosts_.begin() + rank, host(rank));
  };
  if (link == kMemory) {
    std::erase_if(ranks, [&](int rank) { return host(rank) != host(rank_); });
  } else {
    std::ranges::stable_sort(ranks, {}, place_on_host);
  }
  const auto own = std::ranges::find(ranks, rank_) - ranks.begin();
  const auto other = static_cast<std::size_t>(own ^ 1);
  if (other >= ranks.size()) return MPI_PROC_NULL;
  const int partner = ranks[other];
  return (host(partner) == host(rank_)) == (link == kMemory) ? partner : MPI_PROC_NULL;
}

void Measurement::lay_out(const Cell& cell) {
  partner_ = partner_on(cell.link);
  counts_.clear();
  places_.clear();
  std::size_t all = 0;
  for (int peer = 0; peer < size_; ++peer) {
    // What a rank sends itself is part of an alltoallv.
    const bool is_near =
        hosts_[static_cast<std::size_t>(peer)] == hosts_[static_cast<std::size_t>(rank_)];
    const bool takes_part = cell.operation == Operation::kSendrecv
                                ? peer == partner_
                                : peer == rank_ || is_near == (cell.link == kMemory);
    places_.push_back(static_cast<MPI_Aint>(all));
    counts_.push_back(takes_part ? static_cast<MPI_Count>(cell.bytes) : 0);
    all += static_cast<std::size_t>(counts_.back());
  }
  got_.resize(all);
  expected_.resize(all);
  for (std::size_t peer = 0; peer < counts_.size(); ++peer) {
    const auto place = static_cast<std::size_t>(places_[peer]);
    const auto bytes = static_cast<std::size_t>(counts_[peer]);
    fill(std::span(got_).subspan(place, bytes), rank_, static_cast<int>(peer));
    fill(std::span(expected_).subspan(place, bytes), static_cast<int>(peer), rank_);
  }
  require(device_.copy(sent_, got_.data(), all));
  spoiled_.resize(all);
  std::ranges::transform(expected_, spoiled_.begin(), [](std::byte byte) { return ~byte; });
}

/// Makes an exchange and looks at all that it received.
Status Measurement::check(const Plan& plan, const std::string& of) {
  require(device_.copy(received_, spoiled_.data(), spoiled_.size()));
  plan.start();
  require(device_.wait());
  require(device_.copy(got_.data(), received_, got_.size()));
  const bool right = std::memcmp(got_.data(), expected_.data(), got_.size()) == 0;
  int lowest = right ? size_ : rank_;
  MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT, MPI_MIN, comm_);
  if (lowest == size_) return {};
  long long place = std::ranges::mismatch(got_, expected_).in1 - got_.begin();
  MPI_Bcast(&place, 1, MPI_LONG_LONG, lowest, comm_);
  return Status::error(ErrorKind::kFailed, "byte %lld that rank %d received with %s is wrong",
                       place, lowest, of.c_str());
}

/// Times plans in turns, from `least` to `most` windows each, while `until` seconds have not
/// passed. Returns whether all ranks go on.
bool Measurement::measure_turns(const std::vector<std::size_t>& who, int calls, double until,
                                int least, int most) {
  for (int turn = 0; turn < most; ++turn) {
    for (const std::size_t i : who) {
      const Agreed agreed = time(*plans_[i], calls);
      if (agreed.stop != 0) return false;
      seconds_[i].push_back(agreed.window);
      if (turn >= least && i == who.back() && agreed.elapsed > until) return true;
    }
  }
  return true;
}

Status Measurement::measure(const Cell& cell, double seconds, Finding* finding, Outcome* outcome) {
  *outcome = Outcome::kStopped;
  begun_ = MPI_Wtime();
  lay_out(cell);
  const std::vector<TuningRule> choices = candidates(kind_, cell);
  plans_.clear();
  seconds_.assign(choices.size() + 1, {});
  for (std::size_t i = 0; i <= choices.size(); ++i) {
    const TuningRule* const choice = i == 0 ? nullptr : &choices[i - 1];
    plans_.push_back(std::make_unique<Plan>(*this, cell, choice));
    CAUSEWAY_TRY(
        check(*plans_.back(), choice == nullptr ? "the table in force" : choice_text(*choice)));
    if (agree(0).stop != 0) return {};
  }
  const double window = std::min(kMostWindow, seconds / 10 / static_cast<double>(plans_.size()));
  int calls = 1;
  Agreed agreed = time(*plans_.front(), calls);
  // What is called first, and seldom, takes longer.
  while (calls < kMostCalls && agreed.window * calls < window / 2) {
    calls *= 2;
    agreed = time(*plans_.front(), calls);
  }
  const double heats = agreed.elapsed + std::max(0.0, seconds - agreed.elapsed) * kHeats;
  std::vector<std::size_t> who(plans_.size());
  std::iota(who.begin(), who.end(), 0);
  if (!measure_turns(who, calls, heats, kLeastHeats, kMostHeats)) return {};
  who = finalists(seconds_, kFinalists);
  who.insert(who.begin(), 0);
  // A lucky window does not make a winner: the finals are judged by themselves.
  for (auto& windows : seconds_) windows.clear();
  if (!measure_turns(who, calls, seconds, kLeastFinals, kMostFinals)) return {};
  const auto [best, dropped] = judge(seconds_);
  *finding = {cell, median(seconds_.front()), median(seconds_[best.value_or(0)]), std::nullopt};
  if (best) finding->choice = choices[*best - 1];
  if (dropped) {
    finding->dropped = {choices[*dropped - 1], median(seconds_[*dropped]),
                        quartiles(seconds_[*dropped]), quartiles(seconds_.front())};
  }
  plans_.clear();
  *outcome = Outcome::kDone;
  return {};
}

}  // namespace causeway::tune
