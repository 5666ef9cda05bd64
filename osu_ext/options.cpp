// Reads the options of the benchmarks: OSU's letters and names, and causeway's additions.
#include "options.hpp"

#include "numbers.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace causeway::osu {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{1} << 62;
constexpr std::int64_t kMostIterations = std::numeric_limits<int>::max();
constexpr std::int64_t kMostValidationWarmups = 10;
constexpr int kGraphCalls = 20;
constexpr int kMostGraphCalls = 1000;
constexpr int kMostCtas = 1024;  // as causeway's setting
constexpr int kMostRows = 32768;

/// [MIN:]MAX, where an empty side keeps its default.
std::string read_sizes(Options& options, std::string_view text) {
  const std::size_t colon = text.find(':');
  const bool has_colon = colon != std::string_view::npos;
  const std::string_view smallest = has_colon ? text.substr(0, colon) : std::string_view{};
  const std::string_view largest = has_colon ? text.substr(colon + 1) : text;
  const auto min = whole_number(smallest, 1, kMostBytes);
  const auto max = whole_number(largest, 1, kMostBytes);
  const bool nothing = smallest.empty() && largest.empty();
  if (nothing || (!smallest.empty() && !min) || (!largest.empty() && !max)) {
    return "'" + std::string(text) +
           "' is not MAX, MIN:MAX or MIN:, each a whole number of bytes of at least 1";
  }
  options.sizes_given = true;
  options.smallest = min ? static_cast<std::size_t>(*min) : options.smallest;
  options.largest = max ? static_cast<std::size_t>(*max) : options.largest;
  return {};
}

void add_elements(Options& options, std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Element>, 3> kNames{
      {{"mpi_char", Element::kChar}, {"mpi_int", Element::kInt}, {"mpi_float", Element::kFloat}}};
  for (const auto& [spelling, element] : kNames) {
    const bool is_new = std::ranges::find(options.elements, element) == options.elements.end();
    if (is_new && (name == spelling || name == "all")) {
      options.elements.push_back(element);
    }
  }
}

void add_rival(Options& options, std::string_view name) {
  (name == "mpi"    ? options.versus_mpi
   : name == "nccl" ? options.versus_nccl
                    : options.versus_nccl_ce) = true;
}

/// A whole number, in decimal whatever it begins with: CLI11 would take 010 for 8.
template <class Value, class Target>
CLI::Option* add_number(CLI::App& app, const std::string& names, Target& target, std::int64_t least,
                        std::int64_t most, const std::string& help) {
  const auto read = [&target, least, most](const std::string& text) -> std::string {
    const auto value = whole_number(text, least, most);
    if (!value) {
      return "'" + text + "' is not a whole number from " + std::to_string(least) + " to " +
             std::to_string(most);
    }
    target = static_cast<Value>(*value);
    return {};
  };
  return app.add_option(names, help)->type_name("N")->check(read);
}

void add_fraction(CLI::App& app, const std::string& name, double& target, const std::string& help) {
  const auto read = [&target](const std::string& text) -> std::string {
    const auto value = fraction(text);
    target = value.value_or(target);
    return value ? "" : "'" + text + "' is not a number from 0 to 1";
  };
  app.add_option(name, help)->type_name("F")->check(read);
}

void add_file(CLI::App& app, const std::string& name, std::string& target,
              const std::string& help) {
  const auto read = [&target](const std::string& text) -> std::string {
    target = text;
    // What begins with a dash is an option, and the one before it lacks its value.
    const bool is_name = !text.empty() && !text.starts_with('-');
    return is_name ? "" : "'" + text + "' is not the name of a file";
  };
  app.add_option(name, help)->type_name("FILE")->check(read);
}

