// Where a run's output goes: the streams into the answer, the files into the store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "sandbox/sandbox.h"
#include "store/object_store.h"
#include "worker/answer.h"
#include "worker/executor.h"

namespace codeapi {

/// Collects the streams and stores the files. What the jailer sends is held to the limits it was given: it is
/// told them, not believed to keep them. A file that has arrived is being committed while the next ones come.
class AnswerSink final : public RunSink {
 public:
  /// All of it must outlive Settle().
  AnswerSink(ObjectStore& objects, const ExecutionRequest& request, const ExecutorLimits& limits);
  ~AnswerSink() override;

  boost::asio::awaitable<Result<void>> Stdout(std::string_view bytes) override;
  boost::asio::awaitable<Result<void>> Stderr(std::string_view bytes) override;
  boost::asio::awaitable<Result<void>> FileBegin(const RunOutput& output) override;
  boost::asio::awaitable<Result<void>> FileData(std::string_view bytes) override;
  boost::asio::awaitable<Result<void>> FileEnd(bool complete) override;

  /// Waits until nothing is asked of the store any more. Must be called when the run has ended; only then is
  /// `parts` whole.
  boost::asio::awaitable<void> Settle();

  /// Takes back what is stored, when there will be no answer that names it. What cannot be removed nobody can
  /// reach: it has no owner. After Settle().
  boost::asio::awaitable<void> Discard();

  /// Why a file could not be stored, if one could not.
  const std::optional<Error>& store_error() const { return store_error_; }

  AnswerParts parts;

 private:
  struct Commits;
  static boost::asio::awaitable<void> Commit(std::shared_ptr<Commits> commits,
                                             std::unique_ptr<ObjectWriter> writer, AnswerFile file);
  boost::asio::awaitable<void> WaitForCommits(std::size_t most);
  Result<void> Collect(std::string& stream, std::string_view bytes);
  void Drop(const Error& error);

  ObjectStore& objects_;
  const ExecutionRequest& request_;
  const ExecutorLimits& limits_;
  const std::shared_ptr<Commits> commits_;
  std::unique_ptr<ObjectWriter> writer_;
  AnswerFile file_;
  std::uint64_t bytes_left_ = 0;
  std::uint32_t files_seen_ = 0;
  std::set<std::string> names_;
  std::optional<Error> store_error_;
};

}  // namespace codeapi
