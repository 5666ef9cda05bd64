// Reads OSU-style command lines by a table of options; the same table prints the help.
#include "command_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace causeway::osu {
namespace {

std::string spelled(const Option& option) {
  std::string text = "option ";
  if (option.letter != '\0') {
    text += std::string("-") + option.letter + ", ";
  }
  return text + "--" + std::string(option.name);
}

/// Walks over the arguments and remembers the first thing that is wrong.
class Reader {
 public:
  Reader(std::span<char* const> arguments, const std::vector<Option>& table)
      : rest_(arguments), table_(table) {}

  std::optional<std::string> read() {
    while (!rest_.empty() && !error_) {
      const std::string_view argument = take();
      if (argument.starts_with("--") && argument.size() > 2) {
        read_long(argument.substr(2));
      } else if (argument.starts_with("-") && argument.size() > 1) {
        read_letters(argument.substr(1));
      } else {
        error_ = "argument '" + std::string(argument) + "' belongs to no option";
      }
    }
    return error_;
  }

 private:
  std::string_view take() {
    const std::string_view argument = rest_.front();
    rest_ = rest_.subspan(1);
    return argument;
  }

  void read_long(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const auto option = std::ranges::find(table_, name, &Option::name);
    if (option == table_.end()) {
      error_ = "option --" + std::string(name) + " is not known";
    } else if (equals != std::string_view::npos) {
      apply_with_value(*option, text.substr(equals + 1));
    } else {
      apply(*option);
    }
  }

  void read_letters(std::string_view letters) {
    while (!letters.empty() && !error_) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      const auto option = std::ranges::find(table_, letter, &Option::letter);
      if (option == table_.end()) {
        error_ = std::string("option -") + letter + " is not known";
      } else if (!option->argument.empty() && !letters.empty()) {
        apply_with_value(*option, letters);
        return;
      } else {
        apply(*option);
      }
    }
  }

  void apply(const Option& option) {
    const bool stands_alone = rest_.empty() || std::string_view(rest_.front()).starts_with("-");
    if (option.argument.empty() || (option.may_lack_value && stands_alone)) {
      option.apply({});
    } else if (rest_.empty()) {
      error_ = spelled(option) + " needs a value: " + std::string(option.argument);
    } else {
      apply_with_value(option, take());
    }
  }

  void apply_with_value(const Option& option, std::string_view value) {
    const std::string needed = option.argument.empty() ? "it takes no value" : option.apply(value);
    if (!needed.empty()) {
      error_ = spelled(option) + ": '" + std::string(value) + "' makes no sense; " + needed;
    }
  }

  std::span<char* const> rest_;
  const std::vector<Option>& table_;
  std::optional<std::string> error_;
};

}  // namespace

std::optional<std::string> read_command_line(std::span<char* const> arguments,
                                             const std::vector<Option>& table) {
  return Reader(arguments, table).read();
}

void print_help(std::string_view program, const std::vector<Option>& table) {
  std::printf("Usage: %.*s [options]\nOptions:\n", static_cast<int>(program.size()),
              program.data());
  for (const Option& option : table) {
    std::string left = "  ";
    left += option.letter != '\0' ? std::string("-") + option.letter + ", " : "    ";
    left += "--" + std::string(option.name);
    if (!option.argument.empty()) {
      left += " " + std::string(option.argument);
    }
    std::string_view help = option.help;
    while (!help.empty()) {
      const std::string_view line = help.substr(0, help.find('\n'));
      help.remove_prefix(std::min(help.size(), line.size() + 1));
      std::printf("%-34s %.*s\n", left.c_str(), static_cast<int>(line.size()), line.data());
      left.clear();
    }
  }
}

std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t least,
                                         std::int64_t most) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end || value < least || value > most) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> fraction(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  // Written so that a NaN fails it too.
  const bool inside = value >= 0.0 && value <= 1.0;
  if (text.empty() || error != std::errc{} || stop != end || !inside) {
    return std::nullopt;
  }
  return value;
}

std::string shortest(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

}  // namespace causeway::osu