/// What the benchmarks have in common.
void set_up(CLI::App& app, Options& options, const char* place) {
  app.get_formatter()->column_width(34);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.option_defaults()->disable_flag_override();
  app.set_help_flag();  // what is wrong goes before help, so that help is a flag as others
  app.add_flag("-h,--help")->description("print this text");
  app.add_option(place, "where the buffers are (default host)")
      ->type_name("PLACE")
      ->check(CLI::IsMember({"host", "cuda"}))
      ->each([&options](const std::string& name) {
        options.place = name == "cuda" ? Place::kCuda : Place::kHost;
      });
}

/// OSU's letters and names.
void add_osu_options(CLI::App& app, const Usage& usage, Options& options) {
  app.add_flag("-v,--version", options.version, "print the version");
  app.add_flag("-f,--full", options.full, "add columns: fastest and slowest rank, iterations");
  const std::string size = std::string("bytes per ") + usage.unit +
                           ": MIN, doubled up to MAX (default 1:1048576);\n"
                           "MIN: alone keeps MAX's default";
  app.add_option("-m,--message-size", size)
      ->type_name("[MIN:]MAX")
      ->check([&options](const std::string& text) { return read_sizes(options, text); });
  add_number<int>(app, "-i,--iterations", options.iterations, 1, kMostIterations,
                  "timed calls per size (default 1000; 100 above 8192 bytes)");
  add_number<int>(app, "-x,--warmup", options.warmups, 0, kMostIterations,
                  "calls before the timed ones (default 100; 10 above 8192 bytes)");
  add_number<std::size_t>(app, "-M,--mem-limit", options.memory_limit, 0, kMostBytes,
                          "skip sizes whose blocks together exceed N bytes (default\n"
                          "536870912, with -d cuda 8589934592; at least 1048576)");
  app.add_flag("-c,--validation", options.validate,
               "check every received byte of every call, with -d cuda of calls\n"
               "of their own; adds a column");
  add_number<int>(app, "-u,--validation-warmup", options.validation_warmups, 0,
                  kMostValidationWarmups,
                  "with -c on the host: untimed calls before each call (default 5,\n"
                  "at most 10)");
  app.add_option("-T,--type", "default mpi_char; may be given again for a further type")
      ->type_name("TYPE")
      ->transform(CLI::IsMember({"mpi_char", "mpi_int", "mpi_float", "all"}, CLI::ignore_case))
      ->each([&options](const std::string& name) { add_elements(options, name); });
}

/// causeway's additions: how it is called, and what it is compared with.
void add_causeway_options(CLI::App& app, const Usage& usage, Options& options) {
  add_number<int>(app, "--cuda-graph", options.graph_calls, 1, kMostGraphCalls,
                  "with -d cuda: record N calls in a CUDA graph and replay it")
      ->expected(0, 1)
      ->default_str(std::to_string(kGraphCalls));
  std::vector<std::string> rivals{"mpi", "nccl"};
  std::string versus =
      "time these too, in turns with causeway, several with commas\n"
      "between them; adds columns";
  if (usage.choice == Choice::kShares) {
    rivals.emplace_back("nccl-ce");
    versus +=
        "; nccl-ce is NCCL's alltoall by copy\n"
        "engines, in buffers of its own";
  }
  app.add_option("--vs", std::as_const(versus))
      ->type_name("LIBRARIES")
      ->delimiter(',')
      ->check(CLI::IsMember(rivals))
      ->each([&options](const std::string& name) { add_rival(options, name); });
  if (usage.choice != Choice::kPairs) {
    app.add_flag(kImmediate, options.immediate,
                 "on the host: time calls that return at once, and the MPI_Wait\n"
                 "behind each, of causeway and MPI");
  }
  app.add_flag("--plan", options.plan,
               "time causeway through a plan made once per size too; adds columns");
  app.add_flag("--registered", options.registered,
               "register the buffers with causeway and NCCL before the calls");
  add_number<int>(app, "--max-ctas", options.max_ctas, 1, kMostCtas,
                  "at most N thread blocks for an exchange of causeway or NCCL");
  add_file(app, "--csv", options.csv_path, "rank 0 writes the results to FILE as well");
}

