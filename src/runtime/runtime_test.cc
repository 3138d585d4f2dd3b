#include "runtime/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace codeapi {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Runtime, AliasesAreUniqueLowerCaseAndIncludeTheId) {
  std::set<std::string> seen;
  for (const Runtime& runtime : Runtimes()) {
    EXPECT_THAT(runtime.aliases, Contains(runtime.id));
    for (const std::string& alias : runtime.aliases) {
      EXPECT_TRUE(seen.insert(alias).second) << alias << " names two runtimes";
      for (const char c : alias) EXPECT_FALSE(c >= 'A' && c <= 'Z') << alias;
    }
  }
}

TEST(Runtime, IsFoundByAnyAliasInAnyCase) {
  EXPECT_EQ(FindRuntime("PYTHON")->id, "py");
  EXPECT_EQ(FindRuntime("Sh")->id, "bash");
  EXPECT_EQ(FindRuntime("bun-js")->id, "js");
  EXPECT_EQ(FindRuntime("node-javascript")->id, "node");
  EXPECT_EQ(FindRuntime(""), nullptr);
  EXPECT_EQ(FindRuntime("python2"), nullptr);
}

TEST(Runtime, IsFoundByExtension) {
  EXPECT_EQ(FindRuntimeByExtension(".py")->id, "py");
  EXPECT_EQ(FindRuntimeByExtension(".SH")->id, "bash");
  EXPECT_EQ(FindRuntimeByExtension(".exe"), nullptr);
}

TEST(Runtime, StartExpandsSourceAndHeapAndKeepsArgumentsApart) {
  const auto start =
      MakeProgramStart(*FindRuntime("node"), "/mnt/data/index.js", {"a b", "$(x)", ""}, 512ull << 20);
  EXPECT_THAT(start.argv, ElementsAre("/usr/bin/node", "--max-old-space-size=384", "/mnt/data/index.js",
                                      "a b", "$(x)", ""));
}

TEST(Runtime, ArgumentsAreNeverExpanded) {
  const auto start =
      MakeProgramStart(*FindRuntime("bash"), "/mnt/data/script.sh", {"{source}", "{heap_mib}"}, 1 << 30);
  EXPECT_THAT(start.argv, ElementsAre("/bin/bash", "/mnt/data/script.sh", "{source}", "{heap_mib}"));
}

TEST(Runtime, EnvironmentIsSortedCompleteAndOurs) {
  const auto env = MakeProgramStart(*FindRuntime("py"), "/mnt/data/main.py", {}, 1 << 30).env;
  EXPECT_TRUE(std::is_sorted(env.begin(), env.end()));
  EXPECT_THAT(env, Contains("HOME=/mnt/data"));
  EXPECT_THAT(env, Contains("SANDBOX_LANGUAGE=python"));
  EXPECT_THAT(env, Not(Contains(HasSubstr("CODEAPI"))));
}

}  // namespace
}  // namespace codeapi
