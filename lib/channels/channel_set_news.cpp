// What ranks of a host tell each other through their channels' memory: failures, calls, leaving,
// and what launches report.
#include "channel_set.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <thread>

namespace causeway {

void ChannelSet::set_abort_words(Failure failure) {
  for (std::size_t index = 0; index < controls_.size(); ++index) {
    set_abort_word(abort_words_of(index), failure);
  }
}

void ChannelSet::depart(Stage stage) {
  __atomic_store_n(&control_of(own())->stage, static_cast<std::uint64_t>(stage), __ATOMIC_RELEASE);
}

Stage ChannelSet::stage_of(std::size_t index) const {
  return static_cast<Stage>(__atomic_load_n(&control_of(index)->stage, __ATOMIC_ACQUIRE));
}

void ChannelSet::count_call() {
  __atomic_add_fetch(&control_of(own())->calls, 1, __ATOMIC_RELEASE);
}

std::uint64_t ChannelSet::calls_of(std::size_t index) const {
  return __atomic_load_n(&control_of(index)->calls, __ATOMIC_ACQUIRE);
}

int ChannelSet::rank_behind() const {
  for (std::size_t index = 0; index < controls_.size(); ++index) {
    if (calls_of(index) < calls_of(own())) return topology_->host_ranks()[index];
  }
  return -1;
}

bool ChannelSet::peer_ended(int rank) {
  const std::size_t index = index_of(rank);
  ended_[index] = true;
  return stage_of(index) == Stage::kHere;
}

bool ChannelSet::any_ended() const {
  for (std::size_t index = 0; index < controls_.size(); ++index) {
    if (ended_[index]) return true;
  }
  return false;
}

bool ChannelSet::wait_for_all(Stage stage, std::chrono::seconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (std::size_t index = 0; index < controls_.size(); ++index) {
    while (stage_of(index) < stage) {
      if (ended_[index] || std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
  return true;
}

void ChannelSet::close_peers() {
  for (std::size_t index = 0; index < segments_.size(); ++index) {
    if (index == own()) continue;
    segments_[index].reset();
    controls_as_seen_[index].reset();
  }
}

void ChannelSet::give_pages_back() {
  if (settings_.spares != 0) madvise(segments_[own()].get(), segment_stride(), MADV_REMOVE);
}

void ChannelSet::leave_to_graphs() {
  static_cast<void>(backend_->copy(handle_.occupancy, &device::kDetachedOccupancy,
                                   sizeof device::kDetachedOccupancy));
  backend_->keep_for_graphs(tables_);
}

device::FaultReports ChannelSet::reports() const {
  const device::FaultReports& written = control_of(own())->reports;
  const auto read = [](const device::FaultReport& report) {
    return __atomic_load_n(&report.complete, __ATOMIC_ACQUIRE) != 0 ? report
                                                                    : device::FaultReport{};
  };
  return {read(written.truncated), read(written.mismatched), read(written.declined),
          read(written.fatal)};
}

bool ChannelSet::has_fatal_report() const {
  return __atomic_load_n(&control_of(own())->reports.fatal.complete, __ATOMIC_ACQUIRE) != 0;
}

bool ChannelSet::has_report() const {
  const device::FaultReports& written = control_of(own())->reports;
  const device::FaultReport* const light[] = {&written.truncated, &written.mismatched,
                                              &written.declined};
  const auto is_complete = [](const device::FaultReport* report) {
    return __atomic_load_n(&report->complete, __ATOMIC_ACQUIRE) != 0;
  };
  return has_fatal_report() || std::ranges::any_of(light, is_complete);
}

Status ChannelSet::clear_reports(const device::FaultReports& read) {
  device::FaultReports& written = control_of(own())->reports;
  // Until its claim is given back nobody writes a report.
  const auto clear = [&](const device::FaultReport& taken, device::FaultReport* report,
                         std::uint32_t* claim) -> Status {
    if (taken.complete == 0) return {};
    __atomic_store_n(&report->complete, std::uint64_t{0}, __ATOMIC_RELEASE);
    const std::uint32_t none = 0;
    return backend_->copy(claim, &none, sizeof none);
  };
  device::FaultClaims* const claims = handle_.control.claims;
  CAUSEWAY_TRY(clear(read.truncated, &written.truncated, &claims->truncated));
  CAUSEWAY_TRY(clear(read.mismatched, &written.mismatched, &claims->mismatched));
  return clear(read.declined, &written.declined, &claims->declined);
}

}  // namespace causeway
