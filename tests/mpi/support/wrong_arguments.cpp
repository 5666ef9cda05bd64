// Arguments that neither a call nor a plan may have.
#include "wrong_arguments.hpp"

#include <string>
#include <utility>
#include <vector>

namespace causeway::test {

namespace {

ScopedType uncommitted_pair() {
  MPI_Datatype type = MPI_DATATYPE_NULL;
  MPI_Type_contiguous(2, MPI_INT, &type);
  return ScopedType::uncommitted(type);
}

}  // namespace

const std::vector<WrongArgument>& wrong_arguments() {
  static const std::vector<WrongArgument> all = {
      {"negative_sendcount",
       [](Call& c) { c.sendcounts->back() = -3; },
       MPI_ERR_COUNT,
       {"sendcounts[LAST] = -3 on rank RANK"}},
      {"negative_recvcount",
       [](Call& c) { c.recvcounts->back() = -1; },
       MPI_ERR_COUNT,
       {"recvcounts[LAST] = -1 on rank RANK"}},
      {"no_sendbuf",
       [](Call& c) { c.sendbuf = nullptr; },
       MPI_ERR_BUFFER,
       {"sendbuf is NULL on rank RANK", "sendcounts[0] = 1"}},
      {"recvbuf_in_place",
       [](Call& c) { c.recvbuf = MPI_IN_PLACE; },
       MPI_ERR_BUFFER,
       {"recvbuf is MPI_IN_PLACE on rank RANK"}},
      {"no_recvbuf",
       [](Call& c) { c.recvbuf = nullptr; },
       MPI_ERR_BUFFER,
       {"recvbuf is NULL on rank RANK", "recvcounts[0] = 1"}},
      {"no_sendcounts",
       [](Call& c) { c.sendcounts.reset(); },
       MPI_ERR_ARG,
       {"sendcounts is NULL on rank RANK"}},
      {"no_recvcounts",
       [](Call& c) { c.recvcounts.reset(); },
       MPI_ERR_ARG,
       {"recvcounts is NULL on rank RANK"}},
      {"no_sdispls",
       [](Call& c) { c.sdispls.reset(); },
       MPI_ERR_ARG,
       {"sdispls is NULL on rank RANK"}},
      {"no_rdispls",
       [](Call& c) { c.rdispls.reset(); },
       MPI_ERR_ARG,
       {"rdispls is NULL on rank RANK"}},
      {"no_sendtype",
       [](Call& c) { c.sendtype = MPI_DATATYPE_NULL; },
       MPI_ERR_TYPE,
       {"sendtype is MPI_DATATYPE_NULL on rank RANK"}},
      {"no_recvtype",
       [](Call& c) { c.recvtype = MPI_DATATYPE_NULL; },
       MPI_ERR_TYPE,
       {"recvtype is MPI_DATATYPE_NULL on rank RANK"}},
      {"uncommitted",
       [](Call& c) {
         c.types.push_back(uncommitted_pair());
         c.sendtype = c.types.back();
       },
       MPI_ERR_TYPE,
       {"sendtype", "rank RANK", "is not committed"}},
      {"uncommitted_recvtype",
       [](Call& c) {
         c.types.push_back(uncommitted_pair());
         c.recvtype = c.types.back();
       },
       MPI_ERR_TYPE,
       {"recvtype", "is not committed", "rank RANK"}},
  };
  return all;
}

std::vector<std::string> WrongArgument::fragments_for(int rank, int size) const {
  std::vector<std::string> result = fragments;
  for (std::string& fragment : result) {
    for (const auto& [mark, number] : {std::pair("RANK", rank), std::pair("LAST", size - 1)}) {
      const std::size_t at = fragment.find(mark);
      if (at != std::string::npos) fragment.replace(at, 4, std::to_string(number));
    }
  }
  return result;
}

}  // namespace causeway::test
