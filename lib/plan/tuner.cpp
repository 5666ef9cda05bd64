// The tuner: how each message is to travel, by rules. Pure: no MPI, no device.
#include "tuner.hpp"

#include "never_destroyed.hpp"

#include <algorithm>

namespace causeway {

namespace {

bool is_for(const TuningRule& rule, const MessageFacts& message) {
  return (!rule.operation || *rule.operation == message.operation) &&
         rule.bytes.holds(message.bytes) && rule.ctas.holds(message.ctas);
}

bool may_use(const MessageFacts& message, Protocol protocol) {
  switch (protocol) {
    case Protocol::kLl:
      return message.lines;
    case Protocol::kLl128:
      return message.ll128;
    case Protocol::kDirect:
      return message.direct;
    case Protocol::kPull:
      return message.pull;
    case Protocol::kEngine:
      return message.engine;
    case Protocol::kStaged:
      break;
  }
  return true;
}

Protocol protocol_for(std::span<const TuningRule> rules, const MessageFacts& message) {
  const auto last = std::find_if(rules.rbegin(), rules.rend(), [&](const TuningRule& rule) {
    return rule.protocol && may_use(message, *rule.protocol) && is_for(rule, message);
  });
  return last == rules.rend() ? Protocol::kStaged : *last->protocol;
}

}  // namespace

Tuner::Tuner(DeviceKind device, std::span<const TuningRule> rules, PairLanes lanes,
             Processors processors)
    : device_(device) {
  add(built_in_rules(device, lanes, processors));
  add(rules);
}

Tuner Tuner::with(std::span<const TuningRule> rules) const {
  Tuner result = *this;
  result.add(rules);
  return result;
}

void Tuner::add(std::span<const TuningRule> rules) {
  for (std::uint32_t link = 0; link < rules_.size(); ++link) {
    for (const TuningRule& rule : rules) {
      if (!rule.link || static_cast<std::uint32_t>(*rule.link) == link) {
        rules_[link].push_back(rule);
      }
    }
  }
}

Choice Tuner::choose(const MessageFacts& message) const {
  const std::vector<TuningRule>& rules = rules_[static_cast<std::uint32_t>(message.link)];
  Choice choice{protocol_for(rules, message), 1, 1, 0, 0};
  for (const TuningRule& rule : rules) {
    if (rule.protocol && *rule.protocol != choice.protocol) continue;
    if (!is_for(rule, message)) continue;
    choice.lanes = rule.lanes.value_or(choice.lanes);
    choice.lane_bytes = rule.lane_bytes.value_or(choice.lane_bytes);
    choice.chunk = rule.chunk.value_or(choice.chunk);
    choice.threads = rule.threads.value_or(choice.threads);
  }
  return choice;
}

const Tuner& host_tuner() {
  static NeverDestroyed<const Tuner> tuner(DeviceKind::kHost);
  return tuner.get();
}

}  // namespace causeway
