// One alltoallv by any library on any device: called, timed in windows and validated.
#pragma once

#include "device.hpp"
#include "library.hpp"
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

/// What all libraries did for one size.
struct MeasuredSize {
  int calls = 0;                     ///< timed calls of each library
  double bytes_to_others = 0.0;      ///< that a rank sends to others in a call, mean of the ranks
  std::vector<Measured> by_library;  ///< in the order of the libraries
};

/// Runs exchanges of one pattern over a communicator. Every function is collective.
class Exchange {
 public:
  /// `options` and `device` must outlive this.
  Exchange(const Options& options, Device& device, MPI_Comm comm);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Allocates buffers for sizes up to `largest`; false on all ranks when one of them could not.
  [[nodiscard]] bool allocate(std::size_t largest);

  /// Warms each library up, then times them in turns, window by window. Where the options ask for
  /// validation, new bytes are sent and checked: in each call on the host, in calls of their own
  /// where many are timed together. The lowest rank that got a wrong byte says so on standard
  /// error. A library's error ends the program.
  [[nodiscard]] MeasuredSize measure(std::span<const std::unique_ptr<Library>> libraries,
                                     Element element, std::size_t bytes_per_peer);

 private:
  /// A wrong byte and the call that brought it.
  struct Failure {
    WrongByte byte;
    std::uint64_t call;
  };

  /// Whether a turn sends new bytes and is checked.
  enum class Bytes { kAny, kChecked };

  /// One library's part in a measurement.
  struct Contestant {
    Library& library;
    std::vector<double> seconds;  ///< per call, by window
    std::optional<Failure> failure;
  };

  /// Seconds that this rank spent in `calls` calls that are timed together.
  double timed_turn(Contestant& contestant, int calls, Bytes bytes);
  /// The same of any number of calls, in turns as the device has them.
  double timed_calls(Contestant& contestant, int calls);
  /// Calls that are checked and not timed, where timed ones are not checked.
  void check(Contestant& contestant, std::size_t bytes_per_peer);

  [[nodiscard]] double mean_bytes_to_others() const;
  [[nodiscard]] Call call_into(const Buffer& receive) const;
  void run(Library& library, const Buffer& receive, int times);
  void write_payload();
  void find_failure(std::optional<Failure>& failure);
  void require(const Library& library, const std::string& error) const;
  [[nodiscard]] bool agree_passed(const Contestant& contestant, std::size_t bytes_per_peer) const;

  const Options& options_;
  Device& device_;
  MPI_Comm comm_;
  int rank_ = 0;
  int ranks_ = 1;
  Pattern pattern_;
  Bytes timed_bytes_ = Bytes::kAny;

  Buffer send_;
  Buffer receive_;
  Buffer spare_;  ///< receives validation's untimed calls, which must not deliver the checked bytes
  Buffer send_mirror_;
  Buffer receive_mirror_;

  ElementType element_{};
  Blocks sent_;
  Blocks received_;
  std::uint64_t calls_ = 0;
};

}  // namespace causeway::osu
