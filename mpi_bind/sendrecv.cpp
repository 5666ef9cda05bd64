// MPIX_Sendrecv in its forms: as MPI has it, _c, _on_stream, _on_stream_c, _plan, _plan_c.
#include "arguments.hpp"
#include "comm_cache.hpp"
#include "entry.hpp"
#include "exchange.hpp"
#include "plans.hpp"
#include "type_map.hpp"

#include <causeway/mpix.h>
#include <never_destroyed.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>

using namespace causeway;
using namespace causeway::mpi;

namespace {

/// One end of a call: whom it is with, and the tag.
struct End {
  const char* rank_name;
  int rank;
  const char* tag_name;
  int tag;

  bool is_somebody() const { return rank != MPI_PROC_NULL; }
};

/// Errors for ends that no message can have.
Status check_rank(const End& end, int rank, int size, bool may_be_any) {
  if (!end.is_somebody() || (end.rank >= 0 && end.rank < size)) return {};
  if (end.rank == MPI_ANY_SOURCE && !may_be_any) {
    return Status::error(ErrorKind::kRank,
                         "%s is MPI_ANY_SOURCE on rank %d; here it has to be a rank or "
                         "MPI_PROC_NULL",
                         end.rank_name, rank);
  }
  if (end.rank == MPI_ANY_SOURCE && size > 1) return {};
  if (end.rank == MPI_ANY_SOURCE) {
    return Status::error(ErrorKind::kRank,
                         "%s is MPI_ANY_SOURCE on rank %d, the only rank, which sends nothing",
                         end.rank_name, rank);
  }
  return Status::error(ErrorKind::kRank,
                       "%s = %d on rank %d is none of the communicator's %d ranks", end.rank_name,
                       end.rank, rank, size);
}

Status check_tag(const End& end, int rank, bool may_be_any) {
  if (!end.is_somebody() || end.tag >= 0 || (may_be_any && end.tag == MPI_ANY_TAG)) return {};
  if (end.tag == MPI_ANY_TAG) {
    return Status::error(ErrorKind::kTag,
                         "%s is MPI_ANY_TAG on rank %d; here it has to be a tag, from 0 on",
                         end.tag_name, rank);
  }
  return Status::error(ErrorKind::kTag, "%s = %d on rank %d is negative", end.tag_name, end.tag,
                       rank);
}

/// A rank's message to itself is received by the call that sends it.
Status check_self(const End& destination, const End& source, int rank) {
  if ((destination.rank == rank) != (source.rank == rank)) {
    return Status::error(ErrorKind::kRank,
                         "dest = %d and source = %d on rank %d: a rank that sends to itself "
                         "receives from itself in the same call",
                         destination.rank, source.rank, rank);
  }
  if (destination.rank != rank || source.tag == MPI_ANY_TAG || source.tag == destination.tag) {
    return {};
  }
  return Status::error(
      ErrorKind::kTag,
      "rank %d asked itself for a message with tag %d and got a message with tag %d", rank,
      source.tag, destination.tag);
}

void set_status(MPI_Status* status, int source, int tag, std::uint64_t bytes) {
  if (status == MPI_STATUS_IGNORE) return;
  status->MPI_SOURCE = source;
  status->MPI_TAG = tag;
  PMPI_Status_set_elements_x(status, MPI_BYTE, static_cast<MPI_Count>(bytes));
  PMPI_Status_set_cancelled(status, 0);
}

/// Fills in whom a call is between, of the ends that are good. The pattern's memory is reused.
void fill_pattern(const End* destination, const End* source, int rank, int size, Pattern* pattern) {
  pattern->operation = Operation::kSendrecv;
  pattern->tags = tags_of(Operation::kSendrecv);
  pattern->any_source = false;
  pattern->rounds.resize(1);
  Round& round = pattern->rounds.front();
  round.sends.clear();
  round.receives.clear();
  round.to_self.reset();
  round.from_self.reset();
  if (destination != nullptr && destination->is_somebody()) {
    pattern->tags.send = kernels::tag_of_message(destination->tag);
    if (destination->rank == rank) {
      round.to_self = 0;
    } else {
      round.sends.push_back({static_cast<std::uint32_t>(destination->rank), 0});
    }
  }
  if (source != nullptr && source->is_somebody()) {
    pattern->tags.any = source->tag == MPI_ANY_TAG;
    pattern->tags.receive = kernels::tag_of_message(std::max(source->tag, 0));
    if (source->rank == rank) {
      round.from_self = 0;
    } else if (source->rank == MPI_ANY_SOURCE) {
      pattern->any_source = true;
      round.receives.push_back({static_cast<std::uint32_t>((rank + 1) % size), 0});
    } else {
      round.receives.push_back({static_cast<std::uint32_t>(source->rank), 0});
    }
  }
}

/// What a call returns of the message that it received.
void tell(const End& destination, const End& source, int rank, std::uint64_t asked,
          std::uint64_t sent, const device::MessageInfo& heard, MPI_Status* status) {
  if (!source.is_somebody()) {
    set_status(status, MPI_PROC_NULL, MPI_ANY_TAG, 0);
  } else if (source.rank == rank) {
    set_status(status, rank, destination.tag, std::min(sent, asked));
  } else {
    const int from = source.rank == MPI_ANY_SOURCE ? static_cast<int>(heard.source) : source.rank;
    set_status(status, from, static_cast<int>(heard.tag & ~device::kAnnounced),
               std::min(heard.bytes, asked));
  }
}

/// The arguments of a call. Their types are those of to_blocks().
template <class Count>
struct Arguments {
  Side<Count, MPI_Aint> send;
  End destination;
  Side<Count, MPI_Aint> receive;
  End source;
};

/// The blocks of a call's arguments, which lie in *blocks, and whom it is between, of the ends that
/// are good. An error where an argument is wrong.
template <class Count>
Status to_buffers(const Communicator& communicator, const Arguments<Count>& arguments,
                  bool may_be_any, Blocks* blocks, Pattern* pattern, Buffers* buffers) {
  const auto& [send, destination, receive, source] = arguments;
  const int rank = communicator.rank();
  const int size = communicator.size();
  const Status good_destination = check_rank(destination, rank, size, false);
  const Status good_source = check_rank(source, rank, size, may_be_any);
  fill_pattern(good_destination.ok() ? &destination : nullptr, good_source.ok() ? &source : nullptr,
               rank, size, pattern);
  buffers->pattern = pattern;
  CAUSEWAY_TRY(good_destination);
  CAUSEWAY_TRY(good_source);
  CAUSEWAY_TRY(check_tag(destination, rank, false));
  CAUSEWAY_TRY(check_tag(source, rank, may_be_any));
  CAUSEWAY_TRY(check_self(destination, source, rank));
  if (send.buffer == MPI_IN_PLACE) {
    return Status::error(ErrorKind::kBuffer, "sendbuf is MPI_IN_PLACE on rank %d", rank);
  }
  CAUSEWAY_TRY(
      to_blocks(send, receive, rank, {1, {&destination.rank, 1}}, {1, {&source.rank, 1}}, blocks));
  *buffers = {blocks->sendbuf, blocks->send, blocks->recvbuf, blocks->receive, false, pattern};
  return {};
}

/// The arguments of a call, but for its buffers.
struct Key {
  MPI_Comm comm;
  const Attached* attached;
  std::uint64_t detachments;  ///< the same communicator is still attached to the same
  std::int64_t sendcount;
  std::int64_t recvcount;
  MPI_Datatype sendtype;
  MPI_Datatype recvtype;
  int destination;
  int sendtag;
  int source;
  int recvtag;
  bool on_stream;

