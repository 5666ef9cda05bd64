// Numbers as settings have them: whole ones, with K, M or G behind them for powers of 1024.
#include "number.hpp"

#include <cctype>
#include <charconv>
#include <limits>

namespace causeway {

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc{}) return std::nullopt;
  int shift = 0;
  if (rest != end) {
    const char unit = static_cast<char>(std::toupper(static_cast<unsigned char>(*rest)));
    shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
    if (shift == 0 || rest + 1 != end) return std::nullopt;
  }
  if (number > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
  return number << shift;
}

std::string number_text(std::uint64_t number) {
  int unit = 0;
  while (unit < 3 && number != 0 && number % 1024 == 0) {
    number /= 1024;
    ++unit;
  }
  constexpr const char* kUnits[] = {"", "K", "M", "G"};
  return std::to_string(number) + kUnits[unit];
}

}  // namespace causeway
