// Settings: where values come from, what they may be, and how errors read.
#include <config.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

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

/// Of what a config has already, by value and not by spelling, there is nothing to say.
TEST(Config, FindsTheValuesThatDiffer) {
  Config config;
  ASSERT_TRUE(load({{"causeway_ring_bytes", "64K"}}, {{"CAUSEWAY_LANES", "3"}}, &config).ok());
  std::vector<Difference> differences;
  const auto find = [&](const Values& info) {
    return find_differences(from(info), config, &differences);
  };
  ASSERT_TRUE(find({}).ok());
  EXPECT_TRUE(differences.empty());
  ASSERT_TRUE(find({{"causeway_ring_bytes", "65535"},
                    {"causeway_lanes", "3"},
                    {"causeway_spins", "auto"},
                    {"causeway_tune", "none"}})
                  .ok());
  EXPECT_TRUE(differences.empty());
  ASSERT_TRUE(find({{"causeway_ring_bytes", "128K"},
                    {"causeway_lanes", "auto"},
                    {"causeway_timeout", "5"},
                    {"causeway_tune", "*:*:*:lanes=2"}})
                  .ok());
  std::string text;
  for (const auto& [key, value, asked] : differences) {
    text.append(key.substr(9)).append(" ").append(value).append(" ").append(asked).append("\n");
  }
  EXPECT_EQ(text, "ring_bytes 64K 128K\nlanes 3 auto\ntune none *:*:*:lanes=2\ntimeout 1800 5\n");
  EXPECT_EQ(find({{"causeway_lanes", "many"}}).kind(), ErrorKind::kInfo);
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

TEST(Config, RulesOfInfoReplaceThoseOfTheEnvironmentAndGoOnTopOfTheFiles) {
  const std::string path = testing::TempDir() + "causeway_tuning_" + std::to_string(getpid());
  std::ofstream(path) << "*:*:*:lanes=1\n*:*:*:chunk=1K\n";
  const auto written = [&](const Values& info, Values environment) {
    environment["CAUSEWAY_TUNING_FILE"] = path;
    Config config;
    const Status status = load(info, environment, &config);
    EXPECT_TRUE(status.ok()) << status.message();
    return rules_text(config.tuning_rules());
  };
  const std::string of_file = "*:*:*:lanes=1\n*:*:*:chunk=1K\n";
  const Values environment{{"CAUSEWAY_TUNE", "*:*:*:lanes=2"}};
  EXPECT_EQ(written({}, {}), of_file);
  EXPECT_EQ(written({}, environment), of_file + "*:*:*:lanes=2\n");
  EXPECT_EQ(written({{"causeway_tune", "*:*:*:lanes=3"}}, environment),
            of_file + "*:*:*:lanes=3\n");
  EXPECT_EQ(written({{"causeway_tune", "none"}}, environment), of_file);
  EXPECT_EQ(written({{"causeway_tuning_file", "none"}}, environment), "*:*:*:lanes=2\n");
  unlink(path.c_str());
  Config config;
  EXPECT_EQ(load({}, {{"CAUSEWAY_TUNING_FILE", path}}, &config).kind(), ErrorKind::kInfo);
  const Status wrong = load({}, {{"CAUSEWAY_TUNE", "*:*:*:lanes=2;*:*:*"}}, &config);
  EXPECT_TRUE(wrong.message().starts_with("CAUSEWAY_TUNE: in the rule '*:*:*'")) << wrong.message();
}

TEST(Config, NamesTheSettingThatAMisspeltVariableIsNearTo) {
  EXPECT_EQ(nearest_setting("CAUSEWAY_RINGBYTES"), "CAUSEWAY_RING_BYTES");
  EXPECT_EQ(nearest_setting("CAUSEWAY_TIME_OUT"), "CAUSEWAY_TIMEOUT");
  EXPECT_EQ(nearest_setting("CAUSEWAY_LOGLEVEL"), "CAUSEWAY_LOG");
  for (const char* const fine : {"CAUSEWAY_RING_BYTES", "CAUSEWAY_LOG", "CAUSEWAY_TEST_SEED",
                                 "CAUSEWAY_BUILD", "PATH", "causeway_log"}) {
    EXPECT_EQ(nearest_setting(fine), "") << fine;
  }
}

TEST(Config, OfPlansTakesWhatPlansMayHaveOtherwise) {
  PlanSettings settings;
  const Values info{{"causeway_tune", "*:*:*:lanes=3"}, {"causeway_max_ctas", "5"}};
  ASSERT_TRUE(load_plan_settings(from(info), &settings).ok());
  EXPECT_EQ(rules_text(settings.rules), "*:*:*:lanes=3\n");
  EXPECT_EQ(settings.max_ctas, 5U);
  ASSERT_TRUE(load_plan_settings(from({{"causeway_lanes", "nonsense"}}), &settings).ok());
  EXPECT_TRUE(settings.rules.empty());
  EXPECT_FALSE(settings.max_ctas.has_value());
  EXPECT_EQ(load_plan_settings(from({{"causeway_max_ctas", "0"}}), &settings).kind(),
            ErrorKind::kInfo);
  for (const Setting& setting : causeway::settings()) {
    const std::string name = setting.name;
    EXPECT_EQ(setting.of_plans, name.starts_with("CAUSEWAY_TUN") || name == "CAUSEWAY_MAX_CTAS");
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
