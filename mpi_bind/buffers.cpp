// MPIX_Mem_alloc, _free, MPIX_Buffer_register, _deregister, _device_handle.
#include "comm_cache.hpp"
#include "entry.hpp"
#include "handles.hpp"
#include "mpi_bootstrap.hpp"

#include <causeway/mpix.h>
#include <allocations.hpp>

using namespace causeway;
using namespace causeway::mpi;

struct causeway_buffer : Handle<Region> {};

namespace {

HandleTable<causeway_buffer>& buffers() {
  static auto& table = *new HandleTable<causeway_buffer>;
  return table;
}

Status check_bytes(MPI_Aint bytes) {
  if (bytes >= 0) return {};
  return Status::error(ErrorKind::kArgument, "bytes = %lld is negative",
                       static_cast<long long>(bytes));
}

Status check_buffer(MPIX_Buffer buffer) {
  if (buffer == MPIX_BUFFER_NULL) return {ErrorKind::kArgument, "buffer is MPIX_BUFFER_NULL"};
  if (buffers().has(buffer)) return {};
  return Status::error(ErrorKind::kArgument, "buffer = %p is not a registered buffer",
                       static_cast<void*>(buffer));
}

/// Where a handle's errors are raised.
MPI_Comm comm_of(MPIX_Buffer buffer) {
  return check_buffer(buffer).ok() && !buffer->communicator.expired() ? buffer->comm
                                                                      : MPI_COMM_WORLD;
}

}  // namespace

int PMPIX_Mem_alloc(MPI_Comm comm, MPI_Aint bytes, void* baseptr) {
  return enter(comm, "MPIX_Mem_alloc", [&]() -> Status {
    CAUSEWAY_TRY(check_comm(comm));
    CAUSEWAY_TRY(check_bytes(bytes));
    if (baseptr == nullptr) return {ErrorKind::kArgument, "baseptr is NULL"};
    const std::shared_ptr<Communicator> communicator = find_attached(comm);
    if (communicator == nullptr) {
      return {ErrorKind::kComm, "comm is not attached: call MPIX_Comm_attach before"};
    }
    return communicator->allocate(static_cast<std::uint64_t>(bytes), static_cast<void**>(baseptr));
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
    // The other ranks are not to wait for one whose arguments are wrong.
    Status valid = check_bytes(bytes);
    if (valid.ok() && bytes > 0 && base == nullptr) {
      valid = Status::error(ErrorKind::kBuffer, "base is NULL, and bytes = %lld",
                            static_cast<long long>(bytes));
    }
    if (valid.ok() && buffer == nullptr) valid = {ErrorKind::kArgument, "buffer is NULL"};
    std::shared_ptr<Communicator> communicator;
    CAUSEWAY_TRY(attach(comm, MPI_INFO_NULL, {}, &communicator));
    std::unique_ptr<MpiBootstrap> bootstrap;
    CAUSEWAY_TRY(MpiBootstrap::create(comm, &bootstrap));
    const Region* region = nullptr;
    CAUSEWAY_TRY(communicator->register_buffer(*bootstrap, base, static_cast<std::uint64_t>(bytes),
                                               valid, &region));
    *buffer = buffers().keep(
        std::make_unique<causeway_buffer>(causeway_buffer{{comm, communicator, region}}));
    return {};
  });
}
CAUSEWAY_ENTRY(Buffer_register);

int PMPIX_Buffer_deregister(MPIX_Buffer* buffer) {
  const MPI_Comm comm = buffer == nullptr ? MPI_COMM_WORLD : comm_of(*buffer);
  return enter(comm, "MPIX_Buffer_deregister", [&]() -> Status {
    if (buffer == nullptr) return {ErrorKind::kArgument, "buffer is NULL"};
    CAUSEWAY_TRY(check_buffer(*buffer));
    const causeway_buffer handle = **buffer;
    buffers().drop(*buffer);
    *buffer = MPIX_BUFFER_NULL;
    const std::shared_ptr<Communicator> communicator = handle.communicator.lock();
    if (communicator == nullptr) return {};
    std::unique_ptr<MpiBootstrap> bootstrap;
    CAUSEWAY_TRY(MpiBootstrap::create(comm, &bootstrap));
    return communicator->deregister_buffer(*bootstrap, handle.thing);
  });
}
CAUSEWAY_ENTRY(Buffer_deregister);

int PMPIX_Buffer_device_handle(MPIX_Buffer buffer, MPIX_Buffer_view* view) {
  return enter(comm_of(buffer), "MPIX_Buffer_device_handle", [&]() -> Status {
    CAUSEWAY_TRY(check_buffer(buffer));
    if (view == nullptr) return {ErrorKind::kArgument, "view is NULL"};
    const std::shared_ptr<Communicator> communicator = buffer->communicator.lock();
    if (communicator == nullptr) {
      return {ErrorKind::kComm, "the buffer's communicator has been detached"};
    }
    static_assert(sizeof(MPI_Aint) == sizeof(std::uint64_t) && sizeof(void*) == sizeof(MPI_Aint));
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
