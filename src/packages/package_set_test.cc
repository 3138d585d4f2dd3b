#include "packages/package_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "packages/testing.h"

namespace codeapi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PackageSet, TakesWhatItIncludesAndSortsIt) {
  const testing::PackagesDir dir;
  dir.Write("base.yaml", "suite: trixie\ndebian: [zip, bash]\nlocales: [en_US.UTF-8]\n");
  dir.Write("more.yaml",
            "include: [base]\ndebian:\n  - bash\n  - g++   # a comment\nnpm: libraries\npypi: [core]\n"
            "programs:\n  - {from: \"runtimes/@oven/bun-linux-*/bin/bun\", to: /usr/bin/bun}\n");
  const auto set = LoadPackageSet(dir.path(), "more");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->profile, "more");
  EXPECT_EQ(set->suite, "trixie");
  EXPECT_THAT(set->components, ElementsAre("main"));
  EXPECT_THAT(set->debian, ElementsAre("bash", "g++", "zip"));
  EXPECT_THAT(set->locales, ElementsAre("en_US.UTF-8"));
  EXPECT_EQ(set->npm, "libraries");
  EXPECT_THAT(set->pypi, ElementsAre("core"));
  ASSERT_EQ(set->programs.size(), 1U);
  EXPECT_EQ(set->programs[0].group, "runtimes");
  EXPECT_EQ(set->programs[0].pattern, "@oven/bun-linux-*/bin/bun");
  EXPECT_EQ(set->programs[0].to, "/usr/bin/bun");
}

TEST(PackageSet, ListsThatIncludeEachOtherAreReadOnce) {
  const testing::PackagesDir dir;
  dir.Write("a.yaml", "suite: trixie\ninclude: [b]\ndebian: [x1]\n");
  dir.Write("b.yaml", "include: [a]\ndebian: [y1]\n");
  EXPECT_THAT(LoadPackageSet(dir.path(), "a").value().debian, ElementsAre("x1", "y1"));
}

TEST(PackageSet, AnUnknownProfileIsAnsweredWithThoseThereAre) {
  const testing::PackagesDir dir;
  dir.Write("core.yaml", "suite: trixie\n");
  dir.Write("part.yaml", "debian: [zip]\n");
  for (const char* name : {"cor", "../core", "", "core.yaml"}) {
    const auto set = LoadPackageSet(dir.path(), name);
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(set.error().message, HasSubstr("there are: core"));
  }
  const auto part = LoadPackageSet(dir.path(), "part");
  ASSERT_FALSE(part);
  EXPECT_THAT(part.error().message, HasSubstr("names no suite"));
  EXPECT_THAT(ListProfiles(dir.path()), ElementsAre("core"));
  EXPECT_THAT(ListProfiles(dir / "none"), IsEmpty());
}

struct Refused {
  const char* text;
  const char* message;
};

class RefusedLists : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedLists, AreNamedWithFileAndLine) {
  const testing::PackagesDir dir;
  dir.Write("p.yaml", std::string("suite: trixie\n") + GetParam().text);
  const auto set = LoadPackageSet(dir.path(), "p");
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(set.error().message, HasSubstr(GetParam().message));
  EXPECT_THAT(set.error().message, HasSubstr("line"));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedLists,
    ::testing::Values(Refused{"debain: [zip]\n", "unknown key \"debain\""},
                      Refused{"debian: [--yes]\n", "\"--yes\" cannot be a name"},
                      Refused{"debian: ['zip unzip']\n", "cannot be a name"},
                      Refused{"debian: ['$(id)']\n", "cannot be a name"},
                      Refused{"debian: zip\n", "is not a list"},
                      Refused{"debian: [[zip]]\n", "is not one word"},
                      Refused{"debian: [zip\n", "end of sequence"},
                      Refused{"programs: [{from: runtimes/../x, to: /usr/bin/x}]\n", "is not <group>"},
                      Refused{"programs: [{from: runtimes/x, to: /etc/x}]\n", "is not in a bin"},
                      Refused{"programs: [{from: runtimes/x}]\n", "has not just"},
                      Refused{"locales: [C]\n", "cannot be a name"}));

TEST(PackageSet, AMissingIncludeIsNamed) {
  const testing::PackagesDir dir;
  dir.Write("p.yaml", "suite: trixie\ninclude: [gone]\n");
  const auto set = LoadPackageSet(dir.path(), "p");
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace codeapi
