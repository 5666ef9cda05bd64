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

/// Where the middle half of some numbers lies, of which a quarter is below and a quarter above.
struct Quartiles {
  double low = 0;
  double high = 0;
  double spread() const { return high - low; }
};
Quartiles quartiles(std::span<const double> numbers);

/// Candidates, by index: the best that is better than contestant 0, the table in force, and a
/// faster one, if any, of which windows do not show that.
struct Judgement {
  std::optional<std::size_t> winner;
  std::optional<std::size_t> dropped;
};

/// A candidate is better whose median is lower by 3 %, and by more than the windows of either
/// spread between their quartiles, and which is faster in three of four windows. Contestants have
/// as many windows each, measured in turns, or none.
Judgement judge(std::span<const std::vector<double>> seconds);

/// A choice that looked better than the table, and that the spread of windows speaks against.
struct Doubt {
  TuningRule choice;
  double seconds;     ///< of one exchange
  Quartiles windows;  ///< of the choice
  Quartiles of_table;
};

/// A doubt in a cell, for people; `table_seconds` is what the table in force took.
std::string doubt_text(const Doubt& doubt, const Cell& cell, double table_seconds);

/// What was found out in a cell.
struct Finding {
  Cell cell;
  double table_seconds;              ///< of one exchange, with the table in force
  double seconds;                    ///< with the choice
  std::optional<TuningRule> choice;  ///< unset where the table stands
  std::optional<Doubt> dropped = {};
};

/// Rules of findings whose sizes ascend within each operation and link. Each choice is for messages
/// from its size up to the next measured one; neighbours that chose the same share a rule.
std::vector<TuningRule> rules_of(std::span<const Finding> findings);

}  // namespace causeway::tune
