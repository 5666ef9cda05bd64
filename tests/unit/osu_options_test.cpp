// The benchmarks' options: what they store, and which of them do not go together.
#include "options.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace causeway::osu {
namespace {

/// Reads a command line without the program's name, on four ranks; the sentence that refuses it.
std::optional<std::string> read(std::vector<std::string> words, Options& options) {
  std::vector<char*> arguments;
  arguments.reserve(words.size());
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  std::vector<Option> table = osu_options(options);
  for (Option& option : exchange_options(options)) {
    table.push_back(std::move(option));
  }
  const auto error = read_command_line(arguments, table);
  return error ? error : finish_options(options, 4);
}

std::string refusal(std::vector<std::string> words) {
  Options options;
  return read(std::move(words), options).value_or("");
}

TEST(OsuOptions, DefaultsAskForNothingBesideCauseway) {
  Options options;
  EXPECT_EQ(read({}, options), std::nullopt);
  EXPECT_FALSE(options.plan || options.registered || options.sizes_given);
  EXPECT_FALSE(options.versus_mpi || options.versus_nccl || options.versus_nccl_ce);
  EXPECT_EQ(options.max_ctas, 0);
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

  Options matrix;
  EXPECT_EQ(read({"--matrix=tokens.txt"}, matrix), std::nullopt);
  EXPECT_EQ(matrix.matrix_path, "tokens.txt");
}

TEST(OsuOptions, ValuesOutsideTheirRangeAreRefused) {
  EXPECT_NE(refusal({"--max-ctas", "0"}).find("from 1 to 1024"), std::string::npos);
  EXPECT_NE(refusal({"--vs", "nccl-cd"}).find("'nccl-cd' makes no sense"), std::string::npos);
  EXPECT_NE(refusal({"--matrix="}).find("a file's name"), std::string::npos);
}

TEST(OsuOptions, ThoseThatDoNotGoTogetherAreNamed) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"--cuda-graph"}, "option --cuda-graph needs -d, --device cuda"},
      {{"--vs", "nccl"}, "option --vs nccl needs -d, --device cuda"},
      {{"--vs", "nccl-ce"}, "option --vs nccl-ce needs -d, --device cuda"},
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
