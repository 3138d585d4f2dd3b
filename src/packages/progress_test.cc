#include "packages/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace codeapi {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Shown {
  std::string text;
  Progress::Clock::time_point now{};

  Progress Make(bool terminal) {
    return Progress(
        {{"one", 1}, {"two", 3}}, terminal, [this](std::string_view t) { text += t; },
        [this] { return now; });
  }
};

TEST(Progress, SaysEachStepOnALineOfItsOwn) {
  Shown shown;
  Progress progress = shown.Make(false);
  progress.Step();
  shown.now += std::chrono::seconds(10);
  progress.Step();
  EXPECT_EQ(shown.text, "package-init: [1/2] one: 0%\npackage-init: [2/2] two: 25%, about 0:30 left\n");
}

TEST(Progress, IsNotChattyWithoutATerminal) {
  Shown shown;
  Progress progress = shown.Make(false);
  progress.Step();
  shown.text.clear();
  for (int i = 0; i < 100; ++i) progress.Update(0.01 * i, "x");
  EXPECT_EQ(shown.text, "");
  shown.now += std::chrono::seconds(6);
  progress.Update(0.5, "x");
  EXPECT_THAT(shown.text, HasSubstr("one: 24%"));
}

TEST(Progress, NeverGoesBack) {
  Shown shown;
  Progress progress = shown.Make(false);
  progress.Step();
  progress.Update(2);
  shown.now += std::chrono::seconds(6);
  progress.Update(-1);
  EXPECT_THAT(shown.text, HasSubstr("one: 25%"));
}

TEST(Progress, RewritesOneLineOnATerminal) {
  Shown shown;
  Progress progress = shown.Make(true);
  progress.Step();
  EXPECT_THAT(shown.text, HasSubstr("\r\033[K[....."));
  EXPECT_THAT(shown.text, Not(HasSubstr("\n")));
  progress.Say("a warning");
  EXPECT_THAT(shown.text, HasSubstr("\r\033[Kpackage-init: a warning\n"));
  progress.Finish();
}

}  // namespace
}  // namespace codeapi
