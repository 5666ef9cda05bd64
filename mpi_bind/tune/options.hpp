// The command line of causeway-tune. Pure: no MPI, no device.
#pragma once

#include <config.hpp>
#include <device_id.hpp>
#include <status.hpp>
#include <tuning_rules.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace causeway::tune {

struct Options {
  std::string output = "causeway.tuning";
  DeviceChoice device = DeviceChoice::kAuto;
  std::optional<Range> sizes;  ///< bytes of a message; unset: the device's
  std::uint64_t seconds = 120;
  std::string help;  ///< to be printed rather than measure anything; empty where nobody asked
};

/// Reads a command line, the program's name first. Errors name the option and the value.
Status read_options(std::span<char* const> command_line, Options* options);

/// Sizes that are measured where none are given.
Range default_sizes(DeviceKind device);

/// The sizes from the range's least, each twice the one before.
std::vector<std::uint64_t> sizes_in(const Range& range);

}  // namespace causeway::tune
