// The library's settings: their names, defaults, limits and where their values come from.
#pragma once

#include "log.hpp"
#include "status.hpp"
#include "tuning_rules.hpp"

#include <launch.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace causeway {

/// Which device a communicator may run on; kAuto is CUDA where every rank has a GPU.
enum class DeviceChoice { kAuto, kHost, kCuda };

/// Values in force for one communicator. The table in config.cpp says what each means.
struct Config {
  LogLevel log = LogLevel::kWarn;
  DeviceChoice device = DeviceChoice::kAuto;
  std::optional<std::uint64_t> ring_bytes;   ///< unset: the device's choice
  std::optional<std::uint64_t> lanes;        ///< unset: the device's choice
  std::optional<std::uint64_t> ll_bytes;     ///< unset: the device's choice
  std::optional<std::uint64_t> ll128_bytes;  ///< unset: the device's choice
  std::optional<std::uint64_t> max_ctas;     ///< unset: the device's choice
  bool cma = true;
  std::vector<TuningRule> tune;
  std::vector<TuningRule> tuning_file;
  std::uint64_t timeout_seconds = 1800;  ///< also while settings are read
  std::optional<std::uint64_t> spins;    ///< unset: chosen from the number of processors
  std::uint64_t start_count = 0;
  std::uint64_t link_timeout_seconds = 0;
  std::uint64_t node_size = 0;     ///< 0: hosts are what they are
  kernels::Launchers launchers;    ///< no setting: for tests
  std::vector<std::string> texts;  ///< what was read, of each of settings()

  /// Those of the tuning file and then, as they win, those of CAUSEWAY_TUNE.
  std::vector<TuningRule> tuning_rules() const;

  friend bool operator==(const Config&, const Config&) = default;
};

/// What one plan has otherwise than its communicator.
struct PlanSettings {
  std::vector<TuningRule> rules;  ///< on top of the communicator's
  std::optional<std::uint64_t> max_ctas;
};

/// One setting, as help and documentation show it.
struct Setting {
  const char* name;  ///< of the environment variable; info keys are the same in lower case
  const char* default_value;
  const char* help;
  Status (*parse)(const Setting&, const std::string& text, Config* config);
  std::uint64_t least;  ///< limits of a number
  std::uint64_t most;
  bool of_plans = false;  ///< whether a plan may have it otherwise than its communicator
};

std::span<const Setting> settings();

/// The setting whose name is nearest to that of an environment variable that begins as settings do
/// and is none; empty for others.
std::string nearest_setting(std::string_view name);

/// Warns of such variables in the environment; once for the process.
void warn_of_misspelt_settings();

/// The info key of a setting.
std::string info_key(const Setting& setting);

/// Looks a name up where settings may be given; nothing when it is not set there.
using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

/// Fills *config: from info_value(key) where that has one, else from the environment through
/// environment_value(name), else with defaults. A value that a setting cannot take is an error that
/// names it.
Status load_config(const Lookup& info_value, const Lookup& environment_value, Config* config);

/// A setting that a communicator has, and another value of it.
struct Difference {
  std::string key;  ///< of an info
  std::string value;
  std::string asked;
};

/// Fills *differences with the values that info_value(key) has and that would make another config;
/// errors as above.
Status find_differences(const Lookup& info_value, const Config& config,
                        std::vector<Difference>* differences);

/// Fills *settings from info_value(key) alone.
Status load_plan_settings(const Lookup& info_value, PlanSettings* settings);

/// Environment variables as a Lookup.
std::optional<std::string> environment(const std::string& name);

}  // namespace causeway
