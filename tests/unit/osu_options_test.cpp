// The benchmarks' options: what they store, and which of them do not go together.
#include "options.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace causeway::osu {
namespace {

/// A command line of words behind the program's name.
class CommandLine {
 public:
  explicit CommandLine(std::vector<std::string> words) : words_(std::move(words)) {
    words_.insert(words_.begin(), "program");
    for (std::string& word : words_) {
      arguments_.push_back(word.data());
    }
  }
  [[nodiscard]] std::span<char* const> arguments() const { return arguments_; }

 private:
  std::vector<std::string> words_;
  std::vector<char*> arguments_;
};

constexpr Usage kAlltoallv{"osu_mpix_alltoallv", "MPIX_Alltoallv", "peer", Choice::kShares};
constexpr Usage kSendrecv{"osu_mpix_sendrecv", "MPIX_Sendrecv", "message", Choice::kPairs};
constexpr Usage kNeighbor{"osu_mpix_neighbor", "MPIX_Neighbor_alltoallv", "neighbour",
                          Choice::kGrid};

/// Reads words on four ranks; the sentence that refuses them.
std::optional<std::string> read(std::vector<std::string> words, Options& options,
                                const Usage& usage = kAlltoallv) {
  return read_options(CommandLine(std::move(words)).arguments(), 4, usage, options);
}

std::string refusal(std::vector<std::string> words, const Usage& usage = kAlltoallv) {
  Options options;
  return read(std::move(words), options, usage).value_or("");
}

TEST(OsuOptions, DefaultsAskForNothingBesideCauseway) {
  Options options;
  EXPECT_EQ(read({}, options), std::nullopt);
  EXPECT_FALSE(options.plan || options.registered || options.sizes_given);
  EXPECT_FALSE(options.versus_mpi || options.versus_nccl || options.versus_nccl_ce);
  EXPECT_EQ(options.max_ctas, 0);
  EXPECT_FALSE(options.immediate);
  EXPECT_TRUE(options.matrix_path.empty());
}

TEST(OsuOptions, AreStored) {
  Options options;
  EXPECT_EQ(read({"-d", "cuda", "--plan", "--registered", "--max-ctas", "8", "--vs",
                  "nccl-ce,mpi,nccl", "-m", "4:64"},
                 options),
            std::nullopt);
  EXPECT_TRUE(options.plan && options.registered && options.sizes_given);
  EXPECT_TRUE(options.versus_mpi && options.versus_nccl && options.versus_nccl_ce);
  EXPECT_EQ(options.max_ctas, 8);

  for (const Usage& usage : {kAlltoallv, kNeighbor}) {
    Options immediate;
    EXPECT_EQ(read({"--immediate", "--plan", "--vs", "mpi"}, immediate, usage), std::nullopt);
    EXPECT_TRUE(immediate.immediate);
  }

  Options matrix;
  EXPECT_EQ(read({"--matrix=tokens.txt"}, matrix), std::nullopt);
  EXPECT_EQ(matrix.matrix_path, "tokens.txt");
}

/// What is said of a wrong value names its option and the value.
TEST(OsuOptions, ValuesThatAreWrongAreNamed) {
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> cases{
      {{"--max-ctas", "0"}, {"--max-ctas", "'0'", "from 1 to 1024"}},
      {{"-i", "5x"}, {"--iterations", "'5x'", "from 1 to "}},
      {{"-i-5"}, {"--iterations", "'-5'"}},
      {{"-i", "0x10"}, {"--iterations", "'0x10'"}},
      {{"-x", "2147483648"}, {"--warmup", "'2147483648'", "from 0 to 2147483647"}},
      {{"-u11"}, {"--validation-warmup", "'11'", "from 0 to 10"}},
      {{"--seed=-1"}, {"--seed", "'-1'"}},
      {{"--seed", "99999999999999999999"}, {"--seed", "'99999999999999999999'"}},
      {{"-M", ""}, {"--mem-limit", "''"}},
      {{"--cuda-graph", "1001"}, {"--cuda-graph", "'1001'", "from 1 to 1000"}},
      {{"--skew", "nan"}, {"--skew", "'nan'", "from 0 to 1"}},
      {{"--sparsity", "1.1"}, {"--sparsity", "'1.1'", "from 0 to 1"}},
      {{"-m", "0:4"}, {"--message-size", "'0:4'", "MIN:MAX"}},
      {{"-m:"}, {"--message-size", "':'"}},
      {{"-m", "64K"}, {"--message-size", "'64K'"}},
      {{"-d", "gpu"}, {"--device", "gpu", "host", "cuda"}},
      {{"-T", "mpi_long"}, {"--type", "mpi_long", "mpi_char", "mpi_int", "mpi_float", "all"}},
      {{"--vs", "nccl-cd"}, {"--vs", "nccl-cd", "mpi", "nccl-ce"}},
      {{"--vs", "mpi,nccl-cd"}, {"--vs", "nccl-cd"}},
      {{"--csv", ""}, {"--csv", "''", "name of a file"}},
      {{"--csv", "-c"}, {"--csv", "'-c'", "name of a file"}},
      {{"--csv=", "-c"}, {"--csv", "name of a file"}},
      {{"--matrix="}, {"--matrix"}},
      {{"--iterations"}, {"--iterations"}},
      {{"--full=3"}, {"full"}},
      {{"--ful"}, {"--ful"}},
      {{"-z"}, {"-z"}},
      {{"word"}, {"word"}},
      {{"--help", "-i", "0"}, {"--iterations", "'0'"}},
  };
  for (const auto& [words, parts] : cases) {
    const std::string sentence = refusal(words);
    for (const std::string& part : parts) {
      EXPECT_NE(sentence.find(part), std::string::npos) << words.front() << ": " << sentence;
    }
    EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
  }
}

TEST(OsuOptions, MayBeGivenInEveryForm) {
  Options options;
  EXPECT_EQ(read({"-cfi", "010", "-x0", "--message-size=8:", "-T", "MPI_Int", "-Tmpi_char", "-T",
                  "mpi_int", "--seed", "4611686018427387904", "--skew=.5", "-c"},
                 options),
            std::nullopt);
  EXPECT_TRUE(options.validate && options.full);
  EXPECT_EQ(options.iterations, 10);
  EXPECT_EQ(options.warmups, 0);
  EXPECT_EQ(options.smallest, 8U);
  EXPECT_EQ(options.largest, std::size_t{1} << 20);
  EXPECT_EQ(options.elements, (std::vector{Element::kInt, Element::kChar}));
  EXPECT_EQ(options.seed, std::uint64_t{1} << 62);
  EXPECT_EQ(options.skew, 0.5);
  EXPECT_TRUE(options.help.empty());
}

TEST(OsuOptions, TheLastOfSeveralCounts) {
  Options options;
  EXPECT_EQ(read({"-i", "7", "-i", "8", "-m4", "-m", "2:16", "--csv", "a", "--csv=b", "-d", "cuda",
                  "-d", "host", "--vs", "mpi"},
                 options),
            std::nullopt);
  EXPECT_EQ(options.iterations, 8);
  EXPECT_EQ(options.smallest, 2U);
  EXPECT_EQ(options.largest, 16U);
  EXPECT_EQ(options.csv_path, "b");
  EXPECT_EQ(options.place, Place::kHost);
}

TEST(OsuOptions, CallsOfAGraphMayBeLeftOut) {
  const std::vector<std::pair<std::vector<std::string>, int>> cases{
      {{"-d", "cuda", "--cuda-graph"}, 20},
      {{"--cuda-graph", "-d", "cuda"}, 20},
      {{"--cuda-graph", "5", "-d", "cuda"}, 5},
      {{"--cuda-graph=7", "-dcuda"}, 7}};
  for (const auto& [words, calls] : cases) {
    Options options;
    EXPECT_EQ(read(words, options), std::nullopt);
    EXPECT_EQ(options.graph_calls, calls);
  }
}

TEST(OsuOptions, HelpHasThemAll) {
  Options options;
  EXPECT_EQ(read({"-h"}, options), std::nullopt);
  for (const char* const option : {"--help",
                                   "--version",
                                   "--full",
                                   "--message-size [MIN:]MAX",
                                   "--iterations N",
                                   "--warmup N",
                                   "--mem-limit N",
                                   "--validation",
                                   "--validation-warmup N",
                                   "--type TYPE",
                                   "--in-place",
                                   "--device PLACE",
                                   "--cuda-graph",
                                   "--immediate",
                                   "--vs LIBRARIES",
                                   "--plan",
                                   "--registered",
                                   "--max-ctas N",
                                   "--skew F",
                                   "--by-distance",
                                   "--sparsity F",
                                   "--matrix FILE",
                                   "--seed N",
                                   "--csv FILE"}) {
    EXPECT_NE(options.help.find(option), std::string::npos) << option;
  }
}

/// Whether a program's help names an option.
bool offers(const Usage& usage, const std::string& option) {
  Options options;
  EXPECT_EQ(read({"-h"}, options, usage), std::nullopt);
  return options.help.find(option) != std::string::npos;
}

TEST(OsuOptions, OfPatternsAreThoseOfTheProgram) {
  for (const char* const option : {"--in-place", "--skew", "--by-distance", "--sparsity",
                                   "--matrix", "nccl-ce", "bytes per peer"}) {
    EXPECT_TRUE(offers(kAlltoallv, option)) << option;
    EXPECT_FALSE(offers(kSendrecv, option) || offers(kNeighbor, option)) << option;
  }
  for (const char* const option : {"--ring", "--uni", "bytes per message"}) {
    EXPECT_FALSE(offers(kAlltoallv, option)) << option;
    EXPECT_TRUE(offers(kSendrecv, option)) << option;
  }
  for (const char* const option : {"--halo XxYxZ", "--periodic", "bytes per neighbour"}) {
    EXPECT_FALSE(offers(kAlltoallv, option) || offers(kSendrecv, option)) << option;
    EXPECT_TRUE(offers(kNeighbor, option)) << option;
  }
  EXPECT_TRUE(offers(kNeighbor, "--immediate"));
  EXPECT_NE(refusal({"--immediate"}, kSendrecv), "");
  EXPECT_NE(refusal({"--skew", "1"}, kSendrecv), "");
  EXPECT_NE(refusal({"--uni"}, kNeighbor), "");
  EXPECT_NE(refusal({"-d", "cuda", "--vs", "nccl-ce"}, kSendrecv), "");
  EXPECT_NE(refusal({"--ring"}), "");
}

TEST(OsuOptions, OfPairsAreStored) {
  Options options;
  EXPECT_EQ(read({}, options, kSendrecv), std::nullopt);
  EXPECT_FALSE(options.ring || options.one_way);
  EXPECT_EQ(read({"--ring"}, options, kSendrecv), std::nullopt);
  EXPECT_TRUE(options.ring);
  Options one_way;
  EXPECT_EQ(read({"--uni", "--vs", "mpi", "--plan"}, one_way, kSendrecv), std::nullopt);
  EXPECT_TRUE(one_way.one_way && one_way.versus_mpi && one_way.plan);
  EXPECT_EQ(refusal({"--ring", "--uni"}, kSendrecv).substr(0, 38),
            "option --ring does not go with --uni: ");
}

TEST(OsuOptions, OfGridsAreStored) {
  Options options;
  EXPECT_EQ(read({}, options, kNeighbor), std::nullopt);
  EXPECT_TRUE(options.dimensions.empty());
  EXPECT_FALSE(options.ring || options.periodic);
  EXPECT_EQ(read({"--halo", "2x1x2", "--periodic"}, options, kNeighbor), std::nullopt);
  EXPECT_EQ(options.dimensions, (std::vector{2, 1, 2}));
  EXPECT_TRUE(options.periodic);
  Options flat;
  EXPECT_EQ(read({"--halo=4"}, flat, kNeighbor), std::nullopt);
  EXPECT_EQ(flat.dimensions, std::vector{4});
  Options ring;
  EXPECT_EQ(read({"--ring"}, ring, kNeighbor), std::nullopt);
  EXPECT_TRUE(ring.ring);
}

TEST(OsuOptions, OfGridsHaveToFitTheRanks) {
  for (const char* const wrong : {"", "x", "2x", "x2", "2x0", "2x-2", "2X2", "2x2x1x1", "4.",
                                  "2x2 ", "65537", "99999999999999999999"}) {
    EXPECT_NE(refusal({"--halo", wrong}, kNeighbor).find("'" + std::string(wrong) + "' is not "),
              std::string::npos)
        << wrong;
  }
  EXPECT_EQ(refusal({"--halo", "2x2x2"}, kNeighbor),
            "option --halo: a grid of 2x2x2 needs 8 ranks, there are 4");
  EXPECT_EQ(refusal({"--halo", "65536x65536x65536"}, kNeighbor),
            "option --halo: a grid of 65536x65536x65536 needs 281474976710656 ranks, there are 4");
  EXPECT_EQ(refusal({"--halo", "4", "--ring"}, kNeighbor),
            "option --halo does not go with --ring: both say which grid");
}

TEST(OsuOptions, OfColumnsAreAPlaceAndASize) {
  Options options;
  int rows = 4096;
  EXPECT_EQ(read_column_options(CommandLine({}).arguments(), options, rows), std::nullopt);
  EXPECT_EQ(options.place, Place::kHost);
  EXPECT_EQ(rows, 4096);
  EXPECT_EQ(read_column_options(CommandLine({"cuda", "64"}).arguments(), options, rows),
            std::nullopt);
  EXPECT_EQ(options.place, Place::kCuda);
  EXPECT_EQ(rows, 64);
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"gpu"}, {"host", "0"}, {"host", "32769"}, {"host", "4", "5"}}) {
    const auto refusal = read_column_options(CommandLine(wrong).arguments(), options, rows);
    EXPECT_NE(refusal.value_or("").find(wrong.back()), std::string::npos) << wrong.back();
  }
}

