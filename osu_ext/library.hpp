// What can run an exchange: causeway, MPI or NCCL, called with the same arguments.
#pragma once

#include "pattern.hpp"

#include <mpi.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace causeway::osu {

/// Memory that frees itself.
using Buffer = std::unique_ptr<std::byte[], void (*)(std::byte*)>;

/// A buffer without memory.
[[nodiscard]] Buffer no_buffer();

/// The arguments of one exchange.
struct Call {
  const void* send = nullptr;  ///< MPI_IN_PLACE for an exchange within `receive`
  void* receive = nullptr;
  const Blocks* sent = nullptr;
  const Blocks* received = nullptr;
  MPI_Datatype type = MPI_DATATYPE_NULL;
  MPI_Comm comm = MPI_COMM_NULL;
  /// Host memory as large as `send` and `receive`, where these are on a GPU; else NULL.
  std::byte* send_mirror = nullptr;
  std::byte* receive_mirror = nullptr;
};

/// How a library is called in options and files, in columns, and in the table's head.
struct LibraryName {
  std::string name;
  std::string title;
  std::string remark;        ///< what a reader of its times has to know; empty for nothing
  bool is_causeway = false;  ///< so that the libraries after it are compared with it
};

/// What a library cannot have in common with the others that are measured in the same run.
struct Apart {
  bool receive = false;  ///< it needs buffers of its own to receive into
  bool send = false;     ///< and to send from
  bool packed = false;   ///< its blocks follow each other without gaps
};

/// All ranks call the same functions of the same libraries in the same order. Functions that return
/// a sentence return "" when nothing went wrong.
class Library {
 public:
  explicit Library(LibraryName name) : name_(std::move(name)) {}
  virtual ~Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  [[nodiscard]] const LibraryName& name() const { return name_; }

  [[nodiscard]] virtual Apart apart() const { return {}; }
  /// Memory for buffers that are apart, none where there is too little; causeway is attached to
  /// `comm`.
  [[nodiscard]] virtual Buffer allocate(MPI_Comm comm, std::size_t bytes);
  /// Tells the library once of each buffer that its calls will exchange, so that it may register
  /// it. Collective; `bytes` is the same on all ranks.
  [[nodiscard]] virtual std::string take(MPI_Comm comm, std::byte* buffer, std::size_t bytes);
  /// Ends what `take` began, before the buffers are freed. Collective.
  [[nodiscard]] virtual std::string give_back() { return {}; }

  /// Sets up what `exchange` needs for this call, before the first one. Collective; not while a
  /// stream is being captured.
  [[nodiscard]] virtual std::string prepare(const Call& call);
  /// Frees what all of `prepare` set up; what was captured is not replayed any more. Collective.
  [[nodiscard]] virtual std::string forget() { return {}; }

  /// Runs the exchange to its end, or enqueues it on the stream that the library was made with.
  [[nodiscard]] virtual std::string exchange(const Call& call) = 0;

  /// Whether `exchange` only enqueues, so that a CUDA graph can record it.
  [[nodiscard]] virtual bool can_be_captured() const { return false; }

  /// What has gone wrong in exchanges that were enqueued, or "".
  [[nodiscard]] virtual std::string late_failure() const { return {}; }

 private:
  LibraryName name_;
};

/// A library whose exchange is over when its call returns.
class BlockingLibrary final : public Library {
 public:
  BlockingLibrary(LibraryName name, int (*function)(const Call&))
      : Library(std::move(name)), function_(function) {}
  [[nodiscard]] std::string exchange(const Call& call) override;

 private:
  int (*function_)(const Call&);
};

/// What MPI_Error_string says of an error code.
[[nodiscard]] std::string error_sentence(int code);

/// "" for MPI_SUCCESS, else what a call of `function` did.
[[nodiscard]] std::string call_failure(std::string_view function, int code);

}  // namespace causeway::osu