/// How much each rank sends each.
void add_shares(CLI::App& app, Options& options) {
  app.add_flag("-l,--in-place", options.in_place, "exchange within one buffer (MPI_IN_PLACE)");
  add_fraction(app, "--skew", options.skew,
               "the peer d ranks further on gets a share of 1 + F*d, scaled to\n"
               "keep the mean per peer; F from 0 to 1 (default 0)");
  app.add_flag("--by-distance", options.by_distance,
               "as nccl-tests' alltoallv: the peer d ranks further on gets d\n"
               "shares, and a rank sends itself nothing; the mean per peer is\n"
               "kept");
  add_fraction(app, "--sparsity", options.sparsity,
               "fraction of the pairs that exchange nothing, 0 to 1 (default 0)");
  add_file(app, "--matrix", options.matrix_path,
           "a row per rank in FILE: the bytes that it sends to each rank;\n"
           "scaled to the means per peer that -m asks for, without -m taken\n"
           "as they are");
}

/// Who sends to whom where each rank sends one message.
void add_pairs(CLI::App& app, Options& options) {
  app.add_flag("--ring", options.ring,
               "each rank sends to the next one (default: ranks 0 and 1, 2 and 3\n"
               "and so on send each other, and the last of an odd number nobody)");
  app.add_flag("--uni", options.one_way, "of the pairs only the even ranks send");
}

/// Who has whom for neighbours.
void add_grid(CLI::App& app, Options& options) {
  const auto read = [&options](const std::string& text) -> std::string {
    options.dimensions = factors(text);
    return options.dimensions.empty() ? "'" + text +
                                            "' is not XxYxZ, XxY or X, each a whole number from "
                                            "1 to 65536"
                                      : "";
  };
  app.add_option("--halo",
                 "the grid of ranks (default: as MPI_Dims_create makes three\n"
                 "dimensions of them)")
      ->type_name("XxYxZ")
      ->check(read);
  app.add_flag("--periodic", options.periodic, "the grid's ends meet");
  app.add_flag("--ring", options.ring, "one dimension, whose ends meet");
}

/// Who sends how much to whom, and what.
void add_pattern_options(CLI::App& app, const Usage& usage, Options& options) {
  switch (usage.choice) {
    case Choice::kShares:
      add_shares(app, options);
      break;
    case Choice::kPairs:
      add_pairs(app, options);
      break;
    case Choice::kGrid:
      add_grid(app, options);
      break;
  }
  add_number<std::uint64_t>(app, "--seed", options.seed, 0, kMostBytes,
                            usage.choice == Choice::kShares
                                ? "chooses the empty pairs and the bytes that -c sends (default 1)"
                                : "chooses the bytes that -c sends (default 1)");
}

/// Every rank parses, none prints.
std::optional<std::string> parse(CLI::App& app, std::span<char* const> command_line,
                                 Options& options) {
  try {
    app.parse(static_cast<int>(command_line.size()), command_line.data());
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  options.help = app.count("--help") > 0 ? app.help() : "";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_options(std::span<char* const> command_line, int ranks,
                                        const Usage& usage, Options& options) {
  CLI::App app(std::string("Latency of ") + usage.title + " by size.", usage.program);
  set_up(app, options, "-d,--device");
  add_osu_options(app, usage, options);
  add_causeway_options(app, usage, options);
  add_pattern_options(app, usage, options);
  const auto error = parse(app, command_line, options);
  return error ? error : finish_options(options, ranks);
}

std::optional<std::string> read_column_options(std::span<char* const> command_line,
                                               Options& options, int& rows) {
  CLI::App app("Latency of sending each rank a column of a matrix of N x N doubles.",
               "osu_mpix_column");
  set_up(app, options, "device");
  add_number<int>(app, "N", rows, 1, kMostRows,
                  "rows of the matrix, from 1 to 32768 (default 4096)")
      ->type_name("");
  return parse(app, command_line, options);
}

}  // namespace causeway::osu
