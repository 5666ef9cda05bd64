// The command line of causeway-tune. Pure: no MPI, no device.
#include "options.hpp"

#include <number.hpp>

#include <CLI/CLI.hpp>

namespace causeway::tune {

namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kMostSeconds = 86400;

/// Takes a number's K, M or G, which CLI11 does not know.
std::string read_seconds(const std::string& text, std::uint64_t* seconds) {
  const std::optional<std::uint64_t> number = number_of(text);
  if (!number || *number == 0 || *number > kMostSeconds) {
    return "'" + text + "' is not a number of seconds from 1 to 86400";
  }
  *seconds = *number;
  return {};
}

std::string read_sizes(const std::string& text, std::optional<Range>* sizes) {
  const std::size_t colon = text.find(':');
  const std::optional<std::uint64_t> least = number_of(text.substr(0, colon));
  const std::optional<std::uint64_t> most =
      colon == std::string::npos ? std::nullopt : number_of(text.substr(colon + 1));
  if (!least || !most || *least == 0 || *least > *most || *most > kMostBytes) {
    return "'" + text + "' is not MIN:MAX, two sizes from 1 to 1G; K, M and G allowed";
  }
  *sizes = {*least, *most};
  return {};
}

/// What begins with a dash is an option, and the one before it lacks its value; what begins with =
/// was meant for --output.
std::string check_file_name(const std::string& text) {
  const bool is_name = !text.empty() && !text.starts_with('-') && !text.starts_with('=');
  return is_name ? "" : "'" + text + "' is not the name of a file";
}

}  // namespace

Status read_options(std::span<char* const> command_line, Options* options) {
  CLI::App app(
      "Measures how messages travel best between these ranks and writes rules for causeway.",
      "mpirun -n RANKS causeway-tune");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.option_defaults()->disable_flag_override();
  app.set_help_flag();  // what is wrong goes before help, so that help is a flag as others
  app.add_flag("-h,--help")->description("prints this");
  app.add_option("-o,--output", options->output, "where the rules go (causeway.tuning)")
      ->type_name("FILE")
      ->check(check_file_name);
  app.add_option("--device",
                 "what to measure (what CAUSEWAY_DEVICE says; else cuda where\n"
                 "every rank has a GPU)")
      ->type_name("DEVICE")
      ->check(CLI::IsMember({"host", "cuda"}))
      ->each([options](const std::string& name) {
        options->device = name == "host" ? DeviceChoice::kHost : DeviceChoice::kCuda;
      });
  app.add_option("--sizes", "bytes of a message, doubling from MIN (64:4M, on GPUs 1K:16M)")
      ->type_name("MIN:MAX")
      ->check([options](const std::string& text) { return read_sizes(text, &options->sizes); });
  app.add_option("--seconds", "how long the whole run takes, about (120)")
      ->type_name("N")
      ->check([options](const std::string& text) { return read_seconds(text, &options->seconds); });
  app.footer(
      "It stops early on SIGINT or SIGTERM, and writes what it has. The rules are used by\n"
      "programs that run with CAUSEWAY_TUNING_FILE=FILE. The status is 0 when the file is\n"
      "written, 1 when something failed, 2 when it was called wrongly.");
  try {
    app.parse(static_cast<int>(command_line.size()), command_line.data());
  } catch (const CLI::ParseError& error) {
    return {ErrorKind::kArgument, error.what()};
  }
  options->help = app.count("--help") > 0 ? app.help() : "";
  return {};
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
