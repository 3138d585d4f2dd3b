#include "runtime/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
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

TEST(Runtime, WhatClientsPromiseIsThere) {
  for (const char* id :
       {"py", "js", "ts", "c", "cpp", "java", "php", "rs", "go", "d", "f90", "r", "bash", "node"}) {
    const Runtime* runtime = FindRuntime(id);
    ASSERT_NE(runtime, nullptr) << id;
    EXPECT_EQ(runtime->id, id);
  }
}

// A command that does not name the source runs something else, and one whose compiler writes elsewhere runs
// nothing.
TEST(Runtime, EveryCommandIsWhole) {
  for (const Runtime& runtime : Runtimes()) {
    ASSERT_FALSE(runtime.commands.empty()) << runtime.id;
    for (const Command& command : runtime.commands) {
      ASSERT_FALSE(command.run.empty()) << runtime.id;
      const auto& first = command.compile.empty() ? command.run : command.compile;
      EXPECT_TRUE(first.front().starts_with('/')) << runtime.id;
      EXPECT_THAT(first, Contains("{source}")) << runtime.id;
      if (!command.tools.empty()) EXPECT_THAT(command.tools, Contains("{source}")) << runtime.id;
      if (command.run.front() == "{program}") EXPECT_THAT(command.compile, Contains(HasSubstr("{program}")));
    }
  }
}

TEST(Runtime, IsFoundByAnyAliasInAnyCase) {
  EXPECT_EQ(FindRuntime("PYTHON")->id, "py");
  EXPECT_EQ(FindRuntime("Sh")->id, "bash");
  EXPECT_EQ(FindRuntime("bun-js")->id, "js");
  EXPECT_EQ(FindRuntime("node-javascript")->id, "node");
  EXPECT_EQ(FindRuntime("bun-typescript")->id, "ts");
  EXPECT_EQ(FindRuntime("C++")->id, "cpp");
  EXPECT_EQ(FindRuntime("golang")->id, "go");
  EXPECT_EQ(FindRuntime("Rust")->id, "rs");
  EXPECT_EQ(FindRuntime("fortran")->id, "f90");
  EXPECT_EQ(FindRuntime(""), nullptr);
  EXPECT_EQ(FindRuntime("python2"), nullptr);
}

TEST(Runtime, IsFoundByExtension) {
  EXPECT_EQ(FindRuntimeByExtension(".py")->id, "py");
  EXPECT_EQ(FindRuntimeByExtension(".SH")->id, "bash");
  EXPECT_EQ(FindRuntimeByExtension(".js")->id, "js");
  EXPECT_EQ(FindRuntimeByExtension(".R")->id, "r");
  EXPECT_EQ(FindRuntimeByExtension(".cc")->id, "cpp");
  EXPECT_EQ(FindRuntimeByExtension(".exe"), nullptr);
  EXPECT_EQ(FindRuntimeByExtension(""), nullptr);
}

ProgramSpec Program(std::string source, std::vector<std::string> args = {}) {
  return {"/mnt/data/" + std::move(source), "shop.Till", std::move(args), 512ull << 20, 1ull << 30};
}

TEST(Runtime, StartExpandsSourceAndHeapAndKeepsArgumentsApart) {
  const Runtime& node = *FindRuntime("node");
  const auto start = MakeProgramStart(node, node.commands.front(), Program("index.js", {"a b", "$(x)", ""}));
  EXPECT_THAT(start.argv, ElementsAre("/usr/bin/node", "--max-old-space-size=384", "/mnt/data/index.js",
                                      "a b", "$(x)", ""));
  EXPECT_TRUE(start.compile.empty());
}

TEST(Runtime, ACompilersHeapIsThatOfCompiling) {
  const Runtime& java = *FindRuntime("java");
  const auto start = MakeProgramStart(java, java.commands.front(), Program("Till.java", {"-Xmx1m"}));
  EXPECT_THAT(start.compile, Contains("-J-Xmx768m"));
  EXPECT_THAT(start.compile, Contains("/tmp/.build"));
  EXPECT_EQ(start.compile.back(), "/mnt/data/Till.java");
  EXPECT_THAT(start.argv, Contains("-Xmx384m"));
  EXPECT_THAT(start.argv, Contains("/tmp/.build:/mnt/data"));
  EXPECT_EQ(start.argv[start.argv.size() - 2], "shop.Till");
  EXPECT_EQ(start.argv.back(), "-Xmx1m") << "the program's, after its class";
}

TEST(Runtime, WhatIsCompiledIsWhatRuns) {
  const Runtime& c = *FindRuntime("c");
  const auto start = MakeProgramStart(c, c.commands.front(), Program("main.c", {"x"}));
  EXPECT_THAT(start.compile, Contains("/tmp/.build/main"));
  EXPECT_THAT(start.argv, ElementsAre("/tmp/.build/main", "x"));
}

TEST(Runtime, ArgumentsAreNeverExpanded) {
  const Runtime& bash = *FindRuntime("bash");
  const auto start =
      MakeProgramStart(bash, bash.commands.front(), Program("script.sh", {"{source}", "{heap_mib}"}));
  EXPECT_THAT(start.argv, ElementsAre("/bin/bash", "/mnt/data/script.sh", "{source}", "{heap_mib}"));
}

