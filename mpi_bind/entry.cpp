// What every entry point of the C API does around its work.
#include "entry.hpp"

#include <log.hpp>

#include <string_view>

namespace causeway::mpi {

namespace {

/// The families of MPIs that have a binary interface in common.
enum class Interface { kOpenMpi, kMpich, kOther };

constexpr Interface interface_of(std::string_view version) {
  const auto says = [&](std::string_view name) {
    return version.find(name) != std::string_view::npos;
  };
  if (says("Open MPI")) return Interface::kOpenMpi;
  return says("MPICH") || says("Intel(R) MPI") || says("MVAPICH") ? Interface::kMpich
                                                                  : Interface::kOther;
}

constexpr Interface compiled_for() {
#if defined(MPI_ABI_VERSION)
  return Interface::kOther;  // that of the standard, which any MPI may have
#elif defined(OPEN_MPI)
  return Interface::kOpenMpi;
#elif defined(MPICH_VERSION) || defined(I_MPI_VERSION) || defined(MVAPICH_VERSION)
  return Interface::kMpich;
#else
  return Interface::kOther;
#endif
}

/// Says what is wrong with the MPI that is called, if anything. Its handles may be no handles of
/// its own; this call takes none.
bool is_compiled_for_mpi() {
  // Another MPI may say more than MPI_MAX_LIBRARY_VERSION_STRING here: MPICH's is 8192.
  static char version[65536] = "";
  int length = 0;
  PMPI_Get_library_version(version, &length);
  const Interface called = interface_of(version);
  if (called == compiled_for() || called == Interface::kOther ||
      compiled_for() == Interface::kOther) {
    return true;
  }
  const std::string_view text(version);
  log(LogLevel::kError,
      "libcauseway was built for %s and runs with another MPI, '%.*s': link the program and "
      "libcauseway with the same one",
      compiled_for() == Interface::kOpenMpi ? "Open MPI" : "MPICH or an MPI like it",
      static_cast<int>(text.substr(0, text.find('\n')).size()), version);
  return false;
}

}  // namespace

bool mpi_is_running(const char* call) {
  static const bool compatible = is_compiled_for_mpi();
  if (!compatible) return false;
  int initialized = 0;
  int finalized = 0;
  PMPI_Initialized(&initialized);
  PMPI_Finalized(&finalized);
  if (initialized != 0 && finalized == 0) return true;
  log(LogLevel::kError, "%s was called %s", call,
      initialized == 0 ? "before MPI_Init" : "after MPI_Finalize");
  return false;
}

}  // namespace causeway::mpi
