// What causeway-tune tries, how it judges that, and the rules that come of it. Pure: no MPI, no
// device.
#include "choices.hpp"

#include <number.hpp>

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace causeway::tune {

namespace {

using device::LinkKind;

constexpr std::uint64_t kKiB = 1024;

/// Least bytes of a lane in a candidate.
constexpr std::uint64_t kLineLaneBytes = 512;
constexpr std::uint64_t kLaneBytes = 4 * kKiB;

/// By more than this a candidate has to be better than the table.
constexpr double kNoise = 0.03;

/// Appends a choice to a list.
struct Maker {
  std::vector<TuningRule>* all;

  void add(Protocol protocol, std::optional<std::uint32_t> lanes,
           std::optional<std::uint64_t> chunk, std::optional<std::uint32_t> threads) const {
    TuningRule choice;
    choice.protocol = protocol;
    choice.lanes = lanes;
    const bool in_lines = protocol == Protocol::kLl || protocol == Protocol::kLl128;
    if (lanes) choice.lane_bytes = in_lines ? kLineLaneBytes : kLaneBytes;
    choice.chunk = chunk;
    choice.threads = threads;
    all->push_back(choice);
  }
};

/// On the host a pair has the lanes that a setting says, one by default, and there are no threads
/// of blocks.
void add_host(const Cell& cell, const Maker& make) {
  if (cell.link == LinkKind::kMemory && cell.bytes <= 128) {
    make.add(Protocol::kLl, {}, {}, {});
  }
  for (const std::uint64_t chunk : {std::uint64_t{0}, 4 * kKiB, 16 * kKiB, 64 * kKiB, 256 * kKiB}) {
    if (chunk >= cell.bytes && chunk != 0) continue;
    make.add(Protocol::kStaged, {}, chunk, {});
    // What fits a ring's eager part is never direct there.
    if (cell.link == LinkKind::kMemory && cell.bytes >= 4 * kKiB && chunk <= 64 * kKiB) {
      make.add(Protocol::kDirect, {}, chunk, {});
    }
  }
  if (cell.link == LinkKind::kMemory && cell.bytes > 128) make.add(Protocol::kPull, {}, {}, {});
}

void add_cuda(const Cell& cell, const Maker& make) {
  const bool memory = cell.link == LinkKind::kMemory;
  // Two small exchanges go with it, which take longer than messages of less than that.
  if (memory && cell.bytes >= 1024 * kKiB) make.add(Protocol::kEngine, {}, {}, {});
  for (const std::uint32_t lanes : {1U, 4U, 16U}) {
    if (!memory || cell.bytes > 256 * kKiB || lanes * kLineLaneBytes > cell.bytes) continue;
    for (const std::uint32_t threads : {128U, 256U, 512U}) {
      make.add(Protocol::kLl, lanes, {}, threads);
    }
  }
  for (const std::uint32_t lanes : {8U, 16U, 64U}) {
    if (!memory || cell.bytes > 1024 * kKiB || lanes * kLaneBytes > cell.bytes) continue;
    for (const std::uint32_t threads : {256U, 512U}) {
      make.add(Protocol::kLl128, lanes, {}, threads);
    }
  }
  for (const std::uint32_t lanes : {1U, 8U, 16U, 32U, 64U}) {
    const std::uint64_t each = cell.bytes / lanes;
    // Neither lanes with next to nothing to carry, nor a few for megabytes.
    if (lanes > 1 && each < kLaneBytes) continue;
    if (lanes < 64 && each >= 1024 * kKiB) continue;
    for (const std::uint64_t chunk : {std::uint64_t{0}, 16 * kKiB, 64 * kKiB}) {
      if (chunk >= each && chunk != 0) continue;
      if (chunk != 16 * kKiB) make.add(Protocol::kStaged, lanes, chunk, 512);
      if (memory && cell.bytes >= 32 * kKiB) make.add(Protocol::kDirect, lanes, chunk, 512);
    }
  }
}

}  // namespace

std::vector<TuningRule> candidates(DeviceKind device, const Cell& cell) {
  std::vector<TuningRule> all;
  if (device == DeviceKind::kCuda) {
    add_cuda(cell, {&all});
  } else {
    add_host(cell, {&all});
  }
  return all;
}

TuningRule rule_for(const TuningRule& choice, const Cell& cell, const Range& bytes) {
  TuningRule rule = choice;
  rule.operation = cell.operation;
  rule.link = cell.link;
  rule.bytes = bytes;
  return rule;
}

std::string choice_text(const TuningRule& choice) {
  const std::string line = rules_text(std::span(&choice, 1));
  const std::size_t keys = line.rfind(':') + 1;
  return line.substr(keys, line.size() - keys - 1);
}

double median(std::span<const double> numbers) {
  if (numbers.empty()) return 0;
  std::vector<double> sorted(numbers.begin(), numbers.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  return *middle;
}

std::vector<std::size_t> finalists(std::span<const std::vector<double>> seconds,
                                   std::size_t count) {
  std::vector<std::size_t> order(seconds.size() - 1);
  std::iota(order.begin(), order.end(), 1);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return median(seconds[i]); });
  order.resize(std::min(order.size(), count));
  return order;
}