TEST(OsuOptions, ThoseThatDoNotGoTogetherAreNamed) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--cuda-graph"}, "option --cuda-graph needs -d, --device cuda"},
      {{"--vs", "nccl"}, "option --vs nccl needs -d, --device cuda"},
      {{"--vs", "nccl-ce"}, "option --vs nccl-ce needs -d, --device cuda"},
      {{"--immediate", "-d", "cuda"}, "option --immediate does not go with -d, --device cuda"},
      {{"--plan", "-l"}, "option --plan does not go with -l, --in-place"},
      {{"--matrix", "f", "-l"}, "option --matrix does not go with -l, --in-place"},
      {{"--by-distance", "-l"}, "option --by-distance does not go with -l, --in-place"},
      {{"--skew", "1", "-l"}, "option --skew 1 does not go with -l, --in-place"},
      {{"-d", "cuda", "-l"}, "option -l, --in-place, does not go with -d, --device cuda"},
      {{"--by-distance", "--skew", "1"}, "option --by-distance does not go with --skew"},
      {{"--matrix", "f", "--skew", "1"}, "option --matrix does not go with --skew"},
      {{"--matrix", "f", "--by-distance"}, "option --matrix does not go with --by-distance"},
      {{"--matrix", "f", "--sparsity", "1"}, "option --matrix does not go with --sparsity"},
      {{"-d", "cuda", "--vs", "nccl-ce", "--skew", "1"},
       "option --vs nccl-ce does not go with --skew"},
      {{"-d", "cuda", "--vs", "nccl-ce", "--sparsity", "1"},
       "option --vs nccl-ce does not go with --sparsity"},
      {{"-d", "cuda", "--vs", "nccl-ce", "--matrix", "f"},
       "option --vs nccl-ce does not go with --matrix"},
  };
  for (const auto& [words, begin] : cases) {
    EXPECT_EQ(refusal(words).substr(0, begin.size()), begin);
  }
}

}  // namespace
}  // namespace causeway::osu
