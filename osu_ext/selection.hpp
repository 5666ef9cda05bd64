// Chooses the device and the libraries that the options ask for, of those that the build has.
#pragma once

#include "device.hpp"
#include "library.hpp"
#include "operations.hpp"
#include "options.hpp"

#include <mpi.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace causeway::osu {

/// What a benchmark runs with.
struct Selection {
  std::unique_ptr<Device> device;
  std::vector<std::unique_ptr<Library>> libraries;  ///< causeway, then what it is compared with
};

/// Fills `selection` in. Collective; to be called before causeway is attached. Returns, the same on
/// all ranks, the sentence that says what cannot be had, or nothing.
[[nodiscard]] std::optional<std::string> select_for(const Options& options,
                                                    const Operation& operation, MPI_Comm comm,
                                                    Selection& selection);

}  // namespace causeway::osu
