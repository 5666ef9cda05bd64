// The communicators that are attached: state kept as attributes of the user's MPI communicators.
#include "comm_cache.hpp"

#include "at_finalize.hpp"
#include "info.hpp"
#include "mpi_bootstrap.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace causeway::mpi {

namespace {

struct Attachment {
  MPI_Comm comm;  ///< the user's, whose attribute this is
  std::shared_ptr<Communicator> communicator;
};

/// The process's attachments, for MPI_Finalize to find.
struct Cache {
  std::mutex mutex;
  std::atomic<int> keyval = MPI_KEYVAL_INVALID;
  std::vector<Attachment*> attachments;
};

Cache& cache() {
  static Cache the_cache;
  return the_cache;
}

/// Called by MPI when a communicator is freed, or its attribute deleted.
int forget(MPI_Comm, int, void* value, void*) {
  const std::unique_ptr<Attachment> attachment(static_cast<Attachment*>(value));
  Cache& c = cache();
  const std::lock_guard lock(c.mutex);
  std::erase(c.attachments, attachment.get());
  return MPI_SUCCESS;
}

/// Called by MPI_Finalize: frees what users left attached.
void finalize() {
  Cache& c = cache();
  std::vector<Attachment*> left;
  {
    const std::lock_guard lock(c.mutex);
    left = c.attachments;
  }
  for (const Attachment* attachment : left) PMPI_Comm_delete_attr(attachment->comm, c.keyval);
  int keyval = c.keyval.exchange(MPI_KEYVAL_INVALID);
  PMPI_Comm_free_keyval(&keyval);
}

Status make_keyval(Cache& c) {
  const std::lock_guard lock(c.mutex);
  if (c.keyval != MPI_KEYVAL_INVALID) return {};
  int keyval = MPI_KEYVAL_INVALID;
  const bool made =
      PMPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, forget, &keyval, nullptr) == MPI_SUCCESS &&
      at_finalize(finalize);
  if (!made) return {ErrorKind::kSystem, "MPI refused an attribute key"};
  c.keyval = keyval;
  return {};
}

/// What MPI has accepted it may deliver only while it is called, and a peer that waits for that
/// does not come to the exchange that this rank waits in.
void let_mpi_progress() {
  int found = 0;
  PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_SELF, &found, MPI_STATUS_IGNORE);
}

}  // namespace

Status check_comm(MPI_Comm comm) {
  if (comm == MPI_COMM_NULL) return {ErrorKind::kComm, "comm is MPI_COMM_NULL"};
  int between_groups = 0;
  PMPI_Comm_test_inter(comm, &between_groups);
  if (between_groups != 0) {
    return {ErrorKind::kComm, "comm is an intercommunicator; it has to be an intracommunicator"};
  }
  return {};
}

std::shared_ptr<Communicator> find_attached(MPI_Comm comm) {
  const int keyval = cache().keyval;
  if (comm == MPI_COMM_NULL || keyval == MPI_KEYVAL_INVALID) return nullptr;
  Attachment* attachment = nullptr;
  int found = 0;
  PMPI_Comm_get_attr(comm, keyval, &attachment, &found);
  return found != 0 ? attachment->communicator : nullptr;
}

bool is_attached(MPI_Comm comm, const Communicator* communicator) {
  Cache& c = cache();
  const std::lock_guard lock(c.mutex);
  return std::ranges::any_of(c.attachments, [&](const Attachment* attachment) {
    return attachment->comm == comm && attachment->communicator.get() == communicator;
  });
}

Status attach(MPI_Comm comm, MPI_Info info, const Status& ready,
              std::shared_ptr<Communicator>* communicator) {
  *communicator = find_attached(comm);
  if (*communicator != nullptr) return {};
  CAUSEWAY_TRY(check_comm(comm));
  Cache& c = cache();
  CAUSEWAY_TRY(make_keyval(c));
  std::unique_ptr<MpiBootstrap> bootstrap;
  CAUSEWAY_TRY(MpiBootstrap::create(comm, &bootstrap));
  Config config;
  const Status readable = ready.ok() ? read_config(info, &config) : ready;
  auto attachment = std::make_unique<Attachment>(Attachment{comm, nullptr});
  std::unique_ptr<Communicator> made;
  CAUSEWAY_TRY(Communicator::create(*bootstrap, config, readable, &made));
  attachment->communicator = std::move(made);
  *communicator = attachment->communicator;
  (*communicator)->set_idle(let_mpi_progress);
  Status kept;
  {
    const std::lock_guard lock(c.mutex);
    c.attachments.push_back(attachment.get());
  }
  if (PMPI_Comm_set_attr(comm, c.keyval, attachment.get()) != MPI_SUCCESS) {
    forget(comm, c.keyval, attachment.release(), nullptr);
    kept = {ErrorKind::kSystem, "MPI refused to keep an attribute"};
  } else {
    static_cast<void>(attachment.release());
  }
  return agree(*bootstrap, kept);
}

Status detach(MPI_Comm comm) {
  CAUSEWAY_TRY(check_comm(comm));
  if (find_attached(comm) != nullptr) PMPI_Comm_delete_attr(comm, cache().keyval);
  return {};
}

}  // namespace causeway::mpi
