#include "packages/root_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "packages/testing.h"

namespace codeapi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kHash(64, 'a');

void MakeLists(const testing::PackagesDir& dir) {
  dir.Write("finish.sh", "true\n");
  dir.Write("p.yaml", "suite: trixie\ndebian: [zip, bash]\nnpm: libraries\npypi: [core]\n");
  dir.Write("npm/libraries/package.json", "{}");
  dir.Write("npm/libraries/package-lock.json", "{}");
  dir.Write("pypi/core.txt", "b==1 --hash=sha256:" + kHash + "  # why\n\na==2.0\n");
}

std::string AddressOf(const testing::PackagesDir& dir, const std::string& architecture = "amd64") {
  const auto inputs = LoadRootInputs(dir.path(), "p", architecture);
  EXPECT_TRUE(inputs) << inputs.error().message;
  return inputs ? inputs->Address() : "";
}

TEST(RootInputs, TheAddressFollowsFromEverythingThatTakesPart) {
  const testing::PackagesDir dir;
  MakeLists(dir);
  const std::string first = AddressOf(dir);
  EXPECT_EQ(first.size(), 64U);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), first.npos);
  EXPECT_EQ(AddressOf(dir), first);
  std::set<std::string> seen = {first, AddressOf(dir, "arm64")};
  const auto changes = [&](const char* file, const std::string& content) {
    dir.Write(file, content);
    EXPECT_TRUE(seen.insert(AddressOf(dir)).second) << file;
  };
  changes("finish.sh", "false\n");
  changes("npm/libraries/package-lock.json", "{ }");
  changes("pypi/core.txt", "b==1 --hash=sha256:" + std::string(64, 'b') + "\n");
  changes("p.yaml", "suite: trixie\ndebian: [zip]\nnpm: libraries\npypi: [core]\n");
  changes("p.yaml", "suite: sid\ndebian: [zip]\nnpm: libraries\npypi: [core]\n");
}

TEST(RootInputs, TheOrderOfAListAndItsCommentsAreNoPartOfIt) {
  const testing::PackagesDir dir;
  MakeLists(dir);
  const std::string first = AddressOf(dir);
  dir.Write("p.yaml",
            "# said otherwise\npypi: [core]\nnpm: libraries\ndebian: [bash, zip, bash]\nsuite: trixie\n");
  EXPECT_EQ(AddressOf(dir), first);
}

TEST(RootInputs, AFileThatAListNamesMustBeThere) {
  const testing::PackagesDir dir;
  MakeLists(dir);
  std::filesystem::remove(dir / "npm/libraries/package-lock.json");
  const auto inputs = LoadRootInputs(dir.path(), "p", "amd64");
  ASSERT_FALSE(inputs);
  EXPECT_THAT(inputs.error().message, HasSubstr("npm/libraries/package-lock.json"));
}

TEST(PypiList, KnowsNamesVersionsAndChecksums) {
  const auto list = ParsePypiList(
      "core.txt", "# all\na-b.c==1.0+x --hash=sha256:" + kHash + " --hash=sha256:" + kHash + "\nplain==2\n");
  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[0].name, "a-b.c");
  EXPECT_EQ((*list)[0].version, "1.0+x");
  EXPECT_THAT((*list)[0].hashes, ElementsAre("sha256:" + kHash, "sha256:" + kHash));
  EXPECT_THAT((*list)[1].hashes, IsEmpty());
}

TEST(PypiList, RefusesWhatIsNotPinned) {
  for (const char* line : {"a", "a>=1", "--index-url=x", "a==1 --hash=md5:0", "a==1; python_version>'3'"}) {
    const auto list = ParsePypiList("core.txt", std::string("ok==1\n") + line + "\n");
    ASSERT_FALSE(list) << line;
    EXPECT_THAT(list.error().message, HasSubstr("core.txt:2"));
  }
}

}  // namespace
}  // namespace codeapi
