#include "packages/debian_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace codeapi {
namespace {

using ::testing::HasSubstr;

TEST(DebianSources, ChoosesTheMirrorsOfThisMachinesOwnRelease) {
  const auto mirrors = ChooseMirrors(
      "https://other.example/apt nodistro\nhttp://mirror.example/debian/ bookworm\n"
      "http://second.example/debian bookworm\nhttp://mirror.example/debian bookworm-updates\n"
      "http://mirror.example/debian-security/ bookworm-security\n",
      "bookworm");
  ASSERT_TRUE(mirrors) << mirrors.error().message;
  EXPECT_EQ(mirrors->archive, "http://mirror.example/debian");
  EXPECT_EQ(mirrors->security, "http://mirror.example/debian-security");
}

TEST(DebianSources, AMachineWithoutDebianIsToldWhatToSet) {
  for (const char* targets : {"", "http://archive.example/ubuntu jammy\n", "cdrom:[x] bookworm\n"}) {
    const auto mirrors = ChooseMirrors(targets, "bookworm");
    ASSERT_FALSE(mirrors);
    EXPECT_THAT(mirrors.error().message, HasSubstr("CODEAPI_DEBIAN_MIRROR"));
  }
}

TEST(DebianSources, EveryLineNamesTheKeysThatItIsVerifiedWith) {
  EXPECT_EQ(
      MakeSourcesList({"http://m/debian", "http://m/security", "/k.gpg"}, "trixie", {"main", "contrib"}),
      "deb [signed-by=/k.gpg] http://m/debian trixie main contrib\n"
      "deb [signed-by=/k.gpg] http://m/debian trixie-updates main contrib\n"
      "deb [signed-by=/k.gpg] http://m/security trixie-security main contrib\n");
  EXPECT_EQ(MakeSourcesList({"http://m/debian", "", "/k.gpg"}, "sid", {"main"}),
            "deb [signed-by=/k.gpg] http://m/debian sid main\n");
}

TEST(DebianSources, OnlyHowMirrorsAreReachedIsTakenFromTheMachine) {
  EXPECT_EQ(
      NetworkSettings("APT \"\";\nAPT::Architecture \"amd64\";\nAcquire::http \"\";\n"
                      "Acquire::http::Proxy \"http://proxy:1\";\nAPT::Update::Post-Invoke:: \"rm -f x\";\n"
                      "Dir::Etc::netrc \"auth.conf\";\nDir::Etc::netrcparts \"/x\";\n"),
      "Acquire::http::Proxy \"http://proxy:1\";\nDir::Etc::netrc \"/etc/apt/auth.conf\";\n"
      "Dir::Etc::netrcparts \"/x\";\n");
}

}  // namespace
}  // namespace codeapi
