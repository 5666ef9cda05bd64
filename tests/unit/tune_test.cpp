// causeway-tune: its options, what it tries, how it judges, and the rules that come of it.
#include <choices.hpp>
#include <options.hpp>
#include <rules_file.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace causeway::tune {
namespace {

using device::LinkKind;

Status read(std::vector<std::string> arguments, Options* options) {
  std::string program = "causeway-tune";
  std::vector<char*> pointers{program.data()};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return read_options(pointers, options);
}

TEST(TuneOptions, AreRead) {
  Options options;
  ASSERT_TRUE(read({}, &options).ok());
  EXPECT_EQ(options.output, "causeway.tuning");
  EXPECT_FALSE(options.sizes.has_value());
  ASSERT_TRUE(
      read({"-o", "there", "--device=cuda", "--sizes", "1k:3M", "--seconds", "7"}, &options).ok());
  EXPECT_EQ(options.output, "there");
  EXPECT_EQ(options.device, DeviceChoice::kCuda);
  EXPECT_EQ(options.sizes, (Range{1024, 3 << 20}));
  EXPECT_EQ(options.seconds, 7U);
  EXPECT_TRUE(options.help.empty());
  ASSERT_TRUE(read({"--seconds", "7", "--seconds=1K"}, &options).ok());
  EXPECT_EQ(options.seconds, 1024U);
  for (const char* const help : {"-h", "--help"}) {
    ASSERT_TRUE(read({help}, &options).ok());
    for (const char* const option : {"--output FILE", "--device DEVICE", "--sizes MIN:MAX",
                                     "--seconds N", "--help", "CAUSEWAY_TUNING_FILE"}) {
      EXPECT_NE(options.help.find(option), std::string::npos) << option;
    }
  }
}

TEST(TuneOptions, ThatAreWrongAreNamed) {
  const std::vector<std::string> wrongs[] = {
      {"--device", "gpu"},    {"--sizes", "0:4"}, {"--sizes", "8:4"},       {"--sizes", "1K"},
      {"--sizes", "1:2G"},    {"--sizes", "''"},  {"--seconds", "0"},       {"--seconds", "soon"},
      {"--seconds", "86401"}, {"--output", "''"}, {"--output", "--device"}, {"--fast", "--fast"},
      {"file", "file"}};
  for (const std::vector<std::string>& wrong : wrongs) {
    Options options;
    const std::string value = wrong.back() == "''" ? "" : wrong.back();
    const Status status = read({wrong.front(), value}, &options);
    EXPECT_EQ(status.kind(), ErrorKind::kArgument) << wrong.front();
    for (const std::string& part : wrong) {
      EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    }
  }
  Options of_letter;
  EXPECT_NE(read({"-o=there"}, &of_letter).message().find("--output: '=there'"), std::string::npos);
  for (const char* const lacking : {"--sizes", "--output", "--output="}) {
    Options options;
    EXPECT_NE(read({lacking}, &options).message().find(std::string(lacking, 7)), std::string::npos);
  }
  Options options;
  EXPECT_FALSE(read({"--help", "--seconds", "0"}, &options).ok());
}

TEST(TuneOptions, SizesDoubleFromTheLeast) {
  EXPECT_EQ(sizes_in({3, 12}), (std::vector<std::uint64_t>{3, 6, 12}));
  EXPECT_EQ(sizes_in({3, 11}), (std::vector<std::uint64_t>{3, 6}));
  EXPECT_EQ(sizes_in({5, 5}), (std::vector<std::uint64_t>{5}));
}

/// Each is a rule that settings take, alone in what it says, and they are not many.
TEST(TuneCandidates, AreRulesThatDiffer) {
  for (const DeviceKind device : {DeviceKind::kHost, DeviceKind::kCuda}) {
    for (const LinkKind link : {LinkKind::kMemory, LinkKind::kNetwork}) {
      for (const std::uint64_t bytes : sizes_in({1, std::uint64_t{1} << 30})) {
        const std::vector<TuningRule> all = candidates(device, {link, bytes});
        EXPECT_FALSE(all.empty()) << bytes;
        EXPECT_LE(all.size(), 30U) << bytes;
        for (std::size_t i = 0; i < all.size(); ++i) {
          const TuningRule rule = rule_for(all[i], {link, bytes}, {bytes, bytes});
          std::vector<TuningRule> parsed;
          ASSERT_TRUE(parse_rules("", rules_text(std::span(&rule, 1)), &parsed).ok());
          EXPECT_EQ(parsed, std::vector<TuningRule>{rule});
          EXPECT_TRUE(link == LinkKind::kMemory || rule.protocol == Protocol::kStaged);
          for (std::size_t j = 0; j < i; ++j) EXPECT_NE(all[i], all[j]) << choice_text(all[i]);
        }
      }
    }
  }
}

TEST(TuneCandidates, HaveEveryProtocolOfGpusSomewhere) {
  std::vector<Protocol> tried;
  for (const std::uint64_t bytes : sizes_in(default_sizes(DeviceKind::kCuda))) {
    for (const TuningRule& rule : candidates(DeviceKind::kCuda, {LinkKind::kMemory, bytes})) {
      tried.push_back(rule.protocol.value());
    }
  }
  for (const Protocol protocol :
       {Protocol::kLl, Protocol::kLl128, Protocol::kStaged, Protocol::kDirect, Protocol::kEngine}) {
    EXPECT_NE(std::ranges::find(tried, protocol), tried.end());
  }
}

TEST(TuneJudgement, TakesMediansOfWindows) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median(std::vector<double>{3}), 3);
  EXPECT_EQ(median(std::vector<double>{9, 1, 5}), 5);
  EXPECT_EQ(median(std::vector<double>{9, 1, 5, 7}), 7);
  const std::vector<std::vector<double>> seconds{{1}, {5, 5, 5}, {9, 2, 2}, {1, 8, 8}, {3, 3, 3}};
  EXPECT_EQ(finalists(seconds, 3), (std::vector<std::size_t>{2, 4, 1}));
  EXPECT_EQ(finalists(seconds, 9).size(), 4U);
}

