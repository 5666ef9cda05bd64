// Schedules of an alltoallv, and what they say of one peer.
#pragma once

#include <schedule.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace causeway::test {

/// Fills in the schedule of rank `self`, which sends send[j] to and receives receive[j] from rank
/// j.
inline void schedule_alltoallv(const ScheduleLimits& limits, int self, std::span<const Extent> send,
                               std::span<const Extent> receive, Schedule* schedule) {
  Messages messages;
  const Pattern pattern = pattern_of_all(self, static_cast<int>(send.size()));
  list_messages(pattern, pattern.rounds.front(), send, receive, &messages);
  messages.in_place = true;
  make_schedule(limits, self, static_cast<int>(send.size()), messages, schedule);
}

template <class Item>
const Item& item_of(const std::vector<Item>& items, std::uint32_t peer) {
  return *std::ranges::find(items, peer, &Item::peer);
}

/// The message to a peer, and the one from it; a schedule has both.
inline const kernels::SendItem& to(const Schedule& schedule, std::uint32_t peer) {
  return item_of(schedule.send, peer);
}
inline const kernels::ReceiveItem& from(const Schedule& schedule, std::uint32_t peer) {
  return item_of(schedule.receive, peer);
}

}  // namespace causeway::test