  bool operator==(const Key&) const = default;
};

/// What one of a thread's last calls was made of, for a next one that differs in its buffers alone.
struct LastCall {
  Key key{};
  Blocks blocks;
  Pattern pattern;
  std::uint64_t likeness = 0;  ///< of its buffers; 0 where there is nothing to repeat
};

/// Programs exchange with some neighbours in turns.
struct LastCalls {
  std::array<LastCall, 8> calls;

  LastCall& like(const Key& key) {
    const int ends = 3 * key.destination + 5 * key.source + 7 * key.sendtag;
    return calls[static_cast<unsigned>(ends) % calls.size()];
  }
};

/// Blocks that lie at the address of a buffer, and are described by types that nobody frees.
bool can_be_repeated(const LastCall& call) {
  return call.blocks.sendbuf != nullptr && call.blocks.recvbuf != nullptr &&
         call.blocks.send[0].layout == nullptr && call.blocks.receive[0].layout == nullptr &&
         is_predefined(call.key.sendtype) && is_predefined(call.key.recvtype);
}

std::uint64_t next_likeness() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

template <class Count>
int sendrecv(const char* call, Arguments<Count> arguments, MPI_Comm comm, const CallForm& form,
             MPI_Status* status) {
  return enter(comm, call, [&]() -> Status {
    const Known known = find_known(comm);
    if (known.attached == nullptr) {
      CAUSEWAY_TRY(check_comm(comm));
      return {ErrorKind::kComm,
              "comm is not attached: call MPIX_Comm_attach on all of its ranks before"};
    }
    Communicator& communicator = *known.attached->communicator;
    const bool on_stream = form.kind == CallForm::kOnStream;
    // What a rank sends itself is there at once.
    const bool to_itself = arguments.destination.rank == communicator.rank();
    End& source = arguments.source;
    if (!on_stream && to_itself && source.rank == MPI_ANY_SOURCE) source.rank = communicator.rank();
    const auto& [send, destination, receive, from] = arguments;
    const Key wanted{comm,      known.attached, known.detachments, *send.counts,    *receive.counts,
                     send.type, receive.type,   destination.rank,  destination.tag, from.rank,
                     from.tag,  on_stream};
    LastCall& last = of_this_thread<LastCalls>().like(wanted);
    Key& key = last.key;
    Blocks& blocks = last.blocks;
    Pattern& pattern = last.pattern;
    std::uint64_t& likeness = last.likeness;
    Buffers buffers{send.buffer,    blocks.send, const_cast<void*>(receive.buffer),
                    blocks.receive, false,       &pattern,
                    likeness};
    const bool repeats = likeness != 0 && key == wanted && send.buffer != nullptr &&
                         receive.buffer != nullptr && send.buffer != MPI_IN_PLACE;
    if (!repeats) {
      likeness = 0;
      const Status valid = guarded([&] {
        return to_buffers(communicator, arguments, !on_stream, &blocks, &pattern, &buffers);
      });
      if (!valid.ok()) {
        const Status declined = on_stream ? communicator.enqueue_decline(form.stream, &pattern)
                                          : communicator.decline(&pattern);
        return declined.kind() == ErrorKind::kFailed ? declined : valid;
      }
      key = wanted;
      if (can_be_repeated(last)) buffers.likeness = likeness = next_likeness();
    }
    if (on_stream) return communicator.enqueue(buffers, form.stream);
    device::MessageInfo heard{};
    const Status done = communicator.exchange(buffers, &heard);
    tell(arguments.destination, arguments.source, communicator.rank(), blocks.receive[0].bytes,
         blocks.send[0].bytes, heard, status);
    return done;
  });
}

template <class Count>
int make_sendrecv_plan(const char* call, const Arguments<Count>& arguments, MPI_Comm comm,
                       MPI_Info info, MPIX_Plan* plan) {
  const auto attach_comm = [&](std::shared_ptr<Attached>* attached) -> Status {
    CAUSEWAY_TRY(check_comm(comm));
    return attach(comm, MPI_INFO_NULL, {}, attached);
  };
  const auto fill = [&](const Attached& attached, Blocks* blocks, Pattern* pattern,
                        Buffers* buffers) {
    return to_buffers(*attached.communicator, arguments, false, blocks, pattern, buffers);
  };
  return make_plan(call, comm, std::ref(attach_comm), arguments.send.buffer, std::ref(fill), info,
                   plan);
}

End to(int destination, int tag) { return {"dest", destination, "sendtag", tag}; }
End from(int source, int tag) { return {"source", source, "recvtag", tag}; }

}  // namespace

