// Shows a run on the terminal and copies its output files to a directory.
#pragma once

#include <memory>
#include <string>

#include "jail/beneath.h"
#include "sandbox/sandbox.h"

namespace codeapi {

/// Streams go to descriptors 1 and 2 as they come. A file is written beside its destination and renamed onto
/// it, so that a symlink there is replaced and never followed, and half a file never shows. Not thread-safe.
class TerminalSink final : public RunSink {
 public:
  /// `out` is the directory for output files; names are taken from the program and opened beneath it only.
  TerminalSink(UniqueFd out, std::string out_name) : out_(std::move(out)), out_name_(std::move(out_name)) {}
  ~TerminalSink() override;
  TerminalSink(const TerminalSink&) = delete;
  TerminalSink& operator=(const TerminalSink&) = delete;

  boost::asio::awaitable<Result<void>> Stdout(std::string_view bytes) override;
  boost::asio::awaitable<Result<void>> Stderr(std::string_view bytes) override;
  boost::asio::awaitable<Result<void>> FileBegin(const RunOutput& output) override;
  boost::asio::awaitable<Result<void>> FileData(std::string_view bytes) override;
  boost::asio::awaitable<Result<void>> FileEnd(bool complete) override;

 private:
  Result<void> Open(const std::string& name);
  void Drop();

  BeneathDir out_;
  std::string out_name_;
  std::string name_, temporary_;  // of the file being written; no temporary: there is none
  UniqueFd parent_, file_;
};

/// Writes all of `bytes`; an error is final.
Result<void> WriteAll(int fd, std::string_view bytes);

}  // namespace codeapi
