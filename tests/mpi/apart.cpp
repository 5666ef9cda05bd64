// Ranks that may not look into each other: `apart plain|hidden|walled|strangers`.
//
// hidden: no rank may be traced, as programs whose file cannot be read; walled: and each has
// network devices of its own; strangers: instead, odd ranks run as another user. Exchanges blocks
// of many sizes from and to plain memory, registered memory and a plan, and compares every byte.
// Prints 'exchanged' on rank 0.
#include <causeway/mpix.h>

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr unsigned kNobody = 65534;

int rank = 0;
int ranks = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "rank %d: %s\n", rank, what);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

/// What a program has that may not be read: nobody but the superuser may trace it, and it is none.
void hide() {
  check(prctl(PR_SET_DUMPABLE, 0) == 0, "prctl failed");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  check(syscall(SYS_capset, &header, none) == 0, "capset failed");
}

std::byte byte_of(int from, int to, std::size_t at, unsigned round) {
  return static_cast<std::byte>(from * 31 + to * 17 + static_cast<int>(at * 7 + at / 251) +
                                static_cast<int>(round) * 5);
}

std::size_t bytes_of(int from, int to, unsigned round) {
  constexpr std::size_t kSizes[] = {0, 1, 100, 4096, 70001, 1500000};
  return kSizes[(static_cast<unsigned>(from * ranks + to) + round) % std::size(kSizes)];
}

struct Blocks {
  std::vector<MPI_Count> counts;
  std::vector<MPI_Aint> places;
};

constexpr MPI_Aint kRoom = 1500000;

void exchange(std::byte* send, std::byte* receive, unsigned round, bool by_plan) {
  Blocks out;
  Blocks in;
  for (int peer = 0; peer < ranks; ++peer) {
    out.counts.push_back(static_cast<MPI_Count>(bytes_of(rank, peer, round)));
    in.counts.push_back(static_cast<MPI_Count>(bytes_of(peer, rank, round)));
    out.places.push_back(peer * kRoom);
    in.places.push_back(peer * kRoom);
    for (std::size_t at = 0; at < bytes_of(rank, peer, round); ++at) {
      send[peer * kRoom + static_cast<MPI_Aint>(at)] = byte_of(rank, peer, at, round);
    }
  }
  std::memset(receive, 0xff, static_cast<std::size_t>(ranks * kRoom));
  if (by_plan) {
    MPIX_Plan plan = MPIX_PLAN_NULL;
    MPIX_Alltoallv_plan_c(send, out.counts.data(), out.places.data(), MPI_BYTE, receive,
                          in.counts.data(), in.places.data(), MPI_BYTE, MPI_COMM_WORLD,
                          MPI_INFO_NULL, &plan);
    MPIX_Plan_start(plan, nullptr);
    MPIX_Plan_free(&plan);
  } else {
    MPIX_Alltoallv_c(send, out.counts.data(), out.places.data(), MPI_BYTE, receive,
                     in.counts.data(), in.places.data(), MPI_BYTE, MPI_COMM_WORLD);
  }
  for (int peer = 0; peer < ranks; ++peer) {
    const std::size_t bytes = bytes_of(peer, rank, round);
    for (std::size_t at = 0; at < static_cast<std::size_t>(kRoom); ++at) {
      const std::byte expected = at < bytes ? byte_of(peer, rank, at, round) : std::byte{0xff};
      check(receive[peer * kRoom + static_cast<MPI_Aint>(at)] == expected, "a byte is wrong");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const std::string how = argc > 1 ? argv[1] : "";
  if (how == "strangers" && rank % 2 == 1 && setresuid(kNobody, kNobody, kNobody) != 0) {
    std::printf("SKIPPED: needs root\n");
  }
  if (how == "walled") check(unshare(CLONE_NEWNET) == 0, "unshare failed");
  if (how != "plain") hide();
  const auto bytes = static_cast<MPI_Aint>(ranks) * kRoom;
  std::vector<std::byte> send(static_cast<std::size_t>(bytes));
  std::vector<std::byte> receive(static_cast<std::size_t>(bytes));
  void* registered = nullptr;
  MPIX_Buffer buffer = MPIX_BUFFER_NULL;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  const int code = MPIX_Comm_attach(MPI_COMM_WORLD, MPI_INFO_NULL);
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (code != MPI_SUCCESS) MPI_Error_string(code, text, &length);
  check(code == MPI_SUCCESS, text);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
  MPIX_Mem_alloc(MPI_COMM_WORLD, bytes, &registered);
  MPIX_Buffer_register(MPI_COMM_WORLD, registered, bytes, &buffer);
  for (unsigned round = 0; round < 6; ++round) {
    exchange(send.data(), receive.data(), round, round % 3 == 2);
    exchange(send.data(), static_cast<std::byte*>(registered), round, round % 3 == 1);
  }
  MPIX_Buffer_deregister(&buffer);
  MPIX_Mem_free(registered);
  MPIX_Comm_detach(MPI_COMM_WORLD);
  if (rank == 0) std::printf("exchanged\n");
  MPI_Finalize();
  return 0;
}
