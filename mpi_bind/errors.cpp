// Errors: a Status as an MPI error code, raised through a communicator's error handler.
#include "errors.hpp"

#include <log.hpp>

#include <never_destroyed.hpp>

#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>

namespace causeway::mpi {

namespace {

int add_class(const char* text) {
  int added = MPI_ERR_OTHER;
  PMPI_Add_error_class(&added);
  PMPI_Add_error_string(added, text);
  return added;
}

/// MPI has error classes for all kinds but one; that one is added.
int error_class(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kComm:
      return MPI_ERR_COMM;
    case ErrorKind::kTopology:
      return MPI_ERR_TOPOLOGY;
    case ErrorKind::kCount:
      return MPI_ERR_COUNT;
    case ErrorKind::kBuffer:
      return MPI_ERR_BUFFER;
    case ErrorKind::kRank:
      return MPI_ERR_RANK;
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
    case ErrorKind::kTag:
      return MPI_ERR_TAG;
    case ErrorKind::kPeer:
      return MPI_ERR_OTHER;
    case ErrorKind::kFailed:
      return add_class("causeway: the communicator has failed");
    default:
      return MPI_ERR_ARG;
  }
}

/// What MPI says of a code or a class.
struct ErrorText {
  explicit ErrorText(int code) {
    int length = 0;
    PMPI_Error_string(code, text, &length);
  }
  char text[MPI_MAX_ERROR_STRING] = "";
};

/// Whether MPI says of a code what it was told.
bool keeps_strings(int code) {
  constexpr char kTold[] = "causeway";
  PMPI_Add_error_string(code, kTold);
  return std::strcmp(ErrorText(code).text, kTold) == 0;
}

/// Adds a code. MPICH 4.0 takes one that is of a predefined class for another, and says something
/// else of it: there the class is added too, with the predefined one's string.
int add_code(ErrorKind kind) {
  int code = MPI_ERR_OTHER;
  const int predefined = error_class(kind);
  PMPI_Add_error_code(predefined, &code);
  if (keeps_strings(code)) return code;
  PMPI_Add_error_code(add_class(ErrorText(predefined).text), &code);
  return code;
}

/// The codes that were added, by kind; 0 for none yet.
struct Codes {
  std::mutex mutex;
  int of_kind[static_cast<int>(ErrorKind::kFailed) + 1] = {};
};

/// A status that says which rank it is of.
Status name_rank(MPI_Comm comm, const Status& status) {
  if (status.message().find("rank ") != std::string::npos) return status;
  int rank = 0;
  PMPI_Comm_rank(comm, &rank);
  return Status::error(status.kind(), "rank %d: %s", rank, status.message().c_str());
}

Codes& codes() {
  static NeverDestroyed<Codes> all;
  return all.get();
}

}  // namespace

int error_code(const char* call, const Status& status) {
  if (status.ok()) return MPI_SUCCESS;
  const std::lock_guard lock(codes().mutex);
  int& code = codes().of_kind[static_cast<int>(status.kind())];
  if (code == 0) code = add_code(status.kind());
  char text[MPI_MAX_ERROR_STRING];
  std::snprintf(text, sizeof text, "%s: %s", call, status.message().c_str());
  PMPI_Add_error_string(code, text);
  return code;
}

int raise(MPI_Comm comm, const char* call, const Status& status) {
  if (status.ok()) return MPI_SUCCESS;
  const MPI_Comm at = comm == MPI_COMM_NULL ? MPI_COMM_WORLD : comm;
  const Status named = name_rank(at, status);
  log(LogLevel::kInfo, "%s: %s", call, named.message().c_str());
  const int code = error_code(call, named);
  PMPI_Comm_call_errhandler(at, code);
  return code;
}

}  // namespace causeway::mpi
