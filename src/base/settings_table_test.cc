#include "base/settings_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/settings_convert.h"

namespace codeapi {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SettingsTable, NamesAreUniqueAndWellFormed) {
  std::set<std::string_view> seen;
  for (const SettingInfo& row : SettingsTable()) {
    for (const std::string_view name : {row.name, row.alias}) {
      if (name.empty()) continue;
      EXPECT_TRUE(seen.insert(name).second) << name;
      EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), name.npos) << name;
      if (name.starts_with("CODEAPI_")) EXPECT_FALSE(IsForeignName(name)) << name;
    }
    EXPECT_FALSE(row.name.empty());
    EXPECT_TRUE(row.name.starts_with("CODEAPI_") || row.alias.empty() || row.alias.starts_with("CODEAPI_") ||
                row.alias.starts_with("AWS_"))
        << row.name;
  }
}

TEST(SettingsTable, EveryRowHasAMeaningRolesAndSomethingAllowed) {
  for (const SettingInfo& row : SettingsTable()) {
    EXPECT_FALSE(row.meaning.empty()) << row.name;
    EXPECT_FALSE(row.meaning.ends_with('.')) << row.name;
    EXPECT_EQ(row.meaning.find('\n'), row.meaning.npos) << row.name;
    EXPECT_FALSE(RoleNames(row.roles).empty()) << row.name;
    EXPECT_FALSE(AllowedValues(row).empty()) << row.name;
    EXPECT_LE(row.minimum, row.maximum) << row.name;
  }
}

TEST(SettingsTable, NoTwoRowsFillTheSameMember) {
  for (std::size_t i = 0; i < SettingsTable().size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_FALSE(SettingsTable()[i].member == SettingsTable()[j].member)
          << SettingsTable()[i].name << " and " << SettingsTable()[j].name;
    }
  }
}

// A default outside its own range could not be written down by hand, and one that prints wrongly would be
// lied about.
TEST(SettingsTable, EveryDefaultIsAllowedAndReadsBackAsPrinted) {
  const Settings defaults;
  for (const SettingInfo& row : SettingsTable()) {
    std::string text = FormatSetting(row, defaults);
    if (text.empty()) continue;  // an empty variable is not set
    if (row.bare_unit != 1 && text != "0")
      EXPECT_THAT(text, Not(testing::MatchesRegex("[0-9]+"))) << row.name;
    Settings copy;
    const Result<void> done = SetSetting(row, text, copy);
    EXPECT_TRUE(done) << row.name << "=" << text << ": " << done.error().message;
    EXPECT_EQ(FormatSetting(row, copy), text) << row.name;
  }
}

TEST(SettingsTable, BothEndsOfARangeFitTheMember) {
  for (const SettingInfo& row : SettingsTable()) {
    const bool number = row.kind == SettingKind::kInteger || row.kind == SettingKind::kSize ||
                        row.kind == SettingKind::kDuration || row.kind == SettingKind::kHundredths;
    if (!number) continue;
    const std::string allowed = AllowedValues(row);
    const std::size_t to = allowed.find(" to ");
    ASSERT_NE(to, allowed.npos) << row.name;
    for (const std::string& end : {allowed.substr(0, to), allowed.substr(to + 4)}) {
      Settings settings;
      ASSERT_TRUE(SetSetting(row, end, settings)) << row.name << "=" << end;
      EXPECT_EQ(FormatSetting(row, settings), end) << row.name;
    }
    Settings settings;
    EXPECT_FALSE(SetSetting(row, "99999999999999999999", settings)) << row.name;
    EXPECT_FALSE(SetSetting(row, std::to_string(INT64_MAX), settings)) << row.name;
  }
}

TEST(SettingsTable, AFailedSetLeavesTheValueAlone) {
  for (const SettingInfo& row : SettingsTable()) {
    Settings settings;
    if (SetSetting(row, "\x01", settings)) ADD_FAILURE() << row.name << " took a control character";
    EXPECT_EQ(FormatSetting(row, settings), FormatSetting(row, Settings{})) << row.name;
  }
}

TEST(SettingsTable, ASecretIsNeverShown) {
  const SettingInfo row{"X_TOKEN", "", SettingKind::kSecret, &Settings::host, kServe, "a secret"};
  Settings settings;
  ASSERT_TRUE(SetSetting(row, "hunter2", settings));
  EXPECT_EQ(settings.host, "hunter2");
  EXPECT_EQ(FormatSetting(row, settings), "****");
  settings.host.clear();
  EXPECT_EQ(FormatSetting(row, settings), "");
  const Result<void> bad = SetSetting(row, "hunter2\n", settings);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, Not(HasSubstr("hunter2")));
}

TEST(SettingsTable, RolesAreNamedInOrder) {
  EXPECT_EQ(RoleNames(0), "");
  EXPECT_EQ(RoleNames(kServe), "serve");
  EXPECT_EQ(RoleNames(kServe | kRun | kDoctor), "serve run doctor");
}

TEST(IsForeignName, KnowsOrchestratorAndClientNamesOnly) {
  EXPECT_TRUE(IsForeignName("CODEAPI_JWT_PRIVATE_KEY"));
  EXPECT_TRUE(IsForeignName("CODEAPI_X_SERVICE_HOST"));
  EXPECT_TRUE(IsForeignName("CODEAPI_X_SERVICE_PORT"));
  EXPECT_TRUE(IsForeignName("CODEAPI_X_SERVICE_PORT_HTTP"));
  EXPECT_TRUE(IsForeignName("CODEAPI_X_PORT_80_TCP"));
  EXPECT_FALSE(IsForeignName("CODEAPI_JWT_PRIVATE_KEYS"));
  EXPECT_FALSE(IsForeignName("CODEAPI_HOST"));
  EXPECT_FALSE(IsForeignName("CODEAPI_SUPPORT"));
}

}  // namespace
}  // namespace codeapi
