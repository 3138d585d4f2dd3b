#include "worker/answer_sink.h"

#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include "base/ids.h"
#include "base/media_type.h"
#include "base/text.h"
#include "net/wake.h"

namespace codeapi {
namespace {

namespace asio = boost::asio;

// Files of one execution that are being committed at once; each may have some of its data in memory.
constexpr std::size_t kMostCommits = 16;

}  // namespace

// What the coroutines that commit files share with the sink. They may run on other threads.
struct AnswerSink::Commits {
  struct Ended {
    AnswerFile file;
    Result<void> result;
  };

  std::vector<Ended> Take() {
    const std::lock_guard lock(mutex);
    return std::exchange(ended, {});
  }

  std::mutex mutex;
  std::vector<Ended> ended;  // guarded by mutex
  Wake changed;
  std::size_t pending = 0;  // the sink's: started and not yet taken from `ended`
};

AnswerSink::AnswerSink(ObjectStore& objects, const ExecutionRequest& request, const ExecutorLimits& limits)
    : objects_(objects), request_(request), limits_(limits), commits_(std::make_shared<Commits>()) {}

AnswerSink::~AnswerSink() = default;

asio::awaitable<Result<void>> AnswerSink::Stdout(std::string_view bytes) {
  co_return Collect(parts.stdout_bytes, bytes);
}

asio::awaitable<Result<void>> AnswerSink::Stderr(std::string_view bytes) {
  co_return Collect(parts.stderr_bytes, bytes);
}

asio::awaitable<Result<void>> AnswerSink::FileBegin(const RunOutput& output) {
  const HarvestRules& rules = limits_.rules;
  if (writer_ || ++files_seen_ > rules.max_files || output.size > rules.max_file_size ||
      (output.input && *output.input >= request_.files.size()) || !names_.insert(output.name).second ||
      !WorkspaceNameProblem(output.name, rules.max_path, rules.max_depth).empty()) {
    co_return Fail(ErrorCode::kSetupFailed, "the jailer announced an output it may not");
  }
  file_ = AnswerFile{NewId(), request_.id, output.name, false, std::nullopt};
  if (output.input) file_.modified_from = request_.files[*output.input];
  bytes_left_ = output.size;
  auto writer = co_await objects_.create({file_.session, file_.id},
                                         {output.name, std::string(MediaTypeOf(output.name)), false});
  if (writer) {
    writer_ = std::move(*writer);
  } else {
    store_error_ = writer.error();
  }
  co_return Result<void>();
}

// A store that fails costs the file, not the execution: the client is told in artifact_delivery.
asio::awaitable<Result<void>> AnswerSink::FileData(std::string_view bytes) {
  if (bytes.size() > bytes_left_)
    co_return Fail(ErrorCode::kSetupFailed, "the jailer sent more than it announced");
  bytes_left_ -= bytes.size();
  if (writer_) {
    if (auto written = co_await writer_->write({bytes.data(), bytes.size()}); !written) Drop(written.error());
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> AnswerSink::FileEnd(bool complete) {
  if (writer_ && (!complete || bytes_left_ > 0))
    Drop({ErrorCode::kInternal, "the cell could not deliver the file"});
  if (!writer_) {
    ++parts.failed_files;
    co_return Result<void>();
  }
  co_await WaitForCommits(kMostCommits - 1);
  ++commits_->pending;
  asio::co_spawn(co_await asio::this_coro::executor, Commit(commits_, std::move(writer_), file_),
                 asio::detached);
  co_return Result<void>();
}

asio::awaitable<void> AnswerSink::Commit(std::shared_ptr<Commits> commits,
                                         std::unique_ptr<ObjectWriter> writer, AnswerFile file) {
  auto stored = co_await writer->commit();
  writer.reset();
  {
    const std::lock_guard lock(commits->mutex);
    commits->ended.push_back({std::move(file), stored ? Result<void>() : std::unexpected(stored.error())});
  }
  commits->changed.notify();
}

// Until at most `most` are under way.
asio::awaitable<void> AnswerSink::WaitForCommits(std::size_t most) {
  while (true) {
    for (Commits::Ended& ended : commits_->Take()) {
      --commits_->pending;
      if (ended.result) {
        parts.files.push_back(std::move(ended.file));
      } else {
        ++parts.failed_files;
        store_error_ = std::move(ended.result.error());
      }
    }
    if (commits_->pending <= most) co_return;
    co_await commits_->changed.wait();
  }
}

asio::awaitable<void> AnswerSink::Settle() {
  writer_.reset();
  co_await WaitForCommits(0);
}

asio::awaitable<void> AnswerSink::Discard() {
  for (const AnswerFile& file : parts.files) (void)co_await objects_.remove({file.session, file.id});
  parts.files.clear();
}

Result<void> AnswerSink::Collect(std::string& stream, std::string_view bytes) {
  if (bytes.size() > limits_.output_bytes - stream.size()) {
    return Fail(ErrorCode::kSetupFailed, "the jailer sent more output than it may");
  }
  stream.append(bytes);
  return {};
}

void AnswerSink::Drop(const Error& error) {
  store_error_ = error;
  writer_.reset();
}

}  // namespace codeapi
