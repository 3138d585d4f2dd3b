#include "packages/subprocess.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "packages/add_ons.h"
#include "packages/files.h"

namespace codeapi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Subprocess, ReturnsWhatWasPrintedAndGivesItLineByLine) {
  std::vector<std::string> lines, states;
  const auto printed = RunProgram(
      {.argv = {"sh", "-c", "echo out; echo err >&2; printf 'a\\rb'; echo state >&3; echo $WORD; pwd"},
       .directory = "/usr",
       .environment = {{"WORD", "x y"}},
       .on_line = [&](std::string_view line) { lines.emplace_back(line); },
       .on_status = [&](std::string_view line) { states.emplace_back(line); }});
  ASSERT_TRUE(printed) << printed.error().message;
  EXPECT_EQ(*printed, "out\nerr\na\rbx y\n/usr\n");
  EXPECT_THAT(lines, ElementsAre("out", "err", "a", "bx y", "/usr"));
  EXPECT_THAT(states, ElementsAre("state"));
}

TEST(Subprocess, AFailureIsToldWithItsLastLines) {
  const auto failed = RunProgram({.argv = {"sh", "-c", "seq 1000; echo the reason; exit 3"}});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("sh failed with status 3"));
  EXPECT_THAT(failed.error().message, HasSubstr("the reason"));
  EXPECT_THAT(failed.error().message, ::testing::Not(HasSubstr("\n500\n")));
  const auto killed = RunProgram({.argv = {"sh", "-c", "kill -KILL $$"}});
  ASSERT_FALSE(killed);
  EXPECT_THAT(killed.error().message, HasSubstr("signal 9"));
}

TEST(Subprocess, AProgramThatIsNotThereIsNamed) {
  const auto missing = RunProgram({.argv = {"codeapi-no-such-program"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(HaveProgram("codeapi-no-such-program"));
  EXPECT_TRUE(HaveProgram("sh"));
}

TEST(Subprocess, HasNothingOnItsInputAndNoDescriptorOfOurs) {
  // ls looks at itself: a shell that sets up a pipeline has descriptors of its own for a moment. 3 is
  // kStatusFd, 4 the directory.
  const auto printed = RunProgram({.argv = {"sh", "-c", "cat; exec ls -v /proc/self/fd"}});
  ASSERT_TRUE(printed) << printed.error().message;
  EXPECT_EQ(*printed, "0\n1\n2\n3\n4\n");
}

TEST(Subprocess, DiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::close(ends[0]);
    const std::string fd = std::to_string(ends[1]);
    static_cast<void>(
        RunProgram({.argv = {"sh", "-c", "echo $$; exec sleep 600"}, .on_line = [&](std::string_view line) {
                      if (::write(ends[1], line.data(), line.size()) < 0) ::_exit(1);
                      ::raise(SIGKILL);
                    }}));
    ::_exit(1);
  }
  ::close(ends[1]);
  char text[32] = {};
  ASSERT_GT(::read(ends[0], text, sizeof text - 1), 0);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  const long program = std::atol(text);
  const auto gone = [&] {
    const auto stat = ReadWholeFile(fmt::format("/proc/{}/stat", program));
    return !stat || stat->find(") Z ") != stat->npos;  // nobody may have waited for it yet
  };
  for (int i = 0; i < 2000 && !gone(); ++i) ::usleep(10'000);
  EXPECT_TRUE(gone());
  ::close(ends[0]);
}

TEST(Pattern, AStarIsAnyPartOfOneName) {
  EXPECT_TRUE(MatchesPattern("@oven/bun-linux-*/bin/bun", "@oven/bun-linux-x64-baseline/bin/bun"));
  EXPECT_TRUE(MatchesPattern("*", ""));
  EXPECT_TRUE(MatchesPattern("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(MatchesPattern("a/*/c", "a/b/b/c"));
  EXPECT_FALSE(MatchesPattern("a*", "b"));
  EXPECT_FALSE(MatchesPattern("a", "ab"));
}

}  // namespace
}  // namespace codeapi
