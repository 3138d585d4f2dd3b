#include "app/terminal_sink.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "sandbox/testing.h"
#include "store/testing.h"

namespace codeapi {
namespace {

using namespace testing;  // NOLINT: the helpers' own names
namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}
void WriteFile(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

class TerminalSinkTest : public ::testing::Test {
 protected:
  TerminalSinkTest() {
    fs::create_directory(out);
    sink.emplace(UniqueFd(::open(out.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), "out");
  }
  Result<void> Do(awaitable<Result<void>> call) { return Await(std::move(call)); }

  // Writes a whole file; what is printed about it.
  std::string Deliver(const std::string& name, const std::string& content, bool complete = true) {
    ::testing::internal::CaptureStderr();
    const RunOutput output{name, content.size(), {}};
    EXPECT_TRUE(Do(sink->FileBegin(output)));
    EXPECT_TRUE(Do(sink->FileData(content)));
    EXPECT_TRUE(Do(sink->FileEnd(complete)));
    return ::testing::internal::GetCapturedStderr();
  }
  // Everything below the output directory, relative to it, sorted.
  std::vector<std::string> Entries() {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(out)) {
      names.push_back(entry.path().lexically_relative(out));
    }
    std::ranges::sort(names);
    return names;
  }

  TempDir dir;
  const fs::path out = dir.path() / "out";
  std::optional<TerminalSink> sink;
};

using Names = std::vector<std::string>;

TEST_F(TerminalSinkTest, WritesFilesAndTheirDirectories) {
  EXPECT_EQ(Deliver("a.txt", "one"), "");
  EXPECT_EQ(Deliver("d/e/b.txt", "two"), "");
  EXPECT_EQ(Deliver("empty", ""), "");
  EXPECT_EQ(Entries(), (Names{"a.txt", "d", "d/e", "d/e/b.txt", "empty"}));
  EXPECT_EQ(ReadFile(out / "a.txt"), "one");
  EXPECT_EQ(ReadFile(out / "d/e/b.txt"), "two");
}

TEST_F(TerminalSinkTest, ReplacesWhatIsThere) {
  WriteFile(out / "a.txt", "something longer than the new");
  EXPECT_EQ(Deliver("a.txt", "new"), "");
  EXPECT_EQ(ReadFile(out / "a.txt"), "new");
}

TEST_F(TerminalSinkTest, ReplacesASymlinkInsteadOfFollowingIt) {
  const fs::path victim = dir.path() / "victim";
  WriteFile(victim, "precious");
  fs::create_symlink(victim, out / "a.txt");
  EXPECT_EQ(Deliver("a.txt", "new"), "");
  EXPECT_EQ(ReadFile(victim), "precious");
  EXPECT_FALSE(fs::is_symlink(out / "a.txt"));
  EXPECT_EQ(ReadFile(out / "a.txt"), "new");
}

TEST_F(TerminalSinkTest, RefusesADirectoryThatIsASymlink) {
  const fs::path elsewhere = dir.path() / "elsewhere";
  fs::create_directory(elsewhere);
  fs::create_directory(out / "real");
  for (const fs::path& target : {elsewhere, fs::path("real"), fs::path("..")}) {
    fs::remove(out / "d");
    fs::create_directory_symlink(target, out / "d");
    EXPECT_NE(Deliver("d/a.txt", "x").find("out/d/a.txt not written"), std::string::npos);
    EXPECT_NE(Deliver("d/e/a.txt", "x").find("not written"), std::string::npos);
    EXPECT_EQ(Entries(), (Names{"d", "real"})) << target;
    EXPECT_TRUE(fs::is_empty(elsewhere));
  }
}

TEST_F(TerminalSinkTest, RefusesNamesThatLeadOut) {
  for (const char* name : {"../a.txt", "/tmp/a.txt", "", ".", "a/../../b", "a//b", "a/"}) {
    EXPECT_NE(Deliver(name, "x").find("not written"), std::string::npos) << name;
  }
  EXPECT_NE(Deliver(std::string("a\0b", 3), "x").find("not written"), std::string::npos);
  EXPECT_NE(Deliver("\xff.txt", "x").find("out/\xef\xbf\xbd.txt not written"), std::string::npos);
  EXPECT_EQ(Entries(), Names{});
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 1);
}

TEST_F(TerminalSinkTest, FileThatCannotBePlacedSpoilsNoOther) {
  fs::create_directories(out / "taken/inside");
  WriteFile(out / "file", "x");
  EXPECT_NE(Deliver("taken", "x").find("out/taken not written"), std::string::npos);
  EXPECT_NE(Deliver("file/below", "x").find("out/file/below not written"), std::string::npos);
  EXPECT_EQ(Deliver("good.txt", "good"), "");
  EXPECT_EQ(Entries(), (Names{"file", "good.txt", "taken", "taken/inside"}));
}

TEST_F(TerminalSinkTest, IncompleteFileLeavesNothing) {
  WriteFile(out / "a.txt", "old");
  EXPECT_NE(Deliver("a.txt", "new", false).find("out/a.txt not written"), std::string::npos);
  EXPECT_NE(Deliver("b.txt", "new", false).find("out/b.txt not written"), std::string::npos);
  EXPECT_EQ(Entries(), Names{"a.txt"});
  EXPECT_EQ(ReadFile(out / "a.txt"), "old");
}

TEST_F(TerminalSinkTest, RunThatBreaksOffLeavesNothing) {
  EXPECT_EQ(Deliver("whole.txt", "x"), "");
  const RunOutput half{"half.txt", 100, {}};
  ASSERT_TRUE(Do(sink->FileBegin(half)));
  ASSERT_TRUE(Do(sink->FileData("ha")));
  EXPECT_EQ(Entries().size(), 2u);  // under some name that is not its own
  EXPECT_FALSE(fs::exists(out / "half.txt"));
  sink.reset();
  EXPECT_EQ(Entries(), Names{"whole.txt"});
}

TEST_F(TerminalSinkTest, FullDiskIsAnError) {
  const RunOutput output{"a.txt", 100, {}};
  ASSERT_TRUE(Do(sink->FileBegin(output)));
  // A file may not grow beyond this limit: what a full disk says, for this process only.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{4, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = Do(sink->FileData("more than four"));
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(std::signal(SIGXFSZ, handler), SIG_IGN);
  EXPECT_FALSE(written);
  sink.reset();
  EXPECT_EQ(Entries(), Names{});
}

TEST_F(TerminalSinkTest, StreamsGoToTheirDescriptors) {
  const std::string bytes("a\0\xff\n", 4);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(Do(sink->Stdout(bytes)));
  EXPECT_TRUE(Do(sink->Stderr("error")));
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), bytes);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "error");
}

TEST(WriteAll, SaysWhatFailed) {
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  UniqueFd reader(fds[0]), writer(fds[1]);
  EXPECT_TRUE(WriteAll(writer.get(), ""));
  EXPECT_TRUE(WriteAll(writer.get(), "text"));
  char buffer[10];
  EXPECT_EQ(::read(reader.get(), buffer, sizeof buffer), 4);
  reader.reset();
  const auto handler = std::signal(SIGPIPE, SIG_IGN);
  const auto broken = WriteAll(writer.get(), "text");
  EXPECT_EQ(std::signal(SIGPIPE, handler), SIG_IGN);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find(std::strerror(EPIPE)), std::string::npos);
}

}  // namespace
}  // namespace codeapi
