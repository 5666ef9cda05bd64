// Status: how calls inside the library report failure.
#pragma once

#include <string>
#include <utility>

namespace causeway {

/// What went wrong, in terms that a caller can act on; mpi_bind gives each an MPI error class.
enum class ErrorKind {
  kNone,
  kArgument,     ///< an argument is wrong, and none of the kinds below fits
  kComm,         ///< the communicator is not one that can be used
  kCount,        ///< a count is negative, or too large
  kBuffer,       ///< a buffer is missing
  kType,         ///< a datatype is not one that can be used
  kInfo,         ///< a setting has a value that it cannot take
  kTruncated,    ///< a peer sent more than was asked for; the communicator stays usable
  kPeer,         ///< a peer could not take part; the communicator stays usable
  kUnsupported,  ///< this build or machine cannot do it
  kSystem,       ///< the operating system refused something
  kFailed,       ///< the communicator has failed: aborted, timed out or corrupt
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  /// A status with a sentence in printf's form. Whoever detects an error writes the whole sentence;
  /// callers pass it on.
  [[gnu::format(printf, 2, 3)]] static Status error(ErrorKind kind, const char* format, ...);

  bool ok() const { return kind_ == ErrorKind::kNone; }
  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }

 private:
  ErrorKind kind_ = ErrorKind::kNone;
  std::string message_;
};

}  // namespace causeway

/// Returns from the enclosing function with the status of an expression unless it is ok.
#define CAUSEWAY_TRY(expression)                                 \
  do {                                                           \
    ::causeway::Status status_of_expression = (expression);      \
    if (!status_of_expression.ok()) return status_of_expression; \
  } while (false)
