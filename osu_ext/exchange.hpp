// One alltoallv by any library: called, timed in windows and validated.
#pragma once

#include "options.hpp"
#include "pattern.hpp"
#include "payload.hpp"
#include "timing.hpp"

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace causeway::osu {

/// A call with the arguments of MPI_Alltoallv.
struct Library {
  const char* name;
  int (*alltoallv)(const void*, const int*, const int*, MPI_Datatype, void*, const int*, const int*,
                   MPI_Datatype, MPI_Comm);
};

/// What MPI_Error_string says of an error code.
[[nodiscard]] std::string error_sentence(int code);

/// An element as MPI knows it.
struct ElementType {
  MPI_Datatype type;
  std::size_t bytes;
  const char* name;
};
[[nodiscard]] ElementType element_type(Element element);

/// What one library did for one size.
struct Measured {
  RankSpread time;     ///< on rank 0
  bool passed = true;  ///< the same on all ranks; true where nothing was validated
};

/// Runs exchanges of one pattern over a communicator. Every function is collective.
class Exchange {
 public:
  /// `options` must outlive this.
  Exchange(const Options& options, MPI_Comm comm);

  /// Allocates buffers for sizes up to `largest`; false on all ranks when one of them could not.
  [[nodiscard]] bool allocate(std::size_t largest);

  /// Warms each library up, then times them in turns, window by window. Where the options ask for
  /// validation, each call sends new bytes and is checked; the lowest rank that got a wrong byte
  /// says so on standard error. A library's error code ends the program.
  [[nodiscard]] std::vector<Measured> measure(std::span<const Library> libraries, Element element,
                                              std::size_t bytes_per_peer);

 private:
  struct FreeAligned {
    void operator()(std::byte* buffer) const;
  };
  using Buffer = std::unique_ptr<std::byte[], FreeAligned>;

  /// A wrong byte and the call that brought it.
  struct Failure {
    WrongByte byte;
    std::uint64_t call;
  };

  /// Seconds that this rank spent in one call. Keeps the first failure.
  double timed_call(const Library& library, std::optional<Failure>& failure);
  void call(const Library& library, std::byte* receive);
  void write_payload();
  [[nodiscard]] bool agree_passed(const Library& library, const std::optional<Failure>& failure,
                                  std::size_t bytes_per_peer) const;

  [[nodiscard]] static Buffer allocated(std::size_t extent);

  const Options& options_;
  MPI_Comm comm_;
  int rank_ = 0;
  int ranks_ = 1;
  Pattern pattern_;

  Buffer send_;
  Buffer receive_;
  Buffer spare_;  ///< receives validation's untimed calls, which must not deliver the checked bytes

  ElementType element_{};
  Blocks sent_;
  Blocks received_;
  std::uint64_t calls_ = 0;
};

}  // namespace causeway::osu
