// One exchange by any library on any device: called, timed in windows and validated.
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
  /// `options`, `device` and `libraries` must outlive this.
  Exchange(const Options& options, const Pattern& pattern, Device& device,
           std::span<const std::unique_ptr<Library>> libraries, MPI_Comm comm);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Allocates buffers for sizes up to `largest`, and tells the libraries of them; false on all
  /// ranks when one of them could not. causeway is attached to the communicator. To be called once.
  [[nodiscard]] bool allocate(std::size_t largest);

  /// Warms each library up, then times them in turns, window by window. Where the options ask for
  /// validation, new bytes are sent and checked: in each call on the host, in calls of their own
  /// where many are timed together. The lowest rank that got a wrong byte says so on standard
  /// error. A library's error ends the program.
  [[nodiscard]] MeasuredSize measure(Element element, std::size_t bytes_per_peer);

 private:
  /// A wrong byte and the call that brought it.
  struct Failure {
    WrongByte byte;
    std::uint64_t call;
  };

  /// Whether a turn sends new bytes and is checked.
  enum class Bytes { kAny, kChecked };

  /// What one library's calls exchange.
  struct Buffers {
    Buffer send = no_buffer();
    Buffer receive = no_buffer();
    /// Receives validation's untimed calls, which must not deliver the checked bytes.
    Buffer spare = no_buffer();
  };

  /// Where these are: its own, or the common ones. NULL for what the options do not need.
  struct Memory {
    std::byte* send = nullptr;
    std::byte* receive = nullptr;
    std::byte* spare = nullptr;
  };

  /// How this rank's blocks lie in them.
  struct Layout {
    Blocks sent;
    Blocks received;
  };

  /// One library's part in a measurement.
  struct Contestant {
    Library& library;
    Buffers apart;  ///< empty where the common ones serve
    Memory memory;
    Call call;                    ///< of the current size
    Call spare_call;              ///< the same into the spare buffer
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
  /// Tells every library of the buffers, of `extent` bytes, that its calls will exchange.
  void hand_out(std::size_t extent);
  /// Sets the contestant's calls of a size up.
  void prepare(Contestant& contestant);
  void forget();
  void run(Library& library, const Call& call, int times);
  void write_payload(const Contestant& contestant);
  void find_failure(Contestant& contestant);
  void require(const Library& library, const std::string& error) const;
  [[nodiscard]] bool agree_passed(const Contestant& contestant, std::size_t bytes_per_peer) const;

  const Options& options_;
  Device& device_;
  MPI_Comm comm_;
  int rank_ = 0;
  int ranks_ = 1;
  Pattern pattern_;
  Bytes timed_bytes_ = Bytes::kAny;

  Buffers common_;
  Buffer send_mirror_ = no_buffer();
  Buffer receive_mirror_ = no_buffer();
  std::vector<Contestant> contestants_;

  ElementType element_{};
  Layout spaced_;
  Layout packed_;
  std::uint64_t calls_ = 0;
};

}  // namespace causeway::osu
