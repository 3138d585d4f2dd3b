#include "packages/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <latch>

#include "packages/files.h"
#include "packages/testing.h"

namespace codeapi {
namespace {

using std::chrono::milliseconds;

constexpr LeaseTimes kQuick{milliseconds(10), milliseconds(200), milliseconds(5)};
// Nothing in these tests waits for it.
constexpr LeaseTimes kNeverStale{milliseconds(10), std::chrono::hours(1), milliseconds(5)};

std::unique_ptr<BuildLease> Take(const std::string& path, const LeaseTimes& times) {
  auto lease = BuildLease::Acquire(path, times, {});
  EXPECT_TRUE(lease) << lease.error().message;
  return lease ? std::move(*lease) : nullptr;
}

TEST(BuildLease, IsAFileAsLongAsItIsHeld) {
  const testing::PackagesDir dir;
  {
    const auto lease = Take(dir / "lease", kNeverStale);
    EXPECT_TRUE(lease->held());
    EXPECT_EQ(ParseLease(ReadWholeFile(dir / "lease").value()).pid, ::getpid());
  }
  EXPECT_FALSE(std::filesystem::exists(dir / "lease"));
}

TEST(BuildLease, TheSecondWaitsForTheFirst) {
  const testing::PackagesDir dir;
  auto first = Take(dir / "lease", kNeverStale);
  std::latch waiting(1);
  std::atomic<bool> told = false, got = false;
  std::thread second([&] {
    const auto lease = BuildLease::Acquire(dir / "lease", kNeverStale, [&](const std::string& holder) {
      if (!told.exchange(true)) {
        EXPECT_NE(holder.find(std::to_string(::getpid())), holder.npos);
        waiting.count_down();
      }
    });
    got = lease.has_value();
  });
  waiting.wait();
  EXPECT_FALSE(got);
  EXPECT_TRUE(first->held());
  first.reset();
  second.join();
  EXPECT_TRUE(got);
}

TEST(BuildLease, OfADeadProcessIsTakenOverAtOnce) {
  const testing::PackagesDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    auto lease = BuildLease::Acquire(dir / "lease", kNeverStale, {});
    ::_exit(lease ? 0 : 1);  // without giving it back
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  ASSERT_TRUE(std::filesystem::exists(dir / "lease"));
  EXPECT_TRUE(Take(dir / "lease", kNeverStale)->held());
}

TEST(BuildLease, OfAnotherMachineIsTakenOverWhenItsHeartStops) {
  const testing::PackagesDir dir;
  ReplaceFile(dir / "lease", FormatLease({"elsewhere/boot/pid:[1]", 1, "1", "nonce"})).value();
  EXPECT_TRUE(Take(dir / "lease", kQuick)->held());
}

TEST(BuildLease, NonsenseIsTakenOverWhenNobodyRewritesIt) {
  const testing::PackagesDir dir;
  ReplaceFile(dir / "lease", "").value();
  EXPECT_TRUE(Take(dir / "lease", kQuick)->held());
}

TEST(BuildLease, WhoeverLostItDoesNotRemoveTheNewHolders) {
  const testing::PackagesDir dir;
  auto first = Take(dir / "lease", kNeverStale);
  const std::string other = FormatLease({"elsewhere/boot/pid:[1]", 1, "1", "nonce"});
  ReplaceFile(dir / "lease", other).value();
  EXPECT_FALSE(first->held());
  first.reset();
  EXPECT_EQ(ReadWholeFile(dir / "lease").value(), other);
}

TEST(BuildLease, AProcessIdThatIsUsedAgainIsNotItsHolder) {
  LeaseHolder holder = ThisProcess();
  EXPECT_FALSE(IsGone(holder));
  holder.started = "1";
  EXPECT_TRUE(IsGone(holder));
  holder.host = "elsewhere/boot/pid:[1]";
  EXPECT_FALSE(IsGone(holder));
}

TEST(BuildLease, CannotBeTakenWhereNothingCanBeWritten) {
  const testing::PackagesDir dir;
  EXPECT_FALSE(BuildLease::Acquire(dir / "none/lease", kNeverStale, {}));
}

}  // namespace
}  // namespace codeapi
