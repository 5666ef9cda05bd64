// What can run an exchange: causeway, MPI or NCCL, called with the same arguments.
#include "library.hpp"

namespace causeway::osu {

Buffer no_buffer() {
  return {nullptr, [](std::byte*) {}};
}

Buffer Library::allocate(MPI_Comm, std::size_t) { return no_buffer(); }
std::string Library::take(MPI_Comm, std::byte*, std::size_t) { return {}; }
std::string Library::prepare(const Call&) { return {}; }

std::string error_sentence(int code) {
  char sentence[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, sentence, &length);
  return {sentence, static_cast<std::size_t>(length)};
}

std::string call_failure(std::string_view function, int code) {
  if (code == MPI_SUCCESS) {
    return {};
  }
  return std::string(function) + " returned error " + std::to_string(code) + ": " +
         error_sentence(code);
}

std::string BlockingLibrary::exchange(const Call& call) {
  return call_failure("exchange", function_(call));
}

}  // namespace causeway::osu
