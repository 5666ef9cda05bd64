// The communicators that are attached: state kept as attributes of the user's MPI communicators.
#include "comm_cache.hpp"

#include "at_finalize.hpp"
#include "info.hpp"
#include "kept_communicators.hpp"

#include <never_destroyed.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace causeway::mpi {

namespace {

struct Attachment {
  MPI_Comm comm;  ///< the user's, whose attribute this is
  std::shared_ptr<Attached> attached;
  std::atomic<bool> ready = true;  ///< to be found: all ranks have come so far
};

/// The process's attachments, for MPI_Finalize to find.
struct Cache {
  std::mutex mutex;
  std::atomic<int> keyval = MPI_KEYVAL_INVALID;
  std::vector<Attachment*> attachments;
  std::vector<MPI_Comm> attaching;  ///< by some thread now
  std::condition_variable attached;
  std::atomic<std::uint64_t> detachments = 0;
  KeptCommunicators kept;
  bool ends = false;  ///< nothing is kept any more
};

Cache& cache() {
  static NeverDestroyed<Cache> the_cache;
  return the_cache.get();
}

using Kept = KeptCommunicators::List;

/// Keeps one for the next communicator of its ranks, or none.
void give_back(Cache& c, Kept one) {
  Kept leaving;
  const std::lock_guard lock(c.mutex);
  if (!c.ends) leaving = c.kept.add(std::move(one));
}

/// Ends an attachment that nobody else holds, and keeps what may serve the next communicator of the
/// same ranks.
Status end_and_keep(Cache& c, const std::shared_ptr<Attached>& ended) {
  if (!ended->may_be_kept || ended->group == nullptr || ended->bootstrap == nullptr ||
      ended.use_count() != 1 || !ended->bootstrap->broken().ok()) {
    return {};
  }
  Kept one(1);
  one.front().group = std::move(ended->group);
  one.front().bootstrap = std::move(ended->bootstrap);
  one.front().communicator = Communicator::rest(std::move(ended->communicator));
  if (one.front().communicator) give_back(c, std::move(one));
  return {};
}

/// Frees what is kept.
void drop_kept(Cache& c) {
  Kept leaving;
  const std::lock_guard lock(c.mutex);
  leaving = c.kept.take_all();
}

/// Called by MPI when a communicator is freed, or its attribute deleted.
int forget(MPI_Comm, int, void* value, void*) {
  const std::unique_ptr<Attachment> attachment(static_cast<Attachment*>(value));
  Cache& c = cache();
  ++c.detachments;
  {
    const std::lock_guard lock(c.mutex);
    std::erase(c.attachments, attachment.get());
  }
  static_cast<void>(guarded([&] { return end_and_keep(c, attachment->attached); }));
  return MPI_SUCCESS;
}

/// Called by MPI_Finalize: frees what users left attached.
void finalize() {
  Cache& c = cache();
  {
    const std::lock_guard lock(c.mutex);
    c.ends = true;
  }
  drop_kept(c);
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
  return found != 0 && attachment->ready ? attachment->attached : nullptr;
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

/// Collective: attaches comm to what is kept on all ranks, which have met once. When they meet
/// again all have cleared their parts of it.
Status attach_kept(std::unique_ptr<Attachment> attachment, Kept kept) {
  Attachment* const resuming = attachment.get();
  const MPI_Comm comm = attachment->comm;
  const std::shared_ptr<Attached> made = attachment->attached;
  OwnedBootstrap meeting = std::exchange(made->bootstrap, nullptr);
  KeptCommunicator& one = kept.front();
  Communicator& communicator = *one.communicator;
  Status woken = communicator.wake();
  if (woken.ok()) {
    communicator.set_idle(let_mpi_progress);
    made->communicator = std::move(one.communicator);
    made->bootstrap = std::move(one.bootstrap);
    made->group = std::move(one.group);
    woken = guarded([&] { return keep(cache(), std::move(attachment)); });
  }
  bool all_woken = false;
  const Status met = meeting->meet_again(comm, woken.ok() ? communicator.number() : 0, &all_woken);
  if (met.ok() && all_woken) {
    communicator.rise();
    // Of one that was made beforehand all ranks have none.
    if (made->bootstrap == nullptr) {
      const Status met_for_good = meeting->duplicate(comm);
      made->bootstrap = std::move(meeting);
      if (!met_for_good.ok()) {
        made->may_be_kept = false;
        communicator.give_up();
        PMPI_Comm_delete_attr(comm, cache().keyval);
        return met_for_good;
      }
    }
    resuming->ready = true;
    return {};
  }
  made->may_be_kept = false;
  if (!met.ok()) communicator.give_up();
  if (woken.ok()) PMPI_Comm_delete_attr(comm, cache().keyval);
  CAUSEWAY_TRY(met);
  CAUSEWAY_TRY(meeting->duplicate(comm));
  return agree(*meeting, woken);
}

/// How many to make beforehand of what comm is attached to: as many as there are already, up to a
/// number. A program that holds many makes more.
std::uint64_t number_of_spares(MPI_Comm comm, const Group* group) {
  constexpr std::uint64_t kMostSpares = 63;
  constexpr int kMostRanks = 128;  // comparing groups takes long, and hosts have no more
  Cache& c = cache();
  int size = 0;
  PMPI_Comm_size(comm, &size);
  if (group == nullptr || size > kMostRanks) return 0;
  const std::lock_guard lock(c.mutex);
  std::uint64_t found = 0;
  const std::size_t looked_at = std::min<std::size_t>(c.attachments.size(), kMostSpares);
  for (std::size_t i = 1; i <= looked_at; ++i) {
    const Attached& other = *c.attachments[c.attachments.size() - i]->attached;
    if (other.communicator == nullptr || other.group == nullptr) continue;
    if (other.communicator->size() == size && other.group->is(*group)) ++found;
  }
  return found;
}

/// Without memory for them there are none.
void keep_spares(const std::shared_ptr<const Group>& group, Spares spares) {
  if (spares.made.empty()) return;
  Cache& c = cache();
  static_cast<void>(guarded([&]() -> Status {
    Kept made;
    for (auto& spare : spares.made) made.push_back({group, nullptr, std::move(spare)});
    const std::lock_guard lock(c.mutex);
    made = c.kept.replace_spares(std::move(made));
    return {};
  }));
}

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
  Kept found;
  const Status prepared = guarded([&]() -> Status {
    attachment.reset(new Attachment{comm, std::make_shared<Attached>()});
    attachment->attached->bootstrap.reset(new MpiBootstrap);
    attachment->attached->group = std::make_shared<const Group>(comm);
    CAUSEWAY_TRY(make_keyval(cache()));
    CAUSEWAY_TRY(find_neighbors(comm, &attachment->attached->neighbors));
    CAUSEWAY_TRY(ready);
    CAUSEWAY_TRY(read_config(info, &config));
    attachment->attached->config = config;
    const std::lock_guard lock(cache().mutex);
    found = cache().kept.take(comm, config);
    return {};
  });
  const bool has_bootstrap = attachment != nullptr && attachment->attached->bootstrap != nullptr;
  if (!has_bootstrap) return refuse(comm, prepared);
  const std::shared_ptr<Attached> made = attachment->attached;
  const std::uint64_t number = found.empty() ? 0 : found.front().communicator->number();
  bool all_have_it = false;
  CAUSEWAY_TRY(made->bootstrap->meet_first(comm, config.timeout_seconds, number, &all_have_it));
  if (all_have_it) {
    CAUSEWAY_TRY(attach_kept(std::move(attachment), std::move(found)));
    *attached = made;
    return {};
  }
  give_back(cache(), std::move(found));
  CAUSEWAY_TRY(made->bootstrap->meet_again(comm, 0, &all_have_it));
  CAUSEWAY_TRY(made->bootstrap->duplicate(comm));
  Spares spares{number_of_spares(comm, made->group.get()), {}};
  CAUSEWAY_TRY(
      Communicator::create(*made->bootstrap, config, prepared, &made->communicator, &spares));
  keep_spares(made->group, std::move(spares));
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
  if (Attached* const attached = find_attached(comm).get(); attached != nullptr) {
    attached->may_be_kept = false;
    PMPI_Comm_delete_attr(comm, cache().keyval);
  }
  drop_kept(cache());
  return {};
}

}  // namespace causeway::mpi
