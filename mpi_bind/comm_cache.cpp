// The communicators that are attached: state kept as attributes of the user's MPI communicators.
#include "comm_cache.hpp"

#include "at_finalize.hpp"
#include "info.hpp"

#include <never_destroyed.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace causeway::mpi {

namespace {

struct Attachment {
  MPI_Comm comm;  ///< the user's, whose attribute this is
  std::shared_ptr<Attached> attached;
};

/// The process's attachments, for MPI_Finalize to find.
struct Cache {
  std::mutex mutex;
  std::atomic<int> keyval = MPI_KEYVAL_INVALID;
  std::vector<Attachment*> attachments;
  std::vector<MPI_Comm> attaching;  ///< by some thread now
  std::condition_variable attached;
  std::atomic<std::uint64_t> detachments = 0;
};

Cache& cache() {
  static NeverDestroyed<Cache> the_cache;
  return the_cache.get();
}

/// Called by MPI when a communicator is freed, or its attribute deleted.
int forget(MPI_Comm, int, void* value, void*) {
  const std::unique_ptr<Attachment> attachment(static_cast<Attachment*>(value));
  Cache& c = cache();
  ++c.detachments;
  const std::lock_guard lock(c.mutex);
  std::erase(c.attachments, attachment.get());
  return MPI_SUCCESS;
}

/// Called by MPI_Finalize: frees what users left attached.
void finalize() {
  Cache& c = cache();
  const auto next = [&] {
    const std::lock_guard lock(c.mutex);
    return c.attachments.empty() ? MPI_COMM_NULL : c.attachments.front()->comm;
  };
  for (MPI_Comm comm = next(); comm != MPI_COMM_NULL; comm = next()) {
    if (PMPI_Comm_delete_attr(comm, c.keyval) != MPI_SUCCESS) break;
  }
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

/// Makes a communicator attached.
Status keep(Cache& c, std::unique_ptr<Attachment> attachment) {
  const MPI_Comm comm = attachment->comm;
  {
    const std::lock_guard lock(c.mutex);
    c.attachments.push_back(attachment.get());
  }
  Attachment* const kept = attachment.release();
  if (PMPI_Comm_set_attr(comm, c.keyval, kept) == MPI_SUCCESS) return {};
  forget(comm, c.keyval, kept, nullptr);
  return {ErrorKind::kSystem, "MPI refused to keep an attribute"};
}

/// Takes part in attaching comm where there is no memory for even that: the other ranks get the
/// error.
Status refuse(MPI_Comm comm, const Status& why) {
  static NeverDestroyed<std::mutex> turn;
  static NeverDestroyed<MpiBootstrap> spare;
  const std::lock_guard lock(turn.get());
  MpiBootstrap& bootstrap = spare.get();
  CAUSEWAY_TRY(bootstrap.broken());
  CAUSEWAY_TRY(bootstrap.join(comm, Config().timeout_seconds));
  const Status agreed = agree(bootstrap, why);
  if (bootstrap.broken().ok()) bootstrap.leave();
  return agreed;
}

/// A tag that next to no message has.
int rarest_tag() {
  int* largest = nullptr;
  int found = 0;
  PMPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &largest, &found);
  return found != 0 ? *largest : 32767;
}

/// What MPI has accepted it may deliver only while it is called, and a peer that waits for that
/// does not come to the exchange that this rank waits in. MPI looks no further where it finds a
/// message, and MPICH does not look at its network for a communicator of one rank.
void let_mpi_progress() {
  static const int tag = rarest_tag();
  int found = 0;
  PMPI_Iprobe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &found, MPI_STATUS_IGNORE);
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

std::shared_ptr<Attached> find_attached(MPI_Comm comm) {
  const int keyval = cache().keyval;
  if (comm == MPI_COMM_NULL || keyval == MPI_KEYVAL_INVALID) return nullptr;
  Attachment* attachment = nullptr;
  int found = 0;
  PMPI_Comm_get_attr(comm, keyval, &attachment, &found);
  return found != 0 ? attachment->attached : nullptr;
}

namespace {

/// The communicator of the thread's last call.
struct LastComm {
  MPI_Comm comm = MPI_COMM_NULL;
  Known known;
};
thread_local LastComm last_comm;

}  // namespace

bool is_known(MPI_Comm comm) {
  return last_comm.known.attached != nullptr && last_comm.comm == comm &&
         last_comm.known.detachments == cache().detachments;
}

Known find_known(MPI_Comm comm) {
  if (is_known(comm)) return last_comm.known;
  const std::uint64_t detachments = cache().detachments;
  if (!check_comm(comm).ok()) return {};
  // As long as the user does not detach it during the call, it is there.
  last_comm = {comm, {find_attached(comm).get(), detachments}};
  return last_comm.known;
}

bool is_attached(MPI_Comm comm, const Communicator* communicator) {
  Cache& c = cache();
  const std::lock_guard lock(c.mutex);
  return std::ranges::any_of(c.attachments, [&](const Attachment* attachment) {
    return attachment->comm == comm && attachment->attached->communicator.get() == communicator;
  });
}

namespace {

/// The turn of a thread that attaches a communicator: others that would attach the same wait.
class AttachTurn {
 public:
  explicit AttachTurn(MPI_Comm comm) : comm_(comm) {
    Cache& c = cache();
    std::unique_lock lock(c.mutex);
    c.attached.wait(lock, [&] { return std::ranges::count(c.attaching, comm_) == 0; });
    c.attaching.push_back(comm_);
  }
  ~AttachTurn() {
    Cache& c = cache();
    {
      const std::lock_guard lock(c.mutex);
      std::erase(c.attaching, comm_);
    }
    c.attached.notify_all();
  }
  AttachTurn(const AttachTurn&) = delete;
  AttachTurn& operator=(const AttachTurn&) = delete;

