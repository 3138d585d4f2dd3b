#include "app/terminal_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/ids.h"
#include "base/text.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

std::string BaseName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

Result<void> WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

TerminalSink::~TerminalSink() {
  Drop();
}

// Leaves nothing of a file that did not become whole.
void TerminalSink::Drop() {
  file_.reset();
  if (!temporary_.empty()) ::unlinkat(parent_.get(), temporary_.c_str(), 0);
  temporary_.clear();
}

asio::awaitable<Result<void>> TerminalSink::Stdout(std::string_view bytes) {
  co_return WriteAll(STDOUT_FILENO, bytes);
}
asio::awaitable<Result<void>> TerminalSink::Stderr(std::string_view bytes) {
  co_return WriteAll(STDERR_FILENO, bytes);
}

Result<void> TerminalSink::Open(const std::string& name) {
  if (const std::string problem = WorkspaceNameProblem(name); !problem.empty()) {
    return Fail(ErrorCode::kInvalid, "its name " + problem);
  }
  auto parent = out_.MakeParents(name, ::geteuid(), ::getegid());
  if (!parent) return FailErrno("make its directory", parent.error());
  parent_ = std::move(*parent);
  const std::string temporary = ".codeapi-" + NewId();
  auto file = BeneathDir::OpenIn(parent_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file) return FailErrno("create it", file.error());
  file_ = std::move(*file);
  temporary_ = temporary;
  return {};
}

asio::awaitable<Result<void>> TerminalSink::FileBegin(const RunOutput& output) {
  Drop();
  name_ = output.name;
  if (auto opened = Open(name_); !opened) {
    std::fprintf(stderr, "codeapi: %s/%s not written: %s\n", out_name_.c_str(), ToUtf8Lossy(name_).c_str(),
                 opened.error().message.c_str());
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> TerminalSink::FileData(std::string_view bytes) {
  if (temporary_.empty()) co_return Result<void>();
  co_return WriteAll(file_.get(), bytes);
}

asio::awaitable<Result<void>> TerminalSink::FileEnd(bool complete) {
  if (temporary_.empty()) co_return Result<void>();
  file_.reset();
  if (complete &&
      ::renameat(parent_.get(), temporary_.c_str(), parent_.get(), BaseName(name_).c_str()) == 0) {
    temporary_.clear();
    co_return Result<void>();
  }
  std::fprintf(stderr, "codeapi: %s/%s not written: %s\n", out_name_.c_str(), name_.c_str(),
               complete ? std::strerror(errno) : "the cell could not deliver it");
  Drop();
  co_return Result<void>();
}

}  // namespace codeapi
