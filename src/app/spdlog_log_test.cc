#include "app/spdlog_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <boost/json.hpp>

#include "base/text.h"
#include "base/unique_fd.h"

namespace codeapi {
namespace {

namespace json = boost::json;

// What `write` puts on stderr, by line.
template <typename F>
std::vector<std::string> Lines(LogLevel level, F write) {
  ::testing::internal::CaptureStderr();
  {
    const auto log = MakeStderrLog(level);
    write(*log);
  }
  std::vector<std::string> lines;
  std::string text = ::testing::internal::GetCapturedStderr();
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    EXPECT_NE(end, std::string::npos) << "a line without its end: " << text;
    lines.push_back(text.substr(0, end));
    text.erase(0, end == std::string::npos ? end : end + 1);
  }
  return lines;
}

TEST(SpdlogLog, OneObjectPerEvent) {
  const auto lines = Lines(LogLevel::kInfo, [](Log& log) {
    log.Write(Severity::kInfo, "execution ended", {{"execution", "abc"}, {"code", std::int64_t{-7}}});
    log.Write(Severity::kError, "plain");
  });
  ASSERT_EQ(lines.size(), 2u);
  const json::object first = json::parse(lines[0]).as_object();
  EXPECT_EQ(first.at("level"), "info");
  EXPECT_EQ(first.at("event"), "execution ended");
  EXPECT_EQ(first.at("execution"), "abc");
  EXPECT_EQ(first.at("code"), -7);
  const auto time = std::string(first.at("time").as_string());
  ASSERT_EQ(time.size(), 24u) << time;
  EXPECT_EQ(time[10], 'T');
  EXPECT_EQ(time.back(), 'Z');
  const json::object second = json::parse(lines[1]).as_object();
  EXPECT_EQ(second.at("level"), "error");
  EXPECT_EQ(second.size(), 3u);
}

TEST(SpdlogLog, ValuesCannotForgeAnything) {
  const std::string evil =
      std::string("\",\"level\":\"fake\"}\n{\"event\":\"forged\"}\r\x1b[31m {} {0} %v %n \\") + '\0' + "end";
  const auto lines = Lines(LogLevel::kInfo, [&](Log& log) {
    log.Write(Severity::kWarning, evil, {{"detail", evil}, {evil, "value"}});
  });
  ASSERT_EQ(lines.size(), 1u);
  const json::object event = json::parse(lines[0]).as_object();
  EXPECT_EQ(event.at("level"), "warning");
  EXPECT_EQ(std::string(event.at("event").as_string()), evil);
  EXPECT_EQ(std::string(event.at("detail").as_string()), evil);
  EXPECT_EQ(std::string(event.at(evil).as_string()), "value");
}

TEST(SpdlogLog, BytesThatAreNoTextStayJson) {
  const auto lines =
      Lines(LogLevel::kInfo, [](Log& log) { log.Write(Severity::kInfo, "x", {{"detail", "a\xff\xc3"}}); });
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(IsUtf8(lines[0]));
  EXPECT_EQ(json::parse(lines[0]).at("detail"), "a\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(SpdlogLog, Levels) {
  const std::pair<LogLevel, std::size_t> levels[] = {{LogLevel::kTrace, 4}, {LogLevel::kDebug, 4},
                                                     {LogLevel::kInfo, 3},  {LogLevel::kWarn, 2},
                                                     {LogLevel::kError, 1}, {LogLevel::kOff, 0}};
  for (const auto& [level, count] : levels) {
    const auto lines = Lines(level, [](Log& log) {
      for (const Severity severity :
           {Severity::kDebug, Severity::kInfo, Severity::kWarning, Severity::kError}) {
        log.Write(severity, "x");
      }
    });
    EXPECT_EQ(lines.size(), count);
  }
}

TEST(SpdlogLog, LinesOfManyThreadsStayWhole) {
  const std::string long_text(5000, 'x');
  const auto lines = Lines(LogLevel::kInfo, [&](Log& log) {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 50; ++j) log.Write(Severity::kInfo, "x", {{"detail", long_text}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  ASSERT_EQ(lines.size(), 200u);
  for (const std::string& line : lines) EXPECT_EQ(json::parse(line).at("detail"), long_text.c_str());
}

TEST(SpdlogLog, ReadableLinesAtATerminal) {
  UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  ASSERT_EQ(::grantpt(terminal.get()), 0);
  ASSERT_EQ(::unlockpt(terminal.get()), 0);
  UniqueFd user(::open(::ptsname(terminal.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(user);
  UniqueFd before(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  ASSERT_EQ(::dup2(user.get(), STDERR_FILENO), STDERR_FILENO);
  MakeStderrLog(LogLevel::kInfo)->Write(Severity::kInfo, "ready", {{"detail", "a\n\x1b[31mb"}});
  ::dup2(before.get(), STDERR_FILENO);
  std::string line;
  for (char c = 0; c != '\n' && ::read(terminal.get(), &c, 1) == 1;) line += c;
  EXPECT_NE(line.find(R"(info ready detail="a\n\u001b[31mb")"), std::string::npos) << line;
}

}  // namespace
}  // namespace codeapi
