#include "packages/root_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "packages/testing.h"

namespace codeapi {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Lines(const std::vector<InstalledPackage>& packages) {
  std::vector<std::string> out;
  for (const InstalledPackage& p : packages)
    out.push_back(p.name + " " + p.version + " " + p.architecture + " " + p.source);
  return out;
}

TEST(RootManifest, SurvivesBeingWritten) {
  const RootManifest manifest{"abc",
                              "core",
                              "trixie",
                              "amd64",
                              "2025-01-31T12:00:00Z",
                              {{"bash", "5.2", "amd64", "debian"}},
                              {{"chdb", "4", "no \"index\""}}};
  const auto read = ParseRootManifest(manifest.ToJson());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->ToJson(), manifest.ToJson());
  EXPECT_EQ(read->profile, "core");
  EXPECT_EQ(read->left_out[0].reason, "no \"index\"");
  EXPECT_THAT(manifest.ToText(), HasSubstr("bash  5.2  debian  amd64\nleft out: chdb 4: no \"index\"\n"));
}

TEST(RootManifest, RefusesWhatIsNone) {
  for (const char* text : {"", "{}", "[]", "{\"format\":1}", "{\"format\":2}"})
    EXPECT_FALSE(ParseRootManifest(text)) << text;
}

TEST(RootManifest, ARootWithoutOneIsNotComplete) {
  const testing::PackagesDir dir;
  EXPECT_EQ(ReadRootManifest(dir.path()).error().code, ErrorCode::kNotFound);
  dir.Write("packages.json", "?");
  EXPECT_EQ(ReadRootManifest(dir.path()).error().code, ErrorCode::kInvalid);
}

TEST(DpkgStatus, ListsWhatIsInstalled) {
  const auto packages = ParseDpkgStatus(
      "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\nDescription: x\n "
      "Version: no\n\n"
      "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n"
      "Package: last\nStatus: install ok installed\nVersion: 2\nArchitecture: all\n");
  EXPECT_THAT(Lines(packages), ::testing::ElementsAre("bash 5.2 amd64 debian", "last 2 all debian"));
}

TEST(NodeModules, AreListedWithScopesAndNestedOnes) {
  const testing::PackagesDir dir;
  dir.Write("zod/package.json", R"({"name":"zod","version":"4.0.0"})");
  dir.Write("@img/sharp/package.json", R"({"name":"@img/sharp","version":"1.0.0"})");
  dir.Write("a/package.json", R"({"name":"a","version":"1.0.0"})");
  dir.Write("a/node_modules/zod/package.json", R"({"name":"zod","version":"3.0.0"})");
  dir.Write("broken/package.json", "?");
  dir.Write(".bin/tool", "");
  EXPECT_THAT(
      Lines(ListNodeModules(dir.path())),
      ::testing::ElementsAre("@img/sharp 1.0.0  npm", "a 1.0.0  npm", "zod 3.0.0  npm", "zod 4.0.0  npm"));
}

TEST(DistInfo, ListsWhatPipInstalled) {
  const testing::PackagesDir dir;
  dir.Write("x-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: x\nVersion: 1\n\nVersion: no\n");
  dir.Write("x/__init__.py", "");
  EXPECT_THAT(Lines(ListDistInfo(dir.path())), ::testing::ElementsAre("x 1  pypi"));
}

}  // namespace
}  // namespace codeapi
