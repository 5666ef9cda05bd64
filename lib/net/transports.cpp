// Which transports UCX may use.
#include "transports.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

namespace causeway {

namespace {

/// A name as UCX takes it: after a backslash one transport of that very name, before a colon.
bool calls_cuda(std::string_view item) {
  constexpr std::array<std::string_view, 4> kNames{"cuda", "cuda_copy", "cuda_ipc", "gdr_copy"};
  if (item.starts_with('\\')) item.remove_prefix(1);
  return std::ranges::find(kNames, item.substr(0, item.find(':'))) != kNames.end();
}

}  // namespace

std::string network_transports(const std::string& chosen, bool shared, bool cuda) {
  if (!shared && !cuda) return chosen;
  // UCX's own names for all of a kind.
  const std::string without =
      std::string(shared ? "sm" : "") + (shared && cuda ? "," : "") + (cuda ? "cuda" : "");
  if (chosen.starts_with('^')) return chosen + "," + without;
  std::istringstream items(chosen);
  std::string kept;
  for (std::string item; std::getline(items, item, ',');) {
    if (item == "all") return "^" + without;
    if (calls_cuda(item)) continue;
    kept += (kept.empty() ? "" : ",") + item;
  }
  return kept.empty() ? "^" + without : kept;
}

}  // namespace causeway
