// What can run an alltoallv: causeway, MPI or NCCL, called with the same arguments.
#include "library.hpp"

namespace causeway::osu {

std::string error_sentence(int code) {
  char sentence[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, sentence, &length);
  return {sentence, static_cast<std::size_t>(length)};
}

std::string alltoallv_failure(int code) {
  if (code == MPI_SUCCESS) {
    return {};
  }
  return "alltoallv returned error " + std::to_string(code) + ": " + error_sentence(code);
}

std::string BlockingLibrary::exchange(const Call& call) {
  return alltoallv_failure(function_(
      call.send, call.sent->counts.data(), call.sent->displacements.data(), call.type, call.receive,
      call.received->counts.data(), call.received->displacements.data(), call.type, call.comm));
}

}  // namespace causeway::osu
