// The command line of causeway-tune. Pure: no MPI, no device.
#pragma once

#include <config.hpp>
#include <status.hpp>
#include <topology.hpp>
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
  bool help = false;
};

/// Reads what stands behind the program's name. Errors name the argument.
Status read_options(std::span<char* const> arguments, Options* options);

/// What --help prints.
const char* usage();

/// Sizes that are measured where none are given.
Range default_sizes(DeviceKind device);

/// The sizes from the range's least, each twice the one before.
std::vector<std::uint64_t> sizes_in(const Range& range);

}  // namespace causeway::tune
