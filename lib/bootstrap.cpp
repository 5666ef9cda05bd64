// Bootstrap: what the library needs from whatever started the ranks.
#include "bootstrap.hpp"

#include <cstdio>

namespace causeway {

namespace {

struct Verdict {
  ErrorKind kind;
  char message[500];
};

}  // namespace

Status agree(Bootstrap& bootstrap, const Status& mine) {
  Verdict verdict{};
  verdict.kind = mine.kind();
  std::snprintf(verdict.message, sizeof verdict.message, "%s", mine.message().c_str());
  std::vector<Verdict> all;
  CAUSEWAY_TRY(allgather(bootstrap, verdict, &all));
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].kind == ErrorKind::kNone) continue;
    return Status::error(all[rank].kind, "rank %zu: %s", rank, all[rank].message);
  }
  return {};
}

}  // namespace causeway