TEST(Runtime, AProgramWithToolsIsStartedThroughItsSupportFiles) {
  ProgramSpec program = Program("main.py", {"x"});
  program.tools = true;
  const Runtime& py = *FindRuntime("py");
  EXPECT_THAT(MakeProgramStart(py, py.commands.front(), program).argv,
              ElementsAre("/usr/bin/python3", "-s", "/tmp/.codeapi/run.py", "/mnt/data/main.py", "x"));
  const Runtime& bash = *FindRuntime("bash");
  const auto start = MakeProgramStart(bash, bash.commands.front(), program);
  EXPECT_THAT(start.argv, ElementsAre("/bin/bash", "/mnt/data/main.py", "x"));
  EXPECT_THAT(start.env, Contains("BASH_ENV=/tmp/.codeapi/functions.sh"));
  program.tools = false;
  EXPECT_THAT(MakeProgramStart(bash, bash.commands.front(), program).env,
              Not(Contains(HasSubstr("BASH_ENV"))));
}

// The name of an input's directory may look like one of ours.
TEST(Runtime, WhatWasExpandedIsNotExpandedAgain) {
  const Runtime& bash = *FindRuntime("bash");
  const auto start = MakeProgramStart(bash, bash.commands.front(), Program("{entry}{source}.sh"));
  EXPECT_THAT(start.argv, ElementsAre("/bin/bash", "/mnt/data/{entry}{source}.sh"));
}

TEST(Runtime, EnvironmentIsSortedCompleteAndOurs) {
  for (const Runtime& runtime : Runtimes()) {
    for (const Command& command : runtime.commands) {
      const auto env = MakeProgramStart(runtime, command, Program("main")).env;
      EXPECT_TRUE(std::is_sorted(env.begin(), env.end()));
      EXPECT_THAT(env, Contains("HOME=/mnt/data"));
      EXPECT_THAT(env, Contains("SANDBOX_LANGUAGE=" + runtime.language));
      EXPECT_THAT(env, Not(Contains(HasSubstr("CODEAPI"))));
      EXPECT_THAT(env, Not(Contains(HasSubstr("{"))));
    }
  }
}

class RootTest : public ::testing::Test {
 protected:
  RootTest() {
    std::string pattern = ::testing::TempDir() + "root-XXXXXX";
    root = ::mkdtemp(pattern.data());
  }
  ~RootTest() override { std::filesystem::remove_all(root); }

  void Install(const std::string& path) {
    std::filesystem::create_directories((root + path).substr(0, (root + path).rfind('/')));
    std::ofstream(root + path) << "#!/bin/true\n";
    ::chmod((root + path).c_str(), 0755);
  }
  const Command* Found(const char* id) { return FindCommand(*FindRuntime(id), root); }

  std::string root;
};

TEST_F(RootTest, ALanguageIsThereWhenItsProgramsAre) {
  EXPECT_EQ(Found("py"), nullptr);
  EXPECT_EQ(Found("c"), nullptr);
  Install("/usr/bin/python3");
  Install("/usr/bin/gcc");
  EXPECT_NE(Found("py"), nullptr);
  EXPECT_NE(Found("c"), nullptr);
}

TEST_F(RootTest, ACompilerAloneIsNotEnough) {
  Install("/usr/bin/javac");
  EXPECT_EQ(Found("java"), nullptr);
  Install("/usr/bin/java");
  EXPECT_NE(Found("java"), nullptr);
}

TEST_F(RootTest, TheFirstCommandThatIsThereIsTaken) {
  Install("/usr/bin/node");
  EXPECT_EQ(Found("js")->run.front(), "/usr/bin/node");
  EXPECT_EQ(Found("ts"), nullptr);
  Install("/usr/local/bin/bun");
  EXPECT_EQ(Found("js")->run.front(), "/usr/local/bin/bun");
  EXPECT_EQ(Found("ts")->run.front(), "/usr/local/bin/bun");
  EXPECT_EQ(Found("node")->run.front(), "/usr/bin/node");
}

TEST_F(RootTest, WhatIsCompiledBeforehandIsUsedWhereItIs) {
  Install("/usr/bin/go");
  const Command* without = Found("go");
  ASSERT_NE(without, nullptr);
  EXPECT_TRUE(without->needs.empty());
  const std::string cache = FindRuntime("go")->commands.front().needs;
  std::filesystem::create_directories(root + cache);
  EXPECT_EQ(Found("go")->needs, cache);
}

// As alternatives of Debian are: absolute, and right only in their own tree.
TEST_F(RootTest, ALinkThatLeadsNowhereFromHereMayBeRightThere) {
  std::filesystem::create_directories(root + "/usr/bin");
  std::filesystem::create_symlink("/etc/alternatives/none-such", root + "/usr/bin/php");
  EXPECT_NE(Found("php"), nullptr);
}

}  // namespace
}  // namespace codeapi
