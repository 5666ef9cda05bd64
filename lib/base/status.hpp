// Status: how calls inside the library report failure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace causeway {

/// What went wrong, in terms that a caller can act on; mpi_bind gives each an MPI error class.
enum class ErrorKind {
  kNone,
  kArgument,     ///< an argument is wrong, and none of the kinds below fits
  kComm,         ///< the communicator is not one that can be used
  kTopology,     ///< the communicator's topology is not one that can be used
  kCount,        ///< a count is negative, or too large
  kBuffer,       ///< a buffer is missing
  kRank,         ///< a rank is none of the communicator's
  kType,         ///< a datatype is not one that can be used
  kInfo,         ///< a setting has a value that it cannot take
  kTruncated,    ///< a peer sent more than was asked for; the communicator stays usable
  kTag,          ///< a message has another tag than was asked for; the communicator stays usable
  kPeer,         ///< a peer could not take part; the communicator stays usable
  kUnsupported,  ///< this build or machine cannot do it
  kSystem,       ///< the operating system refused something
  kFailed,       ///< the communicator has failed: aborted, timed out or corrupt
};

/// Making, copying and passing on a status throws nothing, so that a rank can always tell the
/// others of an error: one whose sentence finds no memory says that.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ErrorKind kind, std::string_view message) noexcept;

  /// A status with a sentence in printf's form. Whoever detects an error writes the whole sentence;
  /// callers pass it on.
  [[gnu::format(printf, 2, 3)]] static Status error(ErrorKind kind, const char* format,
                                                    ...) noexcept;

  bool ok() const { return kind_ == ErrorKind::kNone; }
  ErrorKind kind() const { return kind_; }
  const std::string& message() const noexcept;

 private:
  ErrorKind kind_ = ErrorKind::kNone;
  std::shared_ptr<const std::string> message_;
};

/// What the exception that is being handled means. One that neither the library nor the standard
/// library throws for want of something is none of ours: it is thrown on.
Status status_of_exception();

/// Runs step(), which returns a Status; what it throws for want of memory or threads is one too.
template <class Step>
Status guarded(Step&& step) {
  try {
    return step();
  } catch (...) {
    return status_of_exception();
  }
}

}  // namespace causeway

/// Returns from the enclosing function with the status of an expression unless it is ok.
#define CAUSEWAY_TRY(expression)                                 \
  do {                                                           \
    ::causeway::Status status_of_expression = (expression);      \
    if (!status_of_expression.ok()) return status_of_expression; \
  } while (false)
