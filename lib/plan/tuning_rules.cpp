// Tuning rules: what they are for, what they say, and how they are written. Pure: no MPI, no
// device.
#include "tuning_rules.hpp"

#include "number.hpp"

#include <args.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace causeway {

namespace {

template <class Value>
struct Name {
  const char* text;
  Value value;
};

constexpr Name<Operation> kOperations[] = {{"alltoallv", Operation::kAlltoallv},
                                           {"neighbor", Operation::kNeighbor},
                                           {"sendrecv", Operation::kSendrecv}};
constexpr Name<device::LinkKind> kLinks[] = {{"self", device::LinkKind::kSelf},
                                             {"memory", device::LinkKind::kMemory},
                                             {"network", device::LinkKind::kNetwork}};
constexpr Name<Protocol> kProtocols[] = {
    {"ll", Protocol::kLl},         {"ll128", Protocol::kLl128}, {"staged", Protocol::kStaged},
    {"direct", Protocol::kDirect}, {"pull", Protocol::kPull},   {"engine", Protocol::kEngine}};

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

/// A key whose value is a number.
struct NumberKey {
  const char* name;
  std::uint64_t least;
  std::uint64_t most;
  std::uint64_t step;  ///< values are multiples of it
  std::optional<std::uint64_t> (*get)(const TuningRule&);
  void (*set)(TuningRule*, std::uint64_t);
};

template <auto Field>
constexpr NumberKey number_key(const char* name, std::uint64_t least, std::uint64_t most,
                               std::uint64_t step = 1) {
  return {name,
          least,
          most,
          step,
          [](const TuningRule& rule) {
            const auto& value = rule.*Field;
            return value ? std::optional<std::uint64_t>(*value) : std::nullopt;
          },
          [](TuningRule* rule, std::uint64_t value) {
            using Number = typename std::decay_t<decltype(rule->*Field)>::value_type;
            rule->*Field = static_cast<Number>(value);
          }};
}

constexpr NumberKey kNumberKeys[] = {
    number_key<&TuningRule::lanes>("lanes", 1, 64),
    number_key<&TuningRule::lane_bytes>("lane_bytes", 1, kMostBytes),
    number_key<&TuningRule::chunk>("chunk", 0, kMostBytes),
    number_key<&TuningRule::threads>("threads", 64, kernels::kMostThreads, 64),
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// One rule's text, and how errors in it read.
class RuleParser {
 public:
  RuleParser(const std::string& where, std::string_view text) : where_(where), text_(text) {}

  Status parse(TuningRule* rule) const {
    std::vector<std::string_view> fields = split(text_, ':');
    constexpr std::string_view kCtas = "ctas=";
    const bool has_ctas = fields.size() == 5 && fields[3].starts_with(kCtas);
    if (fields.size() != 4 && !has_ctas) {
      return refuse(text_, "operation:link:bytes[:ctas=range]:key=value[,key=value]...");
    }
    CAUSEWAY_TRY(parse_name_or_any(fields[0], kOperations, "an operation", &rule->operation));
    CAUSEWAY_TRY(parse_name_or_any(fields[1], kLinks, "a link", &rule->link));
    CAUSEWAY_TRY(parse_range(fields[2], &rule->bytes));
    if (has_ctas) CAUSEWAY_TRY(parse_range(fields[3].substr(kCtas.size()), &rule->ctas));
    for (const std::string_view pair : split(fields.back(), ',')) {
      CAUSEWAY_TRY(parse_pair(pair, rule));
    }
    return {};
  }

 private:
  Status refuse(std::string_view part, const std::string& wanted) const {
    return Status::error(ErrorKind::kInfo, "%s: in the rule '%s', '%s' is not %s", where_.c_str(),
                         std::string(text_).c_str(), std::string(part).c_str(), wanted.c_str());
  }

  template <class Value, std::size_t N>
  Status parse_name(std::string_view text, const Name<Value> (&names)[N], const std::string& what,
                    std::optional<Value>* value) const {
    std::string wanted = what + ":";
    for (const Name<Value>& name : names) {
      if (text == name.text) {
        *value = name.value;
        return {};
      }
      wanted += std::string(" ") + name.text;
    }
    return refuse(text, wanted);
  }

  template <class Value, std::size_t N>
  Status parse_name_or_any(std::string_view text, const Name<Value> (&names)[N],
                           const std::string& what, std::optional<Value>* value) const {
    if (text == "*") return {};
    return parse_name(text, names, "* or " + what, value);
  }

  Status parse_range(std::string_view text, Range* range) const {
    if (text == "*") return {};
    const std::size_t dash = text.find('-');
    const std::string_view first = text.substr(0, dash);
    const std::string_view last = dash == std::string_view::npos ? first : text.substr(dash + 1);
    const std::optional<std::uint64_t> least = first.empty() ? 0 : number_of(first);
    const std::optional<std::uint64_t> most = last.empty() ? Range::kEndless : number_of(last);
    if ((first.empty() && last.empty()) || !least || !most || *least > *most) {
      return refuse(text, "a range: N, N-, -N, N-M or *; K, M and G allowed");
    }
    *range = {*least, *most};
    return {};
  }

  Status parse_pair(std::string_view pair, TuningRule* rule) const {
    const std::size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (key == "protocol") {
      if (rule->protocol) return refuse(pair, "the only value of its key");
      return parse_name(value, kProtocols, "a protocol", &rule->protocol);
    }
    const auto* const found = std::ranges::find_if(
        kNumberKeys, [&](const NumberKey& number) { return key == number.name; });
    if (found == std::end(kNumberKeys)) {
      std::string wanted = "a value of a key: protocol";
      for (const NumberKey& number : kNumberKeys) wanted += std::string(" ") + number.name;
      return refuse(pair, wanted);
    }
    if (found->get(*rule)) return refuse(pair, "the only value of its key");
    const std::optional<std::uint64_t> number = number_of(value);
    if (!number || *number < found->least || *number > found->most || *number % found->step != 0) {
      std::string wanted = std::string(found->name) + " from " + number_text(found->least) +
                           " to " + number_text(found->most);
      if (found->step != 1) wanted += ", a multiple of " + std::to_string(found->step);
      return refuse(pair, wanted);
    }
    found->set(rule, *number);
    return {};
  }

  const std::string& where_;
  std::string_view text_;
};

template <class Value, std::size_t N>
std::string name_text(const std::optional<Value>& value, const Name<Value> (&names)[N]) {
  const auto* const found =
      std::ranges::find_if(names, [&](const Name<Value>& name) { return name.value == value; });
  return found == std::end(names) ? "*" : found->text;
}

std::string range_text(const Range& range) {
  if (range == Range{}) return "*";
  if (range.least == range.most) return number_text(range.least);
  const std::string first = range.least == 0 ? "" : number_text(range.least);
  const std::string last = range.most == Range::kEndless ? "" : number_text(range.most);
  return first + "-" + last;
}

std::string rule_text(const TuningRule& rule) {
  std::string text = name_text(rule.operation, kOperations) + ":" + name_text(rule.link, kLinks) +
                     ":" + range_text(rule.bytes);
  if (rule.ctas != Range{}) text += ":ctas=" + range_text(rule.ctas);
  char separator = ':';
  const auto add = [&](const char* key, const std::string& value) {
    text += separator + std::string(key) + "=" + value;
    separator = ',';
  };
  if (rule.protocol) add("protocol", name_text(rule.protocol, kProtocols));
  for (const NumberKey& key : kNumberKeys) {
    if (const auto value = key.get(rule)) add(key.name, number_text(*value));
  }
  return text;
}

}  // namespace

Status parse_rules(const std::string& where, std::string_view line,
                   std::vector<TuningRule>* rules) {
  for (const std::string_view part : split(line.substr(0, line.find('#')), ';')) {
    const std::string_view text = trimmed(part);
    if (text.empty()) continue;
    TuningRule rule;
    CAUSEWAY_TRY(RuleParser(where, text).parse(&rule));
    rules->push_back(rule);
  }
  return {};
}

Status read_rules(const std::string& path, std::vector<TuningRule>* rules) {
  // A pipe or a device may never come to its end.
  std::error_code missing;
  if (std::filesystem::exists(path, missing) && !std::filesystem::is_regular_file(path, missing)) {
    return Status::error(ErrorKind::kInfo, "the tuning file '%s' is not a regular file",
                         path.c_str());
  }
  errno = 0;
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    CAUSEWAY_TRY(parse_rules(path + ":" + std::to_string(number), line, rules));
  }
  if (file.eof()) return {};
  return Status::error(ErrorKind::kInfo, "the tuning file '%s' cannot be read: %s", path.c_str(),
                       std::strerror(errno));
}

const char* name_of(Operation operation) {
  return std::ranges::find(kOperations, operation, &Name<Operation>::value)->text;
}
const char* name_of(device::LinkKind link) {
  return std::ranges::find(kLinks, link, &Name<device::LinkKind>::value)->text;
}

std::string rules_text(std::span<const TuningRule> rules) {
  std::string text;
  for (const TuningRule& rule : rules) text += rule_text(rule) + "\n";
  return text;
}

}  // namespace causeway
