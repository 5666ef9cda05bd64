// Latency of MPIX_Sendrecv by size, with the options and the table of OSU's benchmarks.
#include "benchmark.hpp"

namespace {

using namespace causeway::osu;

std::optional<std::string> make_sendrecv(Options& options, MPI_Comm comm, Pattern& pattern) {
  MPI_Comm_size(comm, &pattern.ranks);
  if (pattern.ranks < 2 && !options.ring) {
    return "at least two ranks are needed, there is 1; with --ring it sends to itself";
  }
  pattern.shape = options.ring ? Shape::kRing : options.one_way ? Shape::kOneWay : Shape::kPairs;
  pattern.remarks.emplace_back(options.ring      ? "ring, each rank sends to the next"
                               : options.one_way ? "pairs of ranks, the even one sends"
                                                 : "pairs of ranks, both send at once");
  return std::nullopt;
}

}  // namespace

int main(int argc, char* argv[]) {
  return run_program({{"osu_mpix_sendrecv", "MPIX_Sendrecv", "message", Choice::kPairs},
                      "sendrecv",
                      kSendrecv,
                      make_sendrecv},
                     argc, argv);
}
