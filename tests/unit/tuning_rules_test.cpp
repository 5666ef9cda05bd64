// The grammar of tuning rules: what is read, what is refused and how, and that it can be written.
#include <number.hpp>
#include <tuner.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace causeway {
namespace {

using device::LinkKind;

std::vector<TuningRule> rules_of(const std::string& text) {
  std::vector<TuningRule> rules;
  const Status status = parse_rules("here", text, &rules);
  EXPECT_TRUE(status.ok()) << status.message();
  return rules;
}

/// A file that is gone with its end.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text)
      : path_(testing::TempDir() + "causeway_rules_" + std::to_string(getpid())) {
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Number, IsReadAndWritten) {
  const std::pair<const char*, std::uint64_t> same[] = {
      {"0", 0}, {"1", 1}, {"1023", 1023}, {"1K", 1024}, {"3M", 3U << 20}, {"2048G", 1ULL << 41}};
  for (const auto& [text, number] : same) {
    EXPECT_EQ(number_of(text), number);
    EXPECT_EQ(number_text(number), text);
  }
  EXPECT_EQ(number_of("64k"), 65536U);
  for (const char* const wrong : {"", "K", "-1", "1KB", "1 K", "1.5", "0x10", "17179869184G"}) {
    EXPECT_FALSE(number_of(wrong).has_value()) << wrong;
  }
}

TEST(TuningRules, SayWhatTheyName) {
  const auto rules = rules_of(
      "alltoallv:memory:256K-4M:protocol=direct,lanes=16,chunk=64K,threads=512;"
      "*:network:-1K:ctas=1-16:lane_bytes=4K; ;*:*:7:threads=64 # and no more; *");
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_EQ(rules[0], (TuningRule{Operation::kAlltoallv,
                                  LinkKind::kMemory,
                                  {256 << 10, 4 << 20},
                                  {},
                                  Protocol::kDirect,
                                  16,
                                  std::nullopt,
                                  64 << 10,
                                  512}));
  EXPECT_EQ(rules[1], (TuningRule{std::nullopt,
                                  LinkKind::kNetwork,
                                  {0, 1024},
                                  {1, 16},
                                  std::nullopt,
                                  std::nullopt,
                                  4096,
                                  std::nullopt,
                                  std::nullopt}));
  EXPECT_EQ(rules[2].bytes, (Range{7, 7}));
  EXPECT_FALSE(rules[2].link.has_value());
}

TEST(TuningRules, AreReadAsTheyAreWritten) {
  const std::string text =
      "alltoallv:memory:256K-4M:protocol=direct,lanes=16,lane_bytes=32K,chunk=64K,threads=512\n"
      "*:network:-1000:ctas=1-16:lane_bytes=4K\n"
      "*:self:1G-:protocol=staged\n"
      "*:memory:64M-:protocol=engine\n"
      "*:*:*:ctas=64-:protocol=ll,chunk=0\n"
      "alltoallv:*:7:threads=64\n";
  const TemporaryFile file(text);
  std::vector<TuningRule> rules;
  const Status status = read_rules(file.path(), &rules);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(rules.size(), 6U);
  EXPECT_EQ(rules_text(rules), text);
  for (const DeviceKind device : {DeviceKind::kHost, DeviceKind::kCuda}) {
    const TemporaryFile table("# a whole table\n\n" + rules_text(built_in_rules(device)));
    std::vector<TuningRule> read;
    ASSERT_TRUE(read_rules(table.path(), &read).ok());
    EXPECT_TRUE(std::ranges::equal(read, built_in_rules(device)));
  }
}

TEST(TuningRules, ErrorsSayWhereAndWhatWasExpected) {
  const struct {
    const char* rule;
    const char* part;
    const char* wanted;
  } wrong[] = {
      {"nonsense", "nonsense", "operation:link:bytes[:ctas=range]:key=value"},
      {"*:*:1", "*:*:1", "operation:link:bytes[:ctas=range]:key=value"},
      {"*:*:*:1-2:lanes=1", "*:*:*:1-2:lanes=1", "operation:link:bytes[:ctas=range]:key=value"},
      {"allgather:*:*:lanes=1", "allgather", "* or an operation: alltoallv neighbor sendrecv"},
      {"*:memroy:*:lanes=1", "memroy", "* or a link: self memory network"},
      {"*:*:9-3:lanes=1", "9-3", "a range: N, N-, -N, N-M or *"},
      {"*:*:-:lanes=1", "-", "a range"},
      {"*:*::lanes=1", "", "a range"},
      {"*:*:1KB:lanes=1", "1KB", "a range"},
      {"*:*:*:ctas=x:lanes=1", "x", "a range"},
      {"*:*:*:", "", "a value of a key: protocol lanes lane_bytes chunk threads"},
      {"*:*:*:lane=1", "lane=1", "a value of a key"},
      {"*:*:*:protocol=eager", "eager", "a protocol: ll ll128 staged direct pull engine"},
      {"*:*:*:protocol", "", "a protocol: ll ll128 staged direct pull engine"},
      {"*:*:*:lanes=0", "lanes=0", "lanes from 1 to 64"},
      {"*:*:*:lanes=65", "lanes=65", "lanes from 1 to 64"},
      {"*:*:*:lane_bytes=0", "lane_bytes=0", "lane_bytes from 1 to 1G"},
      {"*:*:*:chunk=2G", "chunk=2G", "chunk from 0 to 1G"},
      {"*:*:*:threads=100", "threads=100", "threads from 64 to 512, a multiple of 64"},
      {"*:*:*:lanes=1,lanes=2", "lanes=2", "the only value of its key"},
      {"*:*:*:protocol=ll,protocol=ll", "protocol=ll", "the only value of its key"},
  };
  for (const auto& [rule, part, wanted] : wrong) {
    std::vector<TuningRule> rules;
    const Status status = parse_rules("here", std::string("*:*:*:lanes=1;") + rule, &rules);
    EXPECT_EQ(status.kind(), ErrorKind::kInfo) << rule;
    const std::string begin =
        std::string("here: in the rule '") + rule + "', '" + part + "' is not " + wanted;
    EXPECT_TRUE(status.message().starts_with(begin)) << status.message() << "\n" << begin;
  }
}

TEST(TuningRules, ErrorsInAFileNameItsLine) {
  const TemporaryFile file("# rules\n\n*:*:*:lanes=1\n*:*:*:lanes=none\n");
  std::vector<TuningRule> rules;
  const Status status = read_rules(file.path(), &rules);
  EXPECT_EQ(status.kind(), ErrorKind::kInfo);
  EXPECT_TRUE(status.message().starts_with(file.path() + ":4: in the rule")) << status.message();
  // Another would never come to its end.
  const std::string pipe = file.path() + ".pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const std::pair<std::string, const char*> others[] = {{"/no/such/file", "' cannot be read"},
                                                        {"/", "' is not a regular file"},
                                                        {pipe, "' is not a regular file"}};
  for (const auto& [path, why] : others) {
    const Status unread = read_rules(path, &rules);
    EXPECT_EQ(unread.kind(), ErrorKind::kInfo);
    EXPECT_NE(unread.message().find("'" + path + why), std::string::npos) << unread.message();
  }
  unlink(pipe.c_str());
}

}  // namespace
}  // namespace causeway
