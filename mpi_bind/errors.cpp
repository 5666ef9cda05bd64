// Errors: a Status as an MPI error code, raised through a communicator's error handler.
#include "errors.hpp"

#include <log.hpp>

#include <map>
#include <mutex>

namespace causeway::mpi {

namespace {

/// MPI has error classes for all kinds but one; that one is added.
int error_class(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kComm:
      return MPI_ERR_COMM;
    case ErrorKind::kCount:
      return MPI_ERR_COUNT;
    case ErrorKind::kBuffer:
      return MPI_ERR_BUFFER;
    case ErrorKind::kType:
      return MPI_ERR_TYPE;
    case ErrorKind::kInfo:
      return MPI_ERR_INFO_VALUE;
    case ErrorKind::kTruncated:
      return MPI_ERR_TRUNCATE;
    case ErrorKind::kUnsupported:
      return MPI_ERR_UNSUPPORTED_OPERATION;
    case ErrorKind::kSystem:
      return MPI_ERR_INTERN;
    case ErrorKind::kPeer:
      return MPI_ERR_OTHER;
    case ErrorKind::kFailed: {
      int added = MPI_ERR_OTHER;
      PMPI_Add_error_class(&added);
      PMPI_Add_error_string(added, "causeway: the communicator has failed");
      return added;
    }
    default:
      return MPI_ERR_ARG;
  }
}

std::mutex codes_mutex;
std::map<ErrorKind, int> codes;

}  // namespace

int error_code(const char* call, const Status& status) {
  if (status.ok()) return MPI_SUCCESS;
  const std::lock_guard lock(codes_mutex);
  auto [entry, is_new] = codes.try_emplace(status.kind(), MPI_ERR_OTHER);
  if (is_new) PMPI_Add_error_code(error_class(status.kind()), &entry->second);
  std::string text = std::string(call) + ": " + status.message();
  text.resize(std::min(text.size(), static_cast<std::size_t>(MPI_MAX_ERROR_STRING - 1)));
  PMPI_Add_error_string(entry->second, text.c_str());
  return entry->second;
}

int raise(MPI_Comm comm, const char* call, const Status& status) {
  if (status.ok()) return MPI_SUCCESS;
  log(LogLevel::kInfo, "%s: %s", call, status.message().c_str());
  const int code = error_code(call, status);
  PMPI_Comm_call_errhandler(comm == MPI_COMM_NULL ? MPI_COMM_WORLD : comm, code);
  return code;
}

}  // namespace causeway::mpi
