// MPIX_Mem_alloc, _free, MPIX_Buffer_register, _deregister, _device_handle.
#include "comm_cache.hpp"
#include "entry.hpp"
#include "handles.hpp"

#include <causeway/mpix.h>
#include <allocations.hpp>
#include <never_destroyed.hpp>

#include <cstdint>

using namespace causeway;
using namespace causeway::mpi;

struct causeway_buffer : Handle<Region> {};

namespace {

HandleTable<causeway_buffer>& buffers() {
  static NeverDestroyed<HandleTable<causeway_buffer>> table("buffer", "MPIX_BUFFER_NULL",
                                                            "a registered buffer");
  return table.get();
}

Status check_bytes(MPI_Aint bytes) {
  if (bytes >= 0) return {};
  return Status::error(ErrorKind::kArgument, "bytes = %lld is negative",
                       static_cast<long long>(bytes));
}

}  // namespace

int PMPIX_Mem_alloc(MPI_Comm comm, MPI_Aint bytes, void* baseptr) {
  return enter(comm, "MPIX_Mem_alloc", [&]() -> Status {
    CAUSEWAY_TRY(check_comm(comm));
    CAUSEWAY_TRY(check_bytes(bytes));
    if (baseptr == nullptr) return {ErrorKind::kArgument, "baseptr is NULL"};
    const std::shared_ptr<Attached> attached = find_attached(comm);
    if (attached == nullptr) {
      return {ErrorKind::kComm, "comm is not attached: call MPIX_Comm_attach before"};
    }
    return attached->communicator->allocate(static_cast<std::uint64_t>(bytes),
                                            static_cast<void**>(baseptr));
  });
}
CAUSEWAY_ENTRY(Mem_alloc);

int PMPIX_Mem_free(void* base) {
  return enter(MPI_COMM_WORLD, "MPIX_Mem_free", [&]() -> Status {
    if (release_allocation(base)) return {};
    return Status::error(ErrorKind::kArgument, "base = %p is not memory of MPIX_Mem_alloc", base);
  });
}
CAUSEWAY_ENTRY(Mem_free);

int PMPIX_Buffer_register(MPI_Comm comm, void* base, MPI_Aint bytes, MPIX_Buffer* buffer) {
  return enter(comm, "MPIX_Buffer_register", [&]() -> Status {
    std::shared_ptr<Attached> attached;
    CAUSEWAY_TRY(attach(comm, MPI_INFO_NULL, {}, &attached));
    const auto check = [&]() -> Status {
      CAUSEWAY_TRY(check_bytes(bytes));
      if (bytes > 0 && base == nullptr) {
        return Status::error(ErrorKind::kBuffer, "base is NULL, and bytes = %lld",
                             static_cast<long long>(bytes));
      }
      if (reinterpret_cast<std::uintptr_t>(base) >
          UINTPTR_MAX - static_cast<std::uintptr_t>(bytes)) {
        return Status::error(ErrorKind::kBuffer,
                             "base = %p and bytes = %lld: there is no such memory", base,
                             static_cast<long long>(bytes));
      }
      return buffer == nullptr ? Status(ErrorKind::kArgument, "buffer is NULL") : Status();
    };
    return buffers().make(comm, attached, check, buffer, [&](const Status& valid, auto* region) {
      return attached->communicator->register_buffer(
          *attached->bootstrap, base, static_cast<std::uint64_t>(bytes), valid, region);
    });
  });
}
CAUSEWAY_ENTRY(Buffer_register);

int PMPIX_Buffer_deregister(MPIX_Buffer* buffer) {
  return enter(buffers().comm_of(buffer), "MPIX_Buffer_deregister", [&] {
    return buffers().free(
        buffer, [](Communicator& communicator, Bootstrap& bootstrap, const Region* region) {
          return communicator.deregister_buffer(bootstrap, region);
        });
  });
}
CAUSEWAY_ENTRY(Buffer_deregister);

int PMPIX_Buffer_device_handle(MPIX_Buffer buffer, MPIX_Buffer_view* view) {
  return enter(buffers().comm_of(buffer), "MPIX_Buffer_device_handle", [&]() -> Status {
    std::shared_ptr<Attached> attached;
    CAUSEWAY_TRY(buffers().check(buffer));
    if (view == nullptr) return {ErrorKind::kArgument, "view is NULL"};
    CAUSEWAY_TRY(buffers().find_attached(buffer, &attached));
    static_assert(sizeof(MPI_Aint) == sizeof(std::uint64_t) && sizeof(void*) == sizeof(MPI_Aint));
    const Communicator* const communicator = attached->communicator.get();
    const BufferView seen = communicator->view(*buffer->thing);
    *view = {seen.base,
             static_cast<MPI_Aint>(seen.bytes),
             communicator->rank(),
             communicator->size(),
             seen.peers,
             reinterpret_cast<const MPI_Aint*>(seen.sizes)};
    return {};
  });
}
CAUSEWAY_ENTRY(Buffer_device_handle);