Quartiles quartiles(std::span<const double> numbers) {
  if (numbers.empty()) return {};
  std::vector<double> sorted(numbers.begin(), numbers.end());
  std::ranges::sort(sorted);
  return {sorted[(sorted.size() - 1) / 4], sorted[3 * sorted.size() / 4]};
}

Judgement judge(std::span<const std::vector<double>> seconds) {
  const std::vector<double>& table = seconds.front();
  Judgement judgement;
  const auto take_faster = [&](std::optional<std::size_t>* best, std::size_t i) {
    if (!*best || median(seconds[i]) < median(seconds[**best])) *best = i;
  };
  for (std::size_t i = 1; i < seconds.size(); ++i) {
    const std::vector<double>& own = seconds[i];
    if (own.empty() || own.size() != table.size()) continue;
    const double gain = median(table) - median(own);
    if (gain <= kNoise * median(table)) continue;
    std::size_t faster = 0;
    for (std::size_t window = 0; window < own.size(); ++window) {
      if (own[window] < table[window]) ++faster;
    }
    const double spread = std::max(quartiles(table).spread(), quartiles(own).spread());
    const bool is_sure = gain > spread && faster * 4 >= own.size() * 3;
    take_faster(is_sure ? &judgement.winner : &judgement.dropped, i);
  }
  // Of a candidate that would not have won nothing is to be said.
  if (judgement.winner && judgement.dropped &&
      median(seconds[*judgement.winner]) <= median(seconds[*judgement.dropped])) {
    judgement.dropped.reset();
  }
  return judgement;
}

std::string doubt_text(const Doubt& doubt, const Cell& cell, double table_seconds) {
  char text[200];
  std::snprintf(text, sizeof text,
                ", %.2f us (half of the windows %.2f to %.2f) instead of %.2f us (%.2f to %.2f)",
                doubt.seconds * 1e6, doubt.windows.low * 1e6, doubt.windows.high * 1e6,
                table_seconds * 1e6, doubt.of_table.low * 1e6, doubt.of_table.high * 1e6);
  return std::string("dropped as noise: ") + name_of(cell.operation) + " " + name_of(cell.link) +
         " " + number_text(cell.bytes) + ": " + choice_text(doubt.choice) + text;
}

std::vector<TuningRule> rules_of(std::span<const Finding> findings) {
  std::vector<TuningRule> rules;
  const Finding* before = nullptr;
  for (const Finding& finding : findings) {
    const Cell& cell = finding.cell;
    if (finding.choice) {
      const bool goes_on = before != nullptr && before->choice == finding.choice &&
                           before->cell.operation == cell.operation &&
                           before->cell.link == cell.link && before->cell.bytes * 2 == cell.bytes;
      if (!goes_on) rules.push_back(rule_for(*finding.choice, cell, {cell.bytes, 0}));
      rules.back().bytes.most = 2 * cell.bytes - 1;
    }
    before = &finding;
  }
  return rules;
}

}  // namespace causeway::tune
