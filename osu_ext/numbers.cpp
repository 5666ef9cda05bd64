// Numbers as people write them.
#include "numbers.hpp"

#include <array>
#include <charconv>

namespace causeway::osu {

std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t least,
                                         std::int64_t most) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end || value < least || value > most) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> fraction(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  // Written so that a NaN fails it too.
  const bool inside = value >= 0.0 && value <= 1.0;
  if (text.empty() || error != std::errc{} || stop != end || !inside) {
    return std::nullopt;
  }
  return value;
}

std::vector<int> factors(std::string_view text) {
  constexpr std::size_t kMost = 3;
  constexpr std::int64_t kMostOfOne = 65536;  // their product fits into 64 bits
  std::vector<int> all;
  for (bool more = true; more;) {
    const std::size_t end = text.find('x');
    const auto factor = whole_number(text.substr(0, end), 1, kMostOfOne);
    if (!factor || all.size() == kMost) {
      return {};
    }
    all.push_back(static_cast<int>(*factor));
    more = end != std::string_view::npos;
    text.remove_prefix(more ? end + 1 : text.size());
  }
  return all;
}

std::string product_of(const std::vector<int>& factors) {
  std::string text;
  for (const int factor : factors) {
    text += (text.empty() ? "" : "x") + std::to_string(factor);
  }
  return text;
}

std::string shortest(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

}  // namespace causeway::osu
