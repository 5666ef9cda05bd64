// What every entry point of the C API does around its work.
#include "entry.hpp"

#include <dlfcn.h>
#include <log.hpp>

#include <string_view>

/// Of MPI 5.0: which version of the standard's binary interface is called, -1 for none. Older MPIs
/// do not have it.
extern "C" int PMPI_Abi_get_version(int* major, int* minor) __attribute__((weak));

namespace causeway::mpi {

namespace {

/// The families of MPIs that have a binary interface in common; that of the standard, which any MPI
/// may have.
enum class Interface { kOpenMpi, kMpich, kStandard, kOther };

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
  return Interface::kStandard;
#elif defined(OPEN_MPI)
  return Interface::kOpenMpi;
#elif defined(MPICH_VERSION) || defined(I_MPI_VERSION) || defined(MVAPICH_VERSION)
  return Interface::kMpich;
#else
  return Interface::kOther;
#endif
}

constexpr const char* name(Interface interface) {
  switch (interface) {
    case Interface::kOpenMpi:
      return "Open MPI";
    case Interface::kMpich:
      return "MPICH or an MPI like it";
    case Interface::kStandard:
      return "the binary interface of MPI 5.0 (libmpi_abi)";
    case Interface::kOther:
      break;
  }
  return "an MPI";
}

/// Whether the MPI that is called is a libmpi_abi. Where a process has that one too, the functions
/// are of two libraries.
bool calls_standard() {
  if (PMPI_Abi_get_version == nullptr) return false;
  Dl_info of_abi{};
  Dl_info of_mpi{};
  if (dladdr(reinterpret_cast<void*>(&PMPI_Abi_get_version), &of_abi) == 0 ||
      dladdr(reinterpret_cast<void*>(&PMPI_Get_library_version), &of_mpi) == 0 ||
      of_abi.dli_fbase != of_mpi.dli_fbase) {
    return false;
  }
  int major = -1;
  int minor = -1;
  return PMPI_Abi_get_version(&major, &minor) == MPI_SUCCESS && major >= 1;
}

/// Says what is wrong with the MPI that is called, if anything. Its handles may be no handles of
/// its own; these calls take none.
bool is_compiled_for_mpi() {
  // Another MPI may say more than MPI_MAX_LIBRARY_VERSION_STRING here: MPICH's is 8192.
  static char version[65536] = "";
  int length = 0;
  PMPI_Get_library_version(version, &length);
  const Interface called = calls_standard() ? Interface::kStandard : interface_of(version);
  if (called == compiled_for() || called == Interface::kOther ||
      compiled_for() == Interface::kOther) {
    return true;
  }
  const std::string_view text(version);
  log(LogLevel::kError,
      "libcauseway was built for %s and runs with %s, '%.*s': link the program and libcauseway "
      "with the same one",
      name(compiled_for()), called == Interface::kStandard ? name(called) : "another MPI",
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
