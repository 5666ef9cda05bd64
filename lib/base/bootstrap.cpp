// Bootstrap: what the library needs from whatever started the ranks.
#include "bootstrap.hpp"

#include <algorithm>

namespace causeway {

namespace {

constexpr std::uint64_t kNobody = ~std::uint64_t{0};

struct Verdict {
  ErrorKind kind;
  char message[500];
};
static_assert(sizeof(Verdict) <= Bootstrap::kMostTold);

}  // namespace

Status agree(Bootstrap& bootstrap, const Status& mine) {
  const auto rank = static_cast<std::uint64_t>(bootstrap.rank());
  std::uint64_t first = mine.ok() ? kNobody : rank;
  CAUSEWAY_TRY(bootstrap.smallest(&first));
  if (first == kNobody) return {};
  Verdict verdict{};
  if (first == rank) {
    verdict.kind = mine.kind();
    const std::string& message = mine.message();
    std::copy_n(message.data(), std::min(message.size(), sizeof verdict.message - 1),
                verdict.message);
  }
  CAUSEWAY_TRY(bootstrap.tell(static_cast<int>(first), &verdict, sizeof verdict));
  return Status::error(verdict.kind, "rank %d: %s", static_cast<int>(first), verdict.message);
}

}  // namespace causeway