 private:
  const MPI_Comm comm_;
};

/// What an attach does with a communicator that is attached.
Status keep_settings(const Attached& attached, MPI_Info info) {
  return guarded([&]() -> Status {
    return warn_of_other_settings(info, attached.config, attached.communicator->rank());
  });
}

Status attach_in_turn(MPI_Comm comm, MPI_Info info, const Status& ready,
                      std::shared_ptr<Attached>* attached) {
  *attached = find_attached(comm);
  if (*attached != nullptr) return keep_settings(**attached, info);
  Config config;
  std::unique_ptr<Attachment> attachment;
  const Status prepared = guarded([&]() -> Status {
    attachment = std::make_unique<Attachment>(Attachment{comm, std::make_shared<Attached>()});
    attachment->attached->bootstrap.reset(new MpiBootstrap);
    CAUSEWAY_TRY(make_keyval(cache()));
    CAUSEWAY_TRY(find_neighbors(comm, &attachment->attached->neighbors));
    CAUSEWAY_TRY(ready);
    CAUSEWAY_TRY(read_config(info, &config));
    attachment->attached->config = config;
    return {};
  });
  const bool has_bootstrap = attachment != nullptr && attachment->attached->bootstrap != nullptr;
  if (!has_bootstrap) return refuse(comm, prepared);
  const std::shared_ptr<Attached> made = attachment->attached;
  CAUSEWAY_TRY(made->bootstrap->join(comm, config.timeout_seconds));
  CAUSEWAY_TRY(Communicator::create(*made->bootstrap, config, prepared, &made->communicator));
  made->communicator->set_idle(let_mpi_progress);
  const Status kept = agree(*made->bootstrap, [&] { return keep(cache(), std::move(attachment)); });
  if (kept.ok()) {
    *attached = made;
  } else {
    static_cast<void>(detach(comm));
  }
  return kept;
}

}  // namespace

Status attach(MPI_Comm comm, MPI_Info info, const Status& ready,
              std::shared_ptr<Attached>* attached) {
  *attached = find_attached(comm);
  if (*attached != nullptr) return keep_settings(**attached, info);
  CAUSEWAY_TRY(check_comm(comm));
  std::optional<AttachTurn> turn;
  const Status begun = guarded([&]() -> Status {
    turn.emplace(comm);
    return {};
  });
  return begun.ok() ? attach_in_turn(comm, info, ready, attached) : refuse(comm, begun);
}

Status detach(MPI_Comm comm) {
  CAUSEWAY_TRY(check_comm(comm));
  if (find_attached(comm) != nullptr) PMPI_Comm_delete_attr(comm, cache().keyval);
  return {};
}

}  // namespace causeway::mpi
