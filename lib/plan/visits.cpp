// Visits: which thread block serves which lanes of which peers. Pure: no MPI, no device.
#include "visits.hpp"

#include <algorithm>
#include <numeric>

namespace causeway {

namespace {

/// A search that goes on for longer costs more time than it saves.
constexpr std::uint64_t kPrecision = 512;

/// Blocks for a demand when each may have up to `most_work`.
std::uint32_t blocks_for(const Demand& demand, std::uint64_t most_work) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>((demand.work - 1) / most_work + 1, demand.lanes));
}

std::uint64_t blocks_for(std::span<const Demand> demands, std::uint64_t most_work) {
  std::uint64_t sum = 0;
  for (const Demand& demand : demands) sum += blocks_for(demand, most_work);
  return sum;
}

/// How many blocks each item of a role has, of `blocks` blocks. Returns how many have some.
std::uint32_t share_role(std::span<const Demand> demands, std::uint32_t blocks,
                         std::span<std::uint32_t> each) {
  if (blocks >= demands.size()) return share_blocks(demands, blocks, each);
  std::ranges::fill(each, 1U);
  return blocks;
}

/// The visits of one role. An item's first blocks come before any one's second.
template <class Entry>
void list_visits(std::span<const Demand> demands, std::span<const std::uint32_t> each,
                 std::uint32_t given, std::span<Entry> visits) {
  std::uint32_t block = 0;
  for (std::uint32_t lane = 0; block < given; ++lane) {
    for (std::size_t i = 0; i < each.size() && block < given; ++i) {
      if (lane >= each[i]) continue;
      visits[block++] = Entry(kernels::Visits{
          static_cast<std::uint16_t>(i), static_cast<std::uint16_t>(demands[i].peer),
          static_cast<std::uint8_t>(lane), static_cast<std::uint8_t>(each[i])});
    }
  }
  std::ranges::fill(visits.subspan(given), Entry(kernels::no_visits()));
}

}  // namespace

std::uint32_t share_blocks(std::span<const Demand> demands, std::uint32_t blocks,
                           std::span<std::uint32_t> each) {
  std::uint64_t lanes = 0;
  std::uint64_t work = 0;
  bool alike = true;
  for (const Demand& demand : demands) {
    lanes += demand.lanes;
    work += demand.work;
    alike = alike && demand.lanes == demands[0].lanes && demand.work == demands[0].work;
  }
  const auto items = static_cast<std::uint32_t>(demands.size());
  if (lanes <= blocks) {
    std::ranges::transform(demands, each.begin(),
                           [](const Demand& demand) { return demand.lanes; });
  } else if (alike) {
    std::ranges::fill(each, blocks / items);
  } else {
    // The least work for each block with which the blocks suffice, or a bit more. One block more
    // than its quotient is the most that rounding up costs a peer.
    std::uint64_t least = 1;
    std::uint64_t most = blocks > items ? work / (blocks - items) + 1 : work;
    while (most - least > most / kPrecision) {
      const std::uint64_t middle = least + (most - least) / 2;
      if (blocks_for(demands, middle) <= blocks) {
        most = middle;
      } else {
        least = middle + 1;
      }
    }
    std::ranges::transform(demands, each.begin(),
                           [most](const Demand& demand) { return blocks_for(demand, most); });
  }
  return std::accumulate(each.begin(), each.end(), 0U);
}

std::uint32_t make_visits(std::span<const Demand> sends, std::span<const Demand> receives,
                          std::uint32_t blocks, VisitLists* visits) {
  std::vector<std::uint32_t> each(sends.size() + receives.size());
  const std::span each_send = std::span(each).first(sends.size());
  const std::span each_receive = std::span(each).last(receives.size());
  const std::uint32_t sending = share_role(sends, blocks, each_send);
  const std::uint32_t receiving = share_role(receives, blocks, each_receive);
  const std::uint32_t given = std::max(sending, receiving);
  const auto list = [&](auto* entries) {
    entries->resize(2 * std::size_t{given});
    const std::span all(*entries);
    list_visits(sends, each_send, sending, all.first(given));
    list_visits(receives, each_receive, receiving, all.last(given));
  };
  visits->whole.clear();
  visits->in_short.clear();
  if (std::max(sends.size(), receives.size()) <= kernels::kMostInlineItems) {
    list(&visits->in_short);
  } else {
    list(&visits->whole);
  }
  return given;
}

}  // namespace causeway