int PMPIX_Sendrecv(const void* sendbuf, int sendcount, MPI_Datatype sendtype, int dest, int sendtag,
                   void* recvbuf, int recvcount, MPI_Datatype recvtype, int source, int recvtag,
                   MPI_Comm comm, MPI_Status* status) {
  return sendrecv("MPIX_Sendrecv",
                  Arguments<int>{sends(sendbuf, sendcount, sendtype), to(dest, sendtag),
                                 receives(recvbuf, recvcount, recvtype), from(source, recvtag)},
                  comm, {}, status);
}
CAUSEWAY_ENTRY(Sendrecv);

int PMPIX_Sendrecv_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, int dest,
                     int sendtag, void* recvbuf, MPI_Count recvcount, MPI_Datatype recvtype,
                     int source, int recvtag, MPI_Comm comm, MPI_Status* status) {
  return sendrecv(
      "MPIX_Sendrecv_c",
      Arguments<MPI_Count>{sends(sendbuf, sendcount, sendtype), to(dest, sendtag),
                           receives(recvbuf, recvcount, recvtype), from(source, recvtag)},
      comm, {}, status);
}
CAUSEWAY_ENTRY(Sendrecv_c);

int PMPIX_Sendrecv_on_stream(const void* sendbuf, int sendcount, MPI_Datatype sendtype, int dest,
                             int sendtag, void* recvbuf, int recvcount, MPI_Datatype recvtype,
                             int source, int recvtag, MPI_Comm comm, void* stream) {
  return sendrecv("MPIX_Sendrecv_on_stream",
                  Arguments<int>{sends(sendbuf, sendcount, sendtype), to(dest, sendtag),
                                 receives(recvbuf, recvcount, recvtype), from(source, recvtag)},
                  comm, {CallForm::kOnStream, stream}, MPI_STATUS_IGNORE);
}
CAUSEWAY_ENTRY(Sendrecv_on_stream);

