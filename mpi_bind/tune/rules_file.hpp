// The file that causeway-tune writes. Pure but for the file itself: no MPI, no device.
#pragma once

#include <status.hpp>
#include <tuning_rules.hpp>

#include <span>
#include <string>
#include <vector>

namespace causeway::tune {

/// Where and how the rules were measured: lines without their comment signs.
using Remarks = std::vector<std::string>;

/// An error unless a file can be put there.
Status check_output(const std::string& path);

/// Puts a file of remarks and rules at `path`, whole or not at all.
Status write_rules(const std::string& path, const Remarks& remarks,
                   std::span<const TuningRule> rules);

}  // namespace causeway::tune
