// A bootstrap over MPI: the ranks of a communicator.
#include "mpi_bootstrap.hpp"

#include <chrono>
#include <cstring>
#include <thread>

namespace causeway::mpi {

namespace {

using Clock = std::chrono::steady_clock;

/// How long a rank polls, as MPI's own calls do; then how long it lets others run between polls,
/// before it naps there.
constexpr std::chrono::microseconds kSpin{200};
constexpr std::chrono::milliseconds kEager{2};
constexpr std::chrono::microseconds kNap{50};

Status mpi_status(const char* call, int code) {
  if (code == MPI_SUCCESS) return {};
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  PMPI_Error_string(code, text, &length);
  return Status::error(ErrorKind::kSystem, "%s failed: %s", call, text);
}

}  // namespace

Status MpiBootstrap::join(MPI_Comm comm, std::uint64_t patience) {
  bool same = false;
  CAUSEWAY_TRY(meet_first(comm, patience, 0, &same));
  CAUSEWAY_TRY(meet_again(comm, 0, &same));
  return duplicate(comm);
}

Status MpiBootstrap::meet_first(MPI_Comm comm, std::uint64_t patience, std::uint64_t word,
                                bool* same) {
  patience_ = patience;
  PMPI_Comm_rank(comm, &rank_);
  PMPI_Comm_size(comm, &size_);
  return meet(comm, 1, word, same);
}

/// Making a communicator cannot be given up. A rank that gave up the first meeting does not come to
/// the second, so that one which comes late stops there.
Status MpiBootstrap::duplicate(MPI_Comm comm) {
  // Not MPI_Comm_dup, which would copy the user's attributes and call their functions.
  MPI_Group group = MPI_GROUP_NULL;
  CAUSEWAY_TRY(mpi_status("MPI_Comm_group", PMPI_Comm_group(comm, &group)));
  const int made = PMPI_Comm_create(comm, group, &own_);
  PMPI_Group_free(&group);
  CAUSEWAY_TRY(mpi_status("MPI_Comm_create", made));
  PMPI_Comm_set_errhandler(own_, MPI_ERRORS_RETURN);
  return {};
}

void MpiBootstrap::leave() {
  if (own_ != MPI_COMM_NULL) PMPI_Comm_free(&own_);
}

/// All ranks have to be at the same round of the same call.
Status MpiBootstrap::meet(MPI_Comm comm, std::int64_t round, std::uint64_t word, bool* same) {
  words_[0] = round;
  words_[1] = -round;
  words_[2] = static_cast<std::int64_t>(word);
  words_[3] = -words_[2];
  CAUSEWAY_TRY(wait("MPI_Iallreduce",
                    PMPI_Iallreduce(words_, results_, 4, MPI_INT64_T, MPI_MAX, comm, &request_)));
  *same = results_[2] == -results_[3] && results_[2] != 0;
  if (results_[0] == -results_[1]) return {};
  return breaks(Status::error(
      ErrorKind::kFailed,
      "rank %d met ranks that had given up an earlier call, or that make it again", rank_));
}

void MpiBootstrap::reserve(std::size_t bytes) {
  room_.resize((static_cast<std::size_t>(size_) + 1) * bytes);
}

Status MpiBootstrap::allgather(const void* mine, std::size_t bytes, void* all) {
  CAUSEWAY_TRY(broken());
  const int count = static_cast<int>(bytes);
  std::memcpy(room_.data(), mine, bytes);
  CAUSEWAY_TRY(wait("MPI_Iallgather", PMPI_Iallgather(room_.data(), count, MPI_BYTE, &room_[bytes],
                                                      count, MPI_BYTE, own_, &request_)));
  std::memcpy(all, &room_[bytes], static_cast<std::size_t>(size_) * bytes);
  return {};
}

Status MpiBootstrap::smallest(std::uint64_t* word) {
  CAUSEWAY_TRY(broken());
  // MPICH 4.0 compares unsigned numbers as signed ones.
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  words_[0] = static_cast<std::int64_t>(*word ^ kSign);
  CAUSEWAY_TRY(wait("MPI_Iallreduce",
                    PMPI_Iallreduce(words_, results_, 1, MPI_INT64_T, MPI_MIN, own_, &request_)));
  *word = static_cast<std::uint64_t>(results_[0]) ^ kSign;
  return {};
}

Status MpiBootstrap::tell(int from, void* data, std::size_t bytes) {
  CAUSEWAY_TRY(broken());
  std::memcpy(told_, data, bytes);
  CAUSEWAY_TRY(wait("MPI_Ibcast",
                    PMPI_Ibcast(told_, static_cast<int>(bytes), MPI_BYTE, from, own_, &request_)));
  std::memcpy(data, told_, bytes);
  return {};
}

/// Until MPI is done, or there is no more use in waiting.
Status MpiBootstrap::wait(const char* call, int started) {
  Status status = mpi_status(call, started);
  const auto begin = Clock::now();
  for (int done = 0; status.ok();) {
    status = mpi_status(call, PMPI_Test(&request_, &done, MPI_STATUS_IGNORE));
    if (done != 0 || !status.ok()) break;
    const auto waited = Clock::now() - begin;
    if (waited < kSpin) continue;
    if (waited < kEager) {
      std::this_thread::yield();
      continue;
    }
    std::this_thread::sleep_for(kNap);
    status = guarded([this] { return is_over(); });
    if (status.ok() && patience_ != 0 && waited > std::chrono::seconds(patience_)) {
      status = Status::error(ErrorKind::kFailed,
                             "rank %d waited too long (CAUSEWAY_TIMEOUT) for the other ranks to "
                             "make the same call",
                             rank_);
    }
  }
  return status.ok() ? status : breaks(status);
}

}  // namespace causeway::mpi
