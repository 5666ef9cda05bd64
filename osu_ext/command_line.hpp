// Reads OSU-style command lines by a table of options; the same table prints the help.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace causeway::osu {

/// One row of the table. A row with an empty `argument` is a switch and takes no value.
struct Option {
  char letter;            ///< '\0' for an option that has only a long name
  std::string_view name;  ///< long name without the dashes
  std::string_view argument;
  std::string help;  ///< lines after the first are indented below it
  /// Takes the value (empty where there is none); returns what is needed instead, or "" when it is
  /// fine.
  std::function<std::string(std::string_view value)> apply;
  /// Whether the value may be left out: before the end, or before what begins with a dash.
  bool may_lack_value = false;
};

/// Reads `arguments` (without the program's name) in order: -x V, -xV, -ab, --name V, --name=V.
/// Returns the sentence that says which option and value were wrong, or nothing when none was.
[[nodiscard]] std::optional<std::string> read_command_line(std::span<char* const> arguments,
                                                           const std::vector<Option>& table);

/// Prints the table on standard output.
void print_help(std::string_view program, const std::vector<Option>& table);

/// The whole of `text` as a number from `least` to `most`, or nothing.
[[nodiscard]] std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t least,
                                                       std::int64_t most);
[[nodiscard]] std::optional<double> fraction(std::string_view text);  ///< from 0 to 1

/// `value` in as few digits as tell it from every other.
[[nodiscard]] std::string shortest(double value);

}  // namespace causeway::osu
