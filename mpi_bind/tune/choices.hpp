// What causeway-tune tries, how it judges that, and the rules that come of it. Pure: no MPI, no
// device.
#pragma once

#include <device_id.hpp>
#include <tuning_rules.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace causeway::tune {

/// What one measurement is about: messages of one size on links of one kind, to all peers, or of
/// sendrecv between pairs of ranks.
struct Cell {
  device::LinkKind link;
  std::uint64_t bytes;
  Operation operation = Operation::kAlltoallv;
};

/// How messages may travel: rules that say everything of it, and nothing of which messages they are
/// for.
std::vector<TuningRule> candidates(DeviceKind device, const Cell& cell);

/// A choice as a rule for a range of messages like a cell's.
TuningRule rule_for(const TuningRule& choice, const Cell& cell, const Range& bytes);

/// A choice's keys, for people.
std::string choice_text(const TuningRule& choice);

/// The median of some numbers, of an even number the larger of the middle two; 0 of none.
double median(std::span<const double> numbers);

/// The `count` candidates with the lowest medians, by index, from 1 on; contestant 0 is not one.
std::vector<std::size_t> finalists(std::span<const std::vector<double>> seconds, std::size_t count);

/// The best candidate, by index, where one is better than contestant 0, the table in force, by more
/// than noise is: by 3 % in the median, and faster in three of four windows. Contestants have as
/// many windows each, measured in turns, or none.
std::optional<std::size_t> winner(std::span<const std::vector<double>> seconds);

/// What was found out in a cell.
struct Finding {
  Cell cell;
  double table_seconds;              ///< of one exchange, with the table in force
  double seconds;                    ///< with the choice
  std::optional<TuningRule> choice;  ///< unset where the table stands
};

/// Rules of findings whose sizes ascend within each operation and link. Each choice is for messages
/// from its size up to the next measured one; neighbours that chose the same share a rule.
std::vector<TuningRule> rules_of(std::span<const Finding> findings);

}  // namespace causeway::tune
