// The command line of causeway-tune. Pure: no MPI, no device.
#include "options.hpp"

#include <number.hpp>

#include <string_view>

namespace causeway::tune {

namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kMostSeconds = 86400;

Status refuse(const std::string& option, const std::string& value, const char* wanted) {
  return Status::error(ErrorKind::kArgument, "%s '%s' is not %s", option.c_str(), value.c_str(),
                       wanted);
}

Status parse_device(const std::string& option, const std::string& value, Options* options) {
  if (value == "host") {
    options->device = DeviceChoice::kHost;
  } else if (value == "cuda") {
    options->device = DeviceChoice::kCuda;
  } else {
    return refuse(option, value, "host or cuda");
  }
  return {};
}

Status parse_sizes(const std::string& option, const std::string& value, Options* options) {
  const std::size_t colon = value.find(':');
  const std::string_view text = value;
  const std::optional<std::uint64_t> least = number_of(text.substr(0, colon));
  const std::optional<std::uint64_t> most =
      colon == std::string::npos ? std::nullopt : number_of(text.substr(colon + 1));
  if (!least || !most || *least == 0 || *least > *most || *most > kMostBytes) {
    return refuse(option, value, "MIN:MAX, two sizes from 1 to 1G; K, M and G allowed");
  }
  options->sizes = {*least, *most};
  return {};
}

Status parse_seconds(const std::string& option, const std::string& value, Options* options) {
  const std::optional<std::uint64_t> seconds = number_of(value);
  if (!seconds || *seconds == 0 || *seconds > kMostSeconds) {
    return refuse(option, value, "a number of seconds from 1 to 86400");
  }
  options->seconds = *seconds;
  return {};
}

Status parse_output(const std::string& option, const std::string& value, Options* options) {
  if (value.empty()) return refuse(option, value, "the name of a file");
  options->output = value;
  return {};
}

struct Option {
  const char* name;
  Status (*parse)(const std::string& option, const std::string& value, Options* options);
};

constexpr Option kOptions[] = {{"-o", parse_output},
                               {"--output", parse_output},
                               {"--device", parse_device},
                               {"--sizes", parse_sizes},
                               {"--seconds", parse_seconds}};

}  // namespace

Status read_options(std::span<char* const> arguments, Options* options) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string argument = arguments[i];
    if (argument == "-h" || argument == "--help") {
      options->help = true;
      continue;
    }
    const std::size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    const std::string name = argument.substr(0, equals);
    const Option* found = nullptr;
    for (const Option& option : kOptions) {
      if (name == option.name) found = &option;
    }
    if (found == nullptr) {
      return Status::error(ErrorKind::kArgument, "there is no option '%s'", argument.c_str());
    }
    if (equals != std::string::npos) {
      CAUSEWAY_TRY(found->parse(name, argument.substr(equals + 1), options));
      continue;
    }
    if (++i == arguments.size()) {
      return Status::error(ErrorKind::kArgument, "%s lacks a value", name.c_str());
    }
    CAUSEWAY_TRY(found->parse(name, arguments[i], options));
  }
  return {};
}

const char* usage() {
  return "usage: mpirun -n RANKS causeway-tune [option]...\n"
         "\n"
         "Measures how messages travel best between these ranks and writes rules for causeway.\n"
         "\n"
         "  -o, --output FILE   where the rules go (causeway.tuning)\n"
         "  --device DEVICE     host or cuda (what CAUSEWAY_DEVICE says; else cuda where every\n"
         "                      rank has a GPU)\n"
         "  --sizes MIN:MAX     bytes of a message, doubling from MIN (64:4M, on GPUs 1K:16M)\n"
         "  --seconds N         how long the whole run takes, about (120)\n"
         "  -h, --help          prints this\n"
         "\n"
         "It stops early on SIGINT or SIGTERM, and writes what it has. The rules are used by\n"
         "programs that run with CAUSEWAY_TUNING_FILE=FILE. The status is 0 when the file is\n"
         "written, 1 when something failed, 2 when it was called wrongly.\n";
}

Range default_sizes(DeviceKind device) {
  constexpr std::uint64_t kKiB = 1024;
  if (device == DeviceKind::kCuda) return {kKiB, 16 * kKiB * kKiB};
  return {64, 4 * kKiB * kKiB};
}

std::vector<std::uint64_t> sizes_in(const Range& range) {
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t bytes = range.least; bytes <= range.most; bytes *= 2) sizes.push_back(bytes);
  return sizes;
}

}  // namespace causeway::tune
