// Exchanges among parts of a job: `parts RANKS|!COMMAND...`, where 01 are ranks 0 and 1.
//
// One part after the other; between them rank 0 runs commands. A part's ranks exchange blocks of
// many sizes, and each prints 'part RANKS, rank R listens on A B': the addresses of all sockets
// that the process has listened on since before the first part. Exit status 1, and a line about it,
// where a byte is wrong.
#include <causeway/mpix.h>
#include <listening.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

constexpr int kExchanges = 20;
constexpr unsigned kMostBytes = 300'000;

/// What the sender fills a block with.
std::byte byte_at(unsigned seed, int from, int to, std::size_t index) {
  return static_cast<std::byte>(seed + 31U * static_cast<unsigned>(from) +
                                7U * static_cast<unsigned>(to) +
                                static_cast<unsigned>(index % 251));
}

/// One exchange of blocks whose sizes follow from the seed; whether all that came is right.
bool exchange(MPI_Comm part, unsigned seed) {
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(part, &rank);
  MPI_Comm_size(part, &ranks);
  const auto size = static_cast<std::size_t>(ranks);
  std::mt19937 random(seed);
  std::vector<int> bytes(size * size);
  for (int& one : bytes) {
    one = random() % 4 == 0 ? 0 : static_cast<int>(random() % kMostBytes);
  }
  std::vector<int> out(size);
  std::vector<int> in(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = bytes[static_cast<std::size_t>(rank) * size + i];
    in[i] = bytes[i * size + static_cast<std::size_t>(rank)];
  }
  std::vector<int> out_at(size);
  std::vector<int> in_at(size);
  std::exclusive_scan(out.begin(), out.end(), out_at.begin(), 0);
  std::exclusive_scan(in.begin(), in.end(), in_at.begin(), 0);
  std::vector<std::byte> sent;
  std::vector<std::byte> expected;
  for (int other = 0; other < ranks; ++other) {
    const auto index = static_cast<std::size_t>(other);
    for (std::size_t i = 0; i < static_cast<std::size_t>(out[index]); ++i) {
      sent.push_back(byte_at(seed, rank, other, i));
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(in[index]); ++i) {
      expected.push_back(byte_at(seed, other, rank, i));
    }
  }
  std::vector<std::byte> received(expected.size());
  const int code = MPIX_Alltoallv(sent.data(), out.data(), out_at.data(), MPI_BYTE, received.data(),
                                  in.data(), in_at.data(), MPI_BYTE, part);
  return code == MPI_SUCCESS && received == expected;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  unsigned seed = 0;
  const char* const given = std::getenv("CAUSEWAY_TEST_SEED");
  if (rank == 0) {
    seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                            : std::random_device()();
    std::printf("seed %u\n", seed);
  }
  MPI_Bcast(&seed, 1, MPI_UNSIGNED, 0, MPI_COMM_WORLD);
  const auto before = causeway::test::listened_on();
  for (int i = 1; i < argc; ++i) {
    const std::string ranks = argv[i];
    if (ranks.front() == '!') {
      if (rank == 0 && std::system(argv[i] + 1) != 0) MPI_Abort(MPI_COMM_WORLD, 1);
      MPI_Barrier(MPI_COMM_WORLD);
      continue;
    }
    const bool mine = ranks.find(std::to_string(rank)) != std::string::npos;
    MPI_Comm part = MPI_COMM_NULL;
    MPI_Comm_split(MPI_COMM_WORLD, mine ? 0 : MPI_UNDEFINED, rank, &part);
    if (part == MPI_COMM_NULL) continue;
    for (int done = 0; done < kExchanges; ++done) {
      if (exchange(part, seed + static_cast<unsigned>(i * kExchanges + done))) continue;
      std::printf("part %s, rank %d: wrong bytes in exchange %d\n", argv[i], rank, done);
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
    const auto now = causeway::test::listened_on();
    std::vector<std::string> added;
    std::set_difference(now.begin(), now.end(), before.begin(), before.end(),
                        std::back_inserter(added));
    std::string line = "part " + ranks + ", rank " + std::to_string(rank) + " listens on";
    for (const std::string& address : added) line += " " + address;
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    MPI_Comm_free(&part);
  }
  MPI_Finalize();
  return 0;
}
