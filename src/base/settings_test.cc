#include "base/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace codeapi {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Environment = std::map<std::string, std::string, std::less<>>;

Result<Settings> Load(const Environment& environment) {
  std::vector<std::string> names;
  for (const auto& [name, value] : environment) names.push_back(name);
  return Settings::Load(
      [&](std::string_view name) -> std::optional<std::string> {
        const auto found = environment.find(name);
        if (found == environment.end()) return std::nullopt;
        return found->second;
      },
      names);
}

std::string ErrorOf(const Environment& environment) {
  const auto settings = Load(environment);
  if (settings) return "no error";
  EXPECT_EQ(settings.error().code, ErrorCode::kInvalid);
  return settings.error().message;
}

/// The line of Describe() that begins with `name`, with runs of spaces made one.
std::string LineOf(const Settings& settings, std::string_view name) {
  const std::string all = settings.Describe();
  std::string line;
  for (std::size_t start = 0; start < all.size();) {
    const std::size_t end = all.find('\n', start);
    if (all.compare(start, name.size() + 1, std::string(name) + ' ') == 0) {
      for (const char c : all.substr(start, end - start)) {
        if (c != ' ' || !line.ends_with(' ')) line += c;
      }
    }
    start = end + 1;
  }
  return line;
}

TEST(Settings, AnEmptyEnvironmentGivesTheDefaults) {
  const Settings s = Load({}).value();
  EXPECT_EQ(s.service_port, 3112);
  EXPECT_EQ(s.host, "127.0.0.1");
  EXPECT_EQ(s.http_json_limit, 52'428'800);
  EXPECT_EQ(s.queue_max, 256);
  EXPECT_EQ(s.max_concurrent_jobs, 8);
  EXPECT_EQ(s.pool_size, 4);
  EXPECT_EQ(s.job_timeout, milliseconds(300'000));
  EXPECT_EQ(s.run_timeout, milliseconds(30'000));
  EXPECT_EQ(s.run_cpu_time, milliseconds(0));
  EXPECT_EQ(s.run_memory_limit, 536'870'912);
  EXPECT_EQ(s.compile_timeout, milliseconds(30'000));
  EXPECT_EQ(s.compile_cpu_time, milliseconds(0));
  EXPECT_EQ(s.compile_memory_limit, 1'073'741'824);
  EXPECT_EQ(s.workspace_bytes, 536'870'912);
  EXPECT_EQ(s.workspace_inodes, 20'000);
  EXPECT_EQ(s.output_max_size, 65'536);
  EXPECT_EQ(s.max_process_count, 128);
  EXPECT_EQ(s.max_open_files, 2048);
  EXPECT_EQ(s.rlimit_fsize, 104'857'600);
  EXPECT_EQ(s.max_file_size, 10'000'000);
  EXPECT_EQ(s.max_output_files, 50);
  EXPECT_EQ(s.max_input_files, 256);
  EXPECT_EQ(s.max_nesting_depth, 10);
  EXPECT_EQ(s.max_path_length, 256);
  EXPECT_EQ(s.sandbox_uid_base, 200'000U);
  EXPECT_EQ(s.root, "");
  EXPECT_EQ(s.sandbox_cpu_hundredths, 0);
  EXPECT_EQ(s.sandbox_cpu_weight, 100);
  EXPECT_EQ(s.cgroup, CgroupMode::kAuto);
  EXPECT_EQ(s.root_sharing, RootSharing::kShared);
  EXPECT_EQ(s.log_level, LogLevel::kInfo);
  EXPECT_EQ(s.file_ttl, milliseconds(86'400'000));
  EXPECT_EQ(s.shutdown_grace, milliseconds(10'000));
  EXPECT_EQ(s.health_max_age, milliseconds(60'000));
  EXPECT_EQ(s.threads, 0);
  EXPECT_EQ(s.local_mode, LocalMode::kAuto);
  EXPECT_FALSE(s.hardened_sandbox_mode);
  EXPECT_EQ(s.data_dir, "");
  EXPECT_EQ(s.libexec_dir, "");
  EXPECT_THAT(s.output_extensions, IsEmpty());
  EXPECT_THAT(s.warnings, IsEmpty());
}

TEST(Settings, EveryKindIsRead) {
  const Settings s = Load({{"SERVICE_PORT", "8080"},
                           {"CODEAPI_HOST", "::1"},
                           {"CODEAPI_HTTP_JSON_LIMIT", "1mb"},
                           {"SANDBOX_RLIMIT_FSIZE", "10"},
                           {"SANDBOX_RUN_TIMEOUT", "2s"},
                           {"LOCAL_MODE", "off"},
                           {"LOG_LEVEL", "DEBUG"},
                           {"CODEAPI_CGROUP", "v1"},
                           {"CODEAPI_ROOT_SHARING", "private"},
                           {"CODEAPI_SANDBOX_CPUS", "1.5"},
                           {"CODEAPI_DATA_DIR", "/srv/my data"},
                           {"CODEAPI_ROOT", "/srv/root"},
                           {"SANDBOX_MAX_PROCESS_COUNT", "64"},
                           {"CODEAPI_SANDBOX_UID_BASE", "300000"},
                           {"CODEAPI_OUTPUT_EXTENSIONS", ".md,PARQUET"}})
                         .value();
  EXPECT_EQ(s.service_port, 8080);
  EXPECT_EQ(s.host, "::1");
  EXPECT_EQ(s.http_json_limit, 1'048'576);
  EXPECT_EQ(s.rlimit_fsize, 10'485'760);
  EXPECT_EQ(s.run_timeout, milliseconds(2000));
  EXPECT_EQ(s.local_mode, LocalMode::kOff);
  EXPECT_EQ(s.log_level, LogLevel::kDebug);
  EXPECT_EQ(s.cgroup, CgroupMode::kV1);
  EXPECT_EQ(s.root_sharing, RootSharing::kPrivate);
  EXPECT_EQ(s.sandbox_cpu_hundredths, 150);
  EXPECT_EQ(s.data_dir, "/srv/my data");
  EXPECT_EQ(s.root, "/srv/root");
  EXPECT_EQ(s.max_process_count, 64);
  EXPECT_EQ(s.sandbox_uid_base, 300'000U);
  EXPECT_THAT(s.output_extensions, ElementsAre("md", "parquet"));
  EXPECT_THAT(s.warnings, IsEmpty());
}

TEST(Settings, AnEmptyVariableIsNotSet) {
  const Settings s = Load({{"SERVICE_PORT", ""}, {"LOCAL_MODE", ""}, {"JOB_TIMEOUT", ""}}).value();
  EXPECT_EQ(s.service_port, 3112);
  EXPECT_EQ(LineOf(s, "SERVICE_PORT"), "SERVICE_PORT 3112 default");
}

TEST(Settings, AnAliasIsReadAndNamedAsTheSource) {
  const Settings s = Load({{"SANDBOX_JOB_UID_BASE", "100000"}, {"CODEAPI_LOG_LEVEL", "warn"}}).value();
  EXPECT_EQ(s.sandbox_uid_base, 100'000U);
  EXPECT_EQ(s.log_level, LogLevel::kWarn);
  EXPECT_EQ(LineOf(s, "CODEAPI_SANDBOX_UID_BASE"), "CODEAPI_SANDBOX_UID_BASE 100000 SANDBOX_JOB_UID_BASE");
  EXPECT_EQ(LineOf(s, "LOG_LEVEL"), "LOG_LEVEL warn CODEAPI_LOG_LEVEL");
}

TEST(Settings, TheMainNameWinsOverItsAliasAndSaysSo) {
  const Settings s = Load({{"LOG_LEVEL", "error"}, {"CODEAPI_LOG_LEVEL", "trace"}}).value();
  EXPECT_EQ(s.log_level, LogLevel::kError);
  EXPECT_THAT(s.warnings, ElementsAre("CODEAPI_LOG_LEVEL is ignored: LOG_LEVEL is set too"));
  EXPECT_THAT(Load({{"LOG_LEVEL", "error"}, {"CODEAPI_LOG_LEVEL", "error"}})->warnings, IsEmpty());
}

TEST(Settings, LogLevelsOfOtherLoggersAreUnderstood) {
  const std::pair<const char*, LogLevel> words[] = {
      {"silly", LogLevel::kTrace},  {"verbose", LogLevel::kDebug}, {"http", LogLevel::kInfo},
      {"warning", LogLevel::kWarn}, {"FATAL", LogLevel::kError},   {"silent", LogLevel::kOff}};
  for (const auto& [word, level] : words) EXPECT_EQ(Load({{"LOG_LEVEL", word}})->log_level, level) << word;
}

TEST(Settings, NothingOrLessMeansTheDefaultWhereTheReferenceHasItSo) {
  EXPECT_EQ(Load({{"SANDBOX_RUN_MEMORY_LIMIT", "-1"}})->run_memory_limit, 536'870'912);
  EXPECT_EQ(Load({{"SANDBOX_RUN_MEMORY_LIMIT", "0"}})->run_memory_limit, 536'870'912);
  EXPECT_EQ(Load({{"SANDBOX_RUN_TIMEOUT", "0"}})->run_timeout, milliseconds(30'000));
  EXPECT_EQ(Load({{"SANDBOX_COMPILE_TIMEOUT", "5s"}})->compile_timeout, milliseconds(5'000));
  EXPECT_EQ(Load({{"SANDBOX_COMPILE_TIMEOUT", "0"}})->compile_timeout, milliseconds(30'000));
  EXPECT_EQ(Load({{"SANDBOX_COMPILE_MEMORY_LIMIT", "-1"}})->compile_memory_limit, 1'073'741'824);
}

TEST(Settings, ABadValueNamesTheVariableTheValueAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf({{"SERVICE_PORT", "http"}}),
            "SERVICE_PORT=\"http\" is not a whole number; allowed: 1 to 65535");
  EXPECT_EQ(ErrorOf({{"SERVICE_PORT", "65536"}}),
            "SERVICE_PORT=\"65536\" is out of range; allowed: 1 to 65535");
  EXPECT_EQ(ErrorOf({{"SERVICE_PORT", "0"}}), "SERVICE_PORT=\"0\" is out of range; allowed: 1 to 65535");
  EXPECT_EQ(ErrorOf({{"LOCAL_MODE", "maybe"}}),
            "LOCAL_MODE=\"maybe\" is not known; allowed: auto, true or false");
  EXPECT_EQ(ErrorOf({{"SANDBOX_OUTPUT_MAX_SIZE", "abc"}}),
            "SANDBOX_OUTPUT_MAX_SIZE=\"abc\" is not a whole number; allowed: 1 to 1GiB");
  EXPECT_EQ(ErrorOf({{"CODEAPI_HTTP_JSON_LIMIT", "50xb"}}),
            "CODEAPI_HTTP_JSON_LIMIT=\"50xb\" has an unknown unit; allowed: 1KiB to 1GiB");
  EXPECT_EQ(ErrorOf({{"JOB_TIMEOUT", "50"}}), "JOB_TIMEOUT=\"50\" is out of range; allowed: 100ms to 1d");
  EXPECT_EQ(ErrorOf({{"CODEAPI_CGROUP", "v3"}}),
            "CODEAPI_CGROUP=\"v3\" is not known; allowed: auto, v1, v2 or none");
  EXPECT_EQ(ErrorOf({{"CODEAPI_ROOT", "hosts"}}),
            "CODEAPI_ROOT=\"hosts\" is not an absolute path; allowed: host or an absolute path");
  EXPECT_EQ(ErrorOf({{"CODEAPI_DATA_DIR", "data"}}),
            "CODEAPI_DATA_DIR=\"data\" is not an absolute path; allowed: an absolute path");
  EXPECT_EQ(ErrorOf({{"CODEAPI_SANDBOX_CPUS", "lots"}}),
            "CODEAPI_SANDBOX_CPUS=\"lots\" is not a number with at most two decimals; allowed: 0 to 1024");
  EXPECT_EQ(ErrorOf({{"LOG_LEVEL", "loud"}}),
            "LOG_LEVEL=\"loud\" is not known; allowed: trace, debug, info, warn, error or off");
  EXPECT_EQ(ErrorOf({{"CODEAPI_OUTPUT_EXTENSIONS", "../x"}}),
            "CODEAPI_OUTPUT_EXTENSIONS=\"../x\" has an item that is no file extension; allowed: file name "
            "extensions separated by commas, or *");
}

TEST(Settings, ABadAliasIsNamedItself) {
  EXPECT_THAT(ErrorOf({{"SANDBOX_JOB_UID_BASE", "1000"}}),
              HasSubstr("SANDBOX_JOB_UID_BASE=\"1000\" is out of range; allowed: 65536 to "));
}

TEST(Settings, AllErrorsComeAtOnceOnePerLine) {
  const std::string message =
      ErrorOf({{"SERVICE_PORT", "x"}, {"LOCAL_MODE", "x"}, {"CODEAPI_QUEUE_MAX", "0"}});
  EXPECT_EQ(std::ranges::count(message, '\n'), 2);
  EXPECT_THAT(message, HasSubstr("SERVICE_PORT="));
  EXPECT_THAT(message, HasSubstr("LOCAL_MODE="));
  EXPECT_THAT(message, HasSubstr("CODEAPI_QUEUE_MAX="));
}

TEST(Settings, ALongOrBinaryValueIsShownShortAndAsText) {
  const std::string message =
      ErrorOf({{"SERVICE_PORT", std::string(99, '1') + "é" + std::string(5000, '1')}});
  EXPECT_THAT(message, HasSubstr(std::string(99, '1') + "…\""));
  EXPECT_LT(message.size(), 250U);
  EXPECT_THAT(ErrorOf({{"SERVICE_PORT", "\xff"}}), HasSubstr("\"\xEF\xBF\xBD\""));
}

TEST(Settings, TextIsBounded) {
  EXPECT_THAT(ErrorOf({{"CODEAPI_DATA_DIR", "/" + std::string(4000, 'a')}}), HasSubstr("is too long"));
  EXPECT_THAT(ErrorOf({{"CODEAPI_DATA_DIR", "/a\nb"}}), HasSubstr("has a control character"));
  EXPECT_THAT(ErrorOf({{"CODEAPI_HOST", "local host"}}), HasSubstr("has a space"));
  EXPECT_THAT(ErrorOf({{"CODEAPI_HOST", std::string(256, 'a')}}), HasSubstr("is too long"));
  EXPECT_EQ(Load({{"CODEAPI_DATA_DIR",
                   "/donn\xC3\xA9"
                   "es"}})
                ->data_dir,
            "/donn\xC3\xA9"
            "es");
}

TEST(Settings, AnUnknownNameIsAWarningWithTheNearestOne) {
  EXPECT_THAT(Load({{"CODEAPI_QUEUEMAX", "9"}})->warnings,
              ElementsAre("CODEAPI_QUEUEMAX is not a setting; did you mean CODEAPI_QUEUE_MAX?"));
  EXPECT_THAT(
      Load({{"CODEAPI_SANDBOX_RUN_TIMOUT", "9"}})->warnings,
      ElementsAre("CODEAPI_SANDBOX_RUN_TIMOUT is not a setting; did you mean CODEAPI_SANDBOX_RUN_TIMEOUT?"));
}

TEST(Settings, NamesThatAreNotOursAreNoBusinessOfOurs) {
  const Settings s = Load({{"PATH", "/bin"},
                           {"CODEAP_HOST", "x"},
                           {"CODEAPI_API_SERVICE_HOST", "10.0.0.1"},
                           {"CODEAPI_SERVICE_HOST", "10.0.0.1"},
                           {"CODEAPI_SERVICE_PORT", "3112"},
                           {"CODEAPI_API_SERVICE_PORT_HTTP", "3112"},
                           {"CODEAPI_PORT", "tcp://10.0.0.1:3112"},
                           {"CODEAPI_API_PORT_3112_TCP_ADDR", "10.0.0.1"},
                           {"CODEAPI_JWT_PRIVATE_KEY", "-----BEGIN"},
                           {"CODEAPI_EGRESS_GATEWAY_AUTOSTART", "s"}})
                         .value();
  EXPECT_THAT(s.warnings, IsEmpty());
  EXPECT_EQ(s.service_port, 3112);
}

TEST(Settings, APortInTheObviousButWrongVariableIsPointedOut) {
  EXPECT_THAT(Load({{"CODEAPI_PORT", "8080"}})->warnings,
              ElementsAre("CODEAPI_PORT is not a setting; did you mean SERVICE_PORT?"));
}

TEST(Settings, AnAbsurdNameIsCutAndRepeatsAreWarnedOfOnce) {
  const std::string name = "CODEAPI_" + std::string(100'000, 'X');
  const auto settings = Settings::Load([](std::string_view) { return std::nullopt; }, {name, name});
  ASSERT_TRUE(settings);
  ASSERT_EQ(settings->warnings.size(), 1U);
  EXPECT_LT(settings->warnings[0].size(), 300U);
}

TEST(Settings, ARunLongerThanAJobIsAWarning) {
  EXPECT_THAT(Load({{"SANDBOX_RUN_TIMEOUT", "600000"}})->warnings,
              ElementsAre(HasSubstr("SANDBOX_RUN_TIMEOUT is longer than JOB_TIMEOUT")));
}

TEST(Settings, DescribeHasALineForEverySetting) {
  const Settings s = Load({{"CODEAPI_QUEUE_MAX", "7"}, {"SANDBOX_RUN_TIMEOUT", "1500"}}).value();
  EXPECT_EQ(LineOf(s, "CODEAPI_QUEUE_MAX"), "CODEAPI_QUEUE_MAX 7 CODEAPI_QUEUE_MAX");
  EXPECT_EQ(LineOf(s, "SANDBOX_RUN_TIMEOUT"), "SANDBOX_RUN_TIMEOUT 1500ms SANDBOX_RUN_TIMEOUT");
  EXPECT_EQ(LineOf(s, "SANDBOX_RUN_MEMORY_LIMIT"), "SANDBOX_RUN_MEMORY_LIMIT 512MiB default");
  EXPECT_EQ(LineOf(s, "CODEAPI_DATA_DIR"), "CODEAPI_DATA_DIR default");
  EXPECT_TRUE(s.Describe().ends_with("\n"));
  EXPECT_THAT(s.Describe(), Not(HasSubstr("\n\n")));
}

TEST(Settings, DescribeWorksOnSettingsThatWereNeverLoaded) {
  EXPECT_EQ(LineOf(Settings{}, "SERVICE_PORT"), "SERVICE_PORT 3112 default");
}

}  // namespace
}  // namespace codeapi