int PMPIX_Sendrecv_on_stream_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype,
                               int dest, int sendtag, void* recvbuf, MPI_Count recvcount,
                               MPI_Datatype recvtype, int source, int recvtag, MPI_Comm comm,
                               void* stream) {
  return sendrecv(
      "MPIX_Sendrecv_on_stream_c",
      Arguments<MPI_Count>{sends(sendbuf, sendcount, sendtype), to(dest, sendtag),
                           receives(recvbuf, recvcount, recvtype), from(source, recvtag)},
      comm, {CallForm::kOnStream, stream}, MPI_STATUS_IGNORE);
}
CAUSEWAY_ENTRY(Sendrecv_on_stream_c);

int PMPIX_Sendrecv_plan(const void* sendbuf, int sendcount, MPI_Datatype sendtype, int dest,
                        int sendtag, void* recvbuf, int recvcount, MPI_Datatype recvtype,
                        int source, int recvtag, MPI_Comm comm, MPI_Info info, MPIX_Plan* plan) {
  return make_sendrecv_plan(
      "MPIX_Sendrecv_plan",
      Arguments<int>{sends(sendbuf, sendcount, sendtype), to(dest, sendtag),
                     receives(recvbuf, recvcount, recvtype), from(source, recvtag)},
      comm, info, plan);
}
CAUSEWAY_ENTRY(Sendrecv_plan);

int PMPIX_Sendrecv_plan_c(const void* sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, int dest,
                          int sendtag, void* recvbuf, MPI_Count recvcount, MPI_Datatype recvtype,
                          int source, int recvtag, MPI_Comm comm, MPI_Info info, MPIX_Plan* plan) {
  return make_sendrecv_plan(
      "MPIX_Sendrecv_plan_c",
      Arguments<MPI_Count>{sends(sendbuf, sendcount, sendtype), to(dest, sendtag),
                           receives(recvbuf, recvcount, recvtype), from(source, recvtag)},
      comm, info, plan);
}
CAUSEWAY_ENTRY(Sendrecv_plan_c);