using Windows = std::vector<std::vector<double>>;

/// Winner and dropped candidate, 0 for none.
std::pair<std::size_t, std::size_t> judged(const Windows& seconds) {
  const auto [winner, dropped] = judge(seconds);
  return {winner.value_or(0), dropped.value_or(0)};
}

TEST(TuneJudgement, AsksForMoreThanNoise) {
  using Pair = std::pair<std::size_t, std::size_t>;
  EXPECT_EQ(judged({{100, 100, 100, 100}}), Pair(0, 0));
  EXPECT_EQ(judged({{100, 100, 100, 100}, {98, 98, 98, 98}}), Pair(0, 0));
  EXPECT_EQ(judged({{100, 100, 100, 100}, {96, 96, 96, 96}}), Pair(1, 0));
  // Faster in the median, but not often enough.
  EXPECT_EQ(judged({{100, 100, 90, 90}, {95, 95, 95, 95}}), Pair(0, 1));
  EXPECT_EQ(judged({{97, 100, 100, 100, 97, 97}, {98, 96, 96, 96, 98, 98}}), Pair(0, 0));
  // The best of them; who has not taken part does not count.
  EXPECT_EQ(judged({{100, 100, 100}, {90, 90, 90}, {}, {80, 80, 80}, {85, 85, 85}}), Pair(3, 0));
}

TEST(TuneJudgement, AsksForMoreThanTheSpreadOfWindows) {
  using Pair = std::pair<std::size_t, std::size_t>;
  // A table that is disturbed now and then, however often in the end.
  EXPECT_EQ(judged({{1097, 19, 1099, 20, 1098, 1097, 19}, {18, 19, 19, 18, 19, 18, 19}}),
            Pair(0, 1));
  EXPECT_EQ(judged({{1097, 19, 1099, 1100, 1098, 1097, 1098}, {18, 19, 19, 18, 19, 18, 19}}),
            Pair(1, 0));
  // A candidate that is fast now and then.
  EXPECT_EQ(judged({{100, 100, 101, 100, 100}, {40, 101, 40, 101, 40}}), Pair(0, 1));
  // One that is sure, and one that is faster, but is not; the other way round nothing is said.
  EXPECT_EQ(judged({{100, 100, 100, 100, 100}, {90, 90, 90, 90, 90}, {40, 120, 40, 120, 40}}),
            Pair(1, 2));
  EXPECT_EQ(judged({{100, 100, 100, 100, 100}, {30, 30, 30, 30, 30}, {40, 199, 40, 199, 40}}),
            Pair(1, 0));
}

