// Numbers as settings have them: whole ones, with K, M or G behind them for powers of 1024.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace causeway {

/// The number that a text is, or nothing where it is none or does not fit.
std::optional<std::uint64_t> number_of(std::string_view text);

/// A number's shortest text.
std::string number_text(std::uint64_t number);

}  // namespace causeway
