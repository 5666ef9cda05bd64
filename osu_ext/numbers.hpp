// Numbers as people write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace causeway::osu {

/// The whole of `text` as a decimal number from `least` to `most`, or nothing.
[[nodiscard]] std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t least,
                                                       std::int64_t most);
[[nodiscard]] std::optional<double> fraction(std::string_view text);  ///< from 0 to 1

/// Whole numbers from 1 to 65536 with an `x` between them, at most three of them, or none where
/// `text` is something else; and back.
[[nodiscard]] std::vector<int> factors(std::string_view text);
[[nodiscard]] std::string product_of(const std::vector<int>& factors);

/// `value` in as few digits as tell it from every other.
[[nodiscard]] std::string shortest(double value);

}  // namespace causeway::osu