TEST(TuneJudgement, TakesQuartiles) {
  const auto of = [](std::vector<double> numbers) {
    const Quartiles all = quartiles(numbers);
    return std::pair(all.low, all.high);
  };
  EXPECT_EQ(of({}), std::pair(0.0, 0.0));
  EXPECT_EQ(of({3}), std::pair(3.0, 3.0));
  EXPECT_EQ(of({5, 1, 4, 2, 3}), std::pair(2.0, 4.0));
  EXPECT_EQ(of({8, 7, 6, 5, 4, 3, 2, 1}), std::pair(2.0, 7.0));
}

TuningRule choice(const char* text) {
  std::vector<TuningRule> rules;
  EXPECT_TRUE(parse_rules("", std::string("*:*:*:") + text, &rules).ok());
  return rules.front();
}

TEST(TuneRules, OfNeighboursWithOneChoiceAreOneRule) {
  const TuningRule one = choice("protocol=direct,lanes=8");
  const TuningRule other = choice("protocol=direct,lanes=16");
  const auto found = [](LinkKind link, std::uint64_t bytes, std::optional<TuningRule> chosen,
                        Operation operation = Operation::kAlltoallv) {
    return Finding{{link, bytes, operation}, 2, 1, chosen};
  };
  const Finding findings[] = {found(LinkKind::kMemory, 1024, one),
                              found(LinkKind::kMemory, 2048, one),
                              found(LinkKind::kMemory, 4096, std::nullopt),
                              found(LinkKind::kMemory, 8192, one),
                              found(LinkKind::kMemory, 16384, other),
                              found(LinkKind::kNetwork, 1024, other),
                              found(LinkKind::kNetwork, 2048, other),
                              found(LinkKind::kNetwork, 4096, other, Operation::kSendrecv)};
  EXPECT_EQ(rules_text(rules_of(findings)),
            "alltoallv:memory:1K-4095:protocol=direct,lanes=8\n"
            "alltoallv:memory:8K-16383:protocol=direct,lanes=8\n"
            "alltoallv:memory:16K-32767:protocol=direct,lanes=16\n"
            "alltoallv:network:1K-4095:protocol=direct,lanes=16\n"
            "sendrecv:network:4K-8191:protocol=direct,lanes=16\n");
  EXPECT_TRUE(rules_of({}).empty());
  EXPECT_EQ(choice_text(one), "protocol=direct,lanes=8");
}

TEST(TuneRules, SayWhatWasDropped) {
  const Doubt doubt{choice("protocol=pull"), 18.8e-6, {18e-6, 19.5e-6}, {19e-6, 1100e-6}};
  EXPECT_EQ(doubt_text(doubt, {LinkKind::kMemory, 8192}, 1097e-6),
            "dropped as noise: alltoallv memory 8K: protocol=pull, 18.80 us (half of the windows "
            "18.00 to 19.50) instead of 1097.00 us (19.00 to 1100.00)");
}

TEST(TuneFile, IsThereWholeOrNotAtAll) {
  const std::filesystem::path folder =
      testing::TempDir() + "causeway_tune_" + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  const std::string path = folder / "rules";
  ASSERT_TRUE(check_output(path).ok());
  const TuningRule rule = rule_for(choice("lanes=2"), {LinkKind::kMemory, 1}, {1, 9});
  for (const std::size_t rules : {0, 1}) {
    const Status status = write_rules(path, {"of a test"}, std::span(&rule, rules));
    ASSERT_TRUE(status.ok()) << status.message();
    std::vector<TuningRule> read;
    ASSERT_TRUE(read_rules(path, &read).ok());
    EXPECT_EQ(read.size(), rules);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  EXPECT_EQ(check_output(folder).kind(), ErrorKind::kSystem);
  EXPECT_EQ(check_output(folder / "none" / "rules").kind(), ErrorKind::kSystem);
  EXPECT_EQ(write_rules(folder / "none" / "rules", {}, {}).kind(), ErrorKind::kSystem);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace causeway::tune
