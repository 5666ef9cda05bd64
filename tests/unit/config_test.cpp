// Settings: where values come from, what they may be, and how errors read.
#include <config.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

namespace causeway {
namespace {

using Values = std::map<std::string, std::string>;

Lookup from(const Values& values) {
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

Status load(const Values& info, const Values& environment, Config* config) {
  return load_config(from(info), from(environment), config);
}

TEST(Config, HasDefaultsThatParse) {
  Config config;
  const Status status = load({}, {}, &config);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_FALSE(config.lanes.has_value());
  EXPECT_EQ(config.timeout_seconds, 1800U);
  EXPECT_FALSE(config.ring_bytes.has_value());
  EXPECT_FALSE(config.spins.has_value());
}

TEST(Config, InfoWinsOverTheEnvironment) {
  Config config;
  ASSERT_TRUE(load({{"causeway_lanes", "3"}},
                   {{"CAUSEWAY_LANES", "5"}, {"CAUSEWAY_RING_BYTES", "64k"}}, &config)
                  .ok());
  EXPECT_EQ(config.lanes, 3U);
  EXPECT_EQ(config.ring_bytes, 65536U);
}

TEST(Config, RoundsWhatItSaysItRounds) {
  Config config;
  ASSERT_TRUE(
      load({}, {{"CAUSEWAY_RING_BYTES", "5000"}, {"CAUSEWAY_START_COUNT", "31"}}, &config).ok());
  EXPECT_EQ(config.ring_bytes, 8192U);
  EXPECT_EQ(config.start_count, 16U);
}

TEST(Config, RefusesWhatASettingCannotTake) {
  const std::pair<const char*, const char*> wrong[] = {
      {"CAUSEWAY_RING_BYTES", "nonsense"},
      {"CAUSEWAY_RING_BYTES", "-1"},
      {"CAUSEWAY_RING_BYTES", "100"},
      {"CAUSEWAY_RING_BYTES", "64KB"},
      {"CAUSEWAY_LANES", "0"},
      {"CAUSEWAY_LANES", "65"},
      {"CAUSEWAY_TIMEOUT", "1.5"},
      {"CAUSEWAY_TIMEOUT", "99999999999999999999"},
      {"CAUSEWAY_SPINS", "17179869184G"},
      {"CAUSEWAY_LOG", "loud"},
  };
  for (const auto& [name, value] : wrong) {
    Config config;
    const Status status = load({}, {{name, value}}, &config);
    EXPECT_EQ(status.kind(), ErrorKind::kInfo) << name << "=" << value;
    EXPECT_NE(status.message().find(std::string(name) + " = '" + value + "'"), std::string::npos)
        << status.message();
  }
}

TEST(Config, TheReadmeListsEverySettingAsItIs) {
  std::ifstream file(CAUSEWAY_README);
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  for (const Setting& setting : settings()) {
    const std::string row = std::string("| `") + setting.name + "` | " + setting.default_value +
                            " | " + setting.help + " |";
    EXPECT_NE(readme.find(row), std::string::npos) << "README.md lacks the row:\n" << row;
  }
}

TEST(Config, EverySettingIsDocumentedAndItsDefaultParses) {
  for (const Setting& setting : settings()) {
    Config config;
    EXPECT_TRUE(setting.parse(setting, setting.default_value, &config).ok()) << setting.name;
    EXPECT_TRUE(std::string(setting.name).starts_with("CAUSEWAY_"));
    EXPECT_TRUE(info_key(setting).starts_with("causeway_"));
    EXPECT_GT(std::string(setting.help).size(), 10U);
  }
}

}  // namespace
}  // namespace causeway
