// The library's settings: their names, defaults, limits and where their values come from.
#include "config.hpp"

#include "number.hpp"

#include <args.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cctype>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <utility>

namespace causeway {

namespace {

Status refuse(const Setting& setting, const std::string& text, const std::string& wanted) {
  return Status::error(ErrorKind::kInfo, "%s = '%s' is not %s", setting.name, text.c_str(),
                       wanted.c_str());
}

/// A whole number, with K, M or G behind it for powers of 1024. `or_else` is what else will do.
Status parse_number(const Setting& setting, const std::string& text, std::uint64_t* value,
                    const char* or_else = "") {
  const std::string wanted = "a number from " + std::to_string(setting.least) + " to " +
                             std::to_string(setting.most) + ", K, M and G allowed" + or_else;
  const std::optional<std::uint64_t> number = number_of(text);
  if (!number || *number < setting.least || *number > setting.most) {
    return refuse(setting, text, wanted);
  }
  *value = *number;
  return {};
}

template <std::uint64_t Config::*Field>
Status number_field(const Setting& setting, const std::string& text, Config* config) {
  return parse_number(setting, text, &(config->*Field));
}

/// A number, or "auto" for none.
Status optional_number(const Setting& setting, const std::string& text,
                       std::optional<std::uint64_t>* value) {
  value->reset();
  if (text == "auto") return {};
  std::uint64_t number = 0;
  CAUSEWAY_TRY(parse_number(setting, text, &number, ", or auto"));
  *value = number;
  return {};
}

Status ring_field(const Setting& setting, const std::string& text, Config* config) {
  CAUSEWAY_TRY(optional_number(setting, text, &config->ring_bytes));
  if (config->ring_bytes) config->ring_bytes = std::bit_ceil(*config->ring_bytes);
  return {};
}

template <std::optional<std::uint64_t> Config::*Field>
Status optional_field(const Setting& setting, const std::string& text, Config* config) {
  return optional_number(setting, text, &(config->*Field));
}

Status device_field(const Setting& setting, const std::string& text, Config* config) {
  const std::pair<const char*, DeviceChoice> names[] = {
      {"auto", DeviceChoice::kAuto}, {"host", DeviceChoice::kHost}, {"cuda", DeviceChoice::kCuda}};
  for (const auto& [name, choice] : names) {
    if (text != name) continue;
    config->device = choice;
    return {};
  }
  return refuse(setting, text, "one of auto, host, cuda");
}

Status cma_field(const Setting& setting, const std::string& text, Config* config) {
  if (text != "auto" && text != "no") return refuse(setting, text, "one of auto, no");
  config->cma = text == "auto";
  return {};
}

Status start_field(const Setting& setting, const std::string& text, Config* config) {
  CAUSEWAY_TRY(parse_number(setting, text, &config->start_count));
  config->start_count &= ~std::uint64_t{15};
  return {};
}

Status log_field(const Setting& setting, const std::string& text, Config* config) {
  constexpr const char* kNames[] = {"off", "error", "warn", "info", "debug"};
  for (int level = 0; level < 5; ++level) {
    if (text != kNames[level]) continue;
    config->log = static_cast<LogLevel>(level);
    return {};
  }
  return refuse(setting, text, "one of off, error, warn, info, debug");
}

Status tune_field(const Setting& setting, const std::string& text, Config* config) {
  config->tune.clear();
  return text == "none" ? Status() : parse_rules(setting.name, text, &config->tune);
}

Status tuning_file_field(const Setting&, const std::string& text, Config* config) {
  config->tuning_file.clear();
  return text == "none" ? Status() : read_rules(text, &config->tuning_file);
}

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kUint32 = std::numeric_limits<std::uint32_t>::max();

constexpr Setting kSettings[] = {
    {"CAUSEWAY_LOG", "warn", "what is printed on stderr: off, error, warn, info or debug",
     log_field, 0, 0},
    {"CAUSEWAY_DEVICE", "auto",
     "what runs exchanges: cuda, host, or auto, which is cuda where every rank has a GPU",
     device_field, 0, 0},
    {"CAUSEWAY_RING_BYTES", "auto",
     "bytes of the ring that a peer writes into, one ring per peer and lane, rounded up to a power "
     "of two; the smallest value of any rank counts; auto is up to 1M, on GPUs 512K, less "
     "where there are many, 4M where there are 32 at most",
     ring_field, 4096, std::uint64_t{1} << 40},
    {"CAUSEWAY_LANES", "auto",
     "channels to each peer, which large blocks are spread over; the smallest value of any rank "
     "counts; auto is 1, on GPUs up to 64",
     optional_field<&Config::lanes>, 1, kernels::kMostLanes},
    {"CAUSEWAY_LL_BYTES", "auto",
     "messages up to this many bytes travel between ranks of a host in lines with flags, which "
     "needs no second trip to say that they are there; the smallest value of any rank counts; auto "
     "is 128, on GPUs up to 256K; 0 is none",
     optional_field<&Config::ll_bytes>, 0, std::uint64_t{1} << 20},
    {"CAUSEWAY_LL128_BYTES", "auto",
     "the same for lines of 128 bytes, of which 120 are the message's, where a test at attach has "
     "shown that GPUs keep them whole; auto is 0, on GPUs of one rank each up to 8M, 4M with 8 "
     "ranks; 0 is none, as without CAUSEWAY_LL_BYTES",
     optional_field<&Config::ll128_bytes>, 0, std::uint64_t{8} << 20},
    {"CAUSEWAY_MAX_CTAS", "auto",
     "thread blocks that serve an exchange; on the host device each is a sending and a receiving "
     "thread; auto is 1, on GPUs nearly as many as there are multiprocessors, which is also the "
     "most",
     optional_field<&Config::max_ctas>, 1, 1024, true},
    {"CAUSEWAY_CMA", "auto",
     "how large messages travel on the host device: auto, the receiver reads them in the sender's "
     "memory (cross-memory attach, `process_vm_readv`), where the system lets it; no on any rank, "
     "through shared memory, which takes another copy",
     cma_field, 0, 0},
    {"CAUSEWAY_TUNE", "none",
     "rules for how messages travel, separated by semicolons, as `lib/README.md` describes; they "
     "go "
     "before those of the tuning file",
     tune_field, 0, 0, true},
    {"CAUSEWAY_TUNING_FILE", "none",
     "a file of such rules, one a line; they go before the built-in ones", tuning_file_field, 0, 0,
     true},
    {"CAUSEWAY_TIMEOUT", "1800",
     "seconds that an exchange waits for one peer, and any other call for the other ranks to make "
     "it "
     "too, before the communicator fails; 0 waits for ever",
     number_field<&Config::timeout_seconds>, 0, std::uint64_t{1} << 30},
    {"CAUSEWAY_SPINS", "auto",
     "polls before a waiting thread lets others run; auto spins only when every rank of the host "
     "has a processor",
     optional_field<&Config::spins>, 0, kUint32},
    {"CAUSEWAY_START_COUNT", "0",
     "where the counts of channels begin, rounded down to a multiple of 16: for testing that they "
     "may pass any power of two; the smallest value of any rank counts",
     start_field, 0, kAny},
    {"CAUSEWAY_LINK_TIMEOUT", "30",
     "seconds without an answer after which the network link to a peer counts as broken, however "
     "long its rank may take over other things; 0 waits for ever",
     number_field<&Config::link_timeout_seconds>, 0, std::uint64_t{1} << 30},
    {"CAUSEWAY_NODE_SIZE", "0",
     "makes every so many ranks of a communicator count as a host of their own, for testing; 0 "
     "takes hosts as they are; the same on all ranks",
     number_field<&Config::node_size>, 0, kUint32},
};

}  // namespace

std::vector<TuningRule> Config::tuning_rules() const {
  std::vector<TuningRule> rules = tuning_file;
  rules.insert(rules.end(), tune.begin(), tune.end());
  return rules;
}

std::span<const Setting> settings() { return kSettings; }

std::string info_key(const Setting& setting) {
  std::string key = setting.name;
  for (char& c : key) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return key;
}

namespace {

/// Characters to put in, to leave out or to exchange until one text is the other (V. Levenshtein,
/// Soviet Physics Doklady 10, 707, 1966).
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t exchanged = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({exchanged, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_setting(std::string_view name) {
  // Those of the project's scripts and tests.
  for (const std::string_view known : {"CAUSEWAY_TEST_", "CAUSEWAY_BUILD", "CAUSEWAY_COMMIT",
                                       "CAUSEWAY_REQUIRE", "CAUSEWAY_MPIS"}) {
    if (name.starts_with(known)) return {};
  }
  if (!name.starts_with("CAUSEWAY_")) return {};
  const auto nearest = std::ranges::min_element(
      kSettings, {}, [&](const Setting& setting) { return distance(name, setting.name); });
  return nearest->name == name ? std::string() : nearest->name;
}

void warn_of_misspelt_settings() {
  static std::atomic<bool> warned = false;
  if (warned.exchange(true)) return;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const std::string name(text.substr(0, text.find('=')));
    const std::string nearest = nearest_setting(name);
    if (nearest.empty()) continue;
    log(LogLevel::kWarn, "the environment has %s, which is no setting; the nearest is %s",
        name.c_str(), nearest.c_str());
  }
}

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Status load_config(const Lookup& info_value, const Lookup& environment_value, Config* config) {
  config->texts.clear();
  for (const Setting& setting : kSettings) {
    std::optional<std::string> text = info_value(info_key(setting));
    if (!text) text = environment_value(setting.name);
    config->texts.push_back(text.value_or(setting.default_value));
    CAUSEWAY_TRY(setting.parse(setting, config->texts.back(), config));
  }
  return {};
}

Status find_differences(const Lookup& info_value, const Config& config,
                        std::vector<Difference>* differences) {
  differences->clear();
  for (std::size_t i = 0; i < std::size(kSettings); ++i) {
    const std::string key = info_key(kSettings[i]);
    const std::optional<std::string> asked = info_value(key);
    if (!asked) continue;
    Config other = config;
    CAUSEWAY_TRY(kSettings[i].parse(kSettings[i], *asked, &other));
    if (other != config) differences->push_back({key, config.texts[i], *asked});
  }
  return {};
}

Status load_plan_settings(const Lookup& info_value, PlanSettings* settings) {
  Config config;
  for (const Setting& setting : kSettings) {
    if (!setting.of_plans) continue;
    const std::optional<std::string> text = info_value(info_key(setting));
    if (text) CAUSEWAY_TRY(setting.parse(setting, *text, &config));
  }
  *settings = {config.tuning_rules(), config.max_ctas};
  return {};
}

}  // namespace causeway
