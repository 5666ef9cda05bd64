// Where an exchange's buffers lie and how its calls are run there: host or GPU.
#pragma once

#include "library.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace causeway::osu {

/// Pieces of memory at one distance.
struct Rows {
  std::size_t rows;
  std::size_t bytes;  ///< of each
  std::size_t pitch;  ///< bytes from the begin of one to that of the next
};

/// One per rank, of the same kind on all ranks. Functions that return a sentence return "" when
/// nothing went wrong.
class Device {
 public:
  Device() = default;
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// "host" or "cuda": the value of option -d and of causeway's setting.
  [[nodiscard]] virtual const char* name() const = 0;
  /// What to say about it at the head of a table, and at that of a file: `what: value`.
  [[nodiscard]] virtual std::vector<std::string> table_remarks() const { return {}; }
  [[nodiscard]] virtual std::vector<std::string> file_remarks() const { return {}; }

  /// Zeroed memory that the libraries exchange, or none where there is too little.
  [[nodiscard]] virtual Buffer allocate(std::size_t bytes) = 0;
  /// Host memory that stands for an allocated buffer while bytes are written and checked; none
  /// where those are host memory themselves.
  [[nodiscard]] virtual Buffer allocate_mirror(std::size_t bytes) = 0;
  [[nodiscard]] virtual bool has_mirrors() const = 0;
  /// Copies between a buffer and its mirror, to the end.
  [[nodiscard]] virtual std::string copy(std::byte* to, const std::byte* from,
                                         std::size_t bytes) = 0;

  /// Copies rows to where they follow each other, each by itself, or (`at_once`) by the one call
  /// that the device has for it. Done when the next `copy` is.
  [[nodiscard]] virtual std::string pack_rows(std::byte* to, const std::byte* from,
                                              const Rows& rows, bool at_once) = 0;

  /// How many of a window's calls are timed together, and what a number of calls is rounded up to.
  [[nodiscard]] virtual int calls_per_turn(int calls) const = 0;
  [[nodiscard]] virtual int rounded_up(int calls) const = 0;

  /// Sets up what runs `call` by `library` from now on. Collective.
  [[nodiscard]] virtual std::string prepare(Library& library, const Call& call) = 0;
  /// Forgets all that `prepare` set up.
  virtual void forget() = 0;
  /// Runs the call that many times, one after the other, all to their end.
  [[nodiscard]] virtual std::string run(Library& library, const Call& call, int times) = 0;
};

/// Page-aligned host memory, every call timed by itself. The memory is the process's own, or, where
/// `sharing` is a communicator, what causeway, attached to it by then, can share among its ranks.
[[nodiscard]] std::unique_ptr<Device> make_host_device(MPI_Comm sharing);

}  // namespace causeway::osu
