// Memory of one rank that the other ranks of its host map too.
#include "shared_segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace causeway {

namespace {

/// So that no process that maps it can make another's access fault.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

/// The kernel ends a process that makes a file larger than it may, and shared memory is a file to
/// it.
Status check_file_size_limit(std::size_t bytes) {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      bytes <= limit.rlim_cur) {
    return {};
  }
  return Status::error(ErrorKind::kSystem,
                       "cannot make %zu bytes of shared memory: this process may make files of up "
                       "to %llu bytes (ulimit -f)",
                       bytes, static_cast<unsigned long long>(limit.rlim_cur));
}

}  // namespace

Status SharedSegment::create(std::size_t bytes, std::shared_ptr<SharedSegment>* segment) {
  const int descriptor = memfd_create("causeway", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) {
    return Status::error(ErrorKind::kSystem, "memfd_create failed: %s", std::strerror(errno));
  }
  std::shared_ptr<SharedSegment> made(new SharedSegment(descriptor, bytes));
  CAUSEWAY_TRY(check_file_size_limit(bytes));
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) != 0 ||
      fcntl(descriptor, F_ADD_SEALS, kSeals) != 0) {
    return Status::error(ErrorKind::kSystem, "cannot make %zu bytes of shared memory: %s", bytes,
                         std::strerror(errno));
  }
  CAUSEWAY_TRY(made->map());
  *segment = std::move(made);
  return {};
}

namespace {

Status open_descriptor(const DescriptorDesk& owner, int descriptor, Reach reach, int* opened) {
  const std::string path =
      "/proc/" + std::to_string(owner.pid) + "/fd/" + std::to_string(descriptor);
  *opened = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (*opened >= 0) return {};
  const int problem = errno;
  std::string also;
  if (reach == Reach::kAny) {
    const Status fetched = fetch_descriptor(owner, descriptor, opened);
    if (fetched.ok()) return {};
    also = "; through its socket: " + fetched.message();
  }
  return Status::error(ErrorKind::kSystem, "cannot open the shared memory of process %d: %s%s",
                       static_cast<int>(owner.pid), std::strerror(problem), also.c_str());
}

}  // namespace

Status SharedSegment::open(const DescriptorDesk& owner, int descriptor, std::size_t bytes,
                           Reach reach, std::shared_ptr<SharedSegment>* segment) {
  int mine = -1;
  CAUSEWAY_TRY(open_descriptor(owner, descriptor, reach, &mine));
  std::shared_ptr<SharedSegment> made(new SharedSegment(mine, bytes));
  struct stat found = {};
  const int seals = fcntl(mine, F_GET_SEALS);
  if (fstat(mine, &found) != 0 || found.st_size != static_cast<off_t>(bytes) || seals < 0 ||
      (seals & kSeals) != kSeals) {
    return Status::error(ErrorKind::kSystem,
                         "descriptor %d of process %d is not its shared memory: %lld bytes, not "
                         "%zu, or not sealed",
                         descriptor, static_cast<int>(owner.pid),
                         static_cast<long long>(found.st_size), bytes);
  }
  CAUSEWAY_TRY(made->map());
  made->close_descriptor();
  *segment = std::move(made);
  return {};
}

Status SharedSegment::map() {
  void* const address = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (address == MAP_FAILED) {
    return Status::error(ErrorKind::kSystem, "cannot map %zu bytes of shared memory: %s", bytes_,
                         std::strerror(errno));
  }
  data_ = static_cast<std::byte*>(address);
  return {};
}

void SharedSegment::close_descriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

SharedSegment::~SharedSegment() {
  if (data_ != nullptr) munmap(data_, bytes_);
  close_descriptor();
}

}  // namespace causeway
