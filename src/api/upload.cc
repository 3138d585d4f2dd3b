// Storing the files of a form. One request makes one storage session; nothing of it can be seen by anyone
// before its owner is known, which is the last step.
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "api/api_context.h"
#include "api/responses.h"
#include "api/session_access.h"
#include "api/upload_form.h"
#include "base/ids.h"

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::size_t kChunk = 256uz << 10;
constexpr int kMaxBatch = 200;

// One request's storage session while it is filled.
class Filling {
 public:
  Filling(const ApiContext& api, const ApiCall& call, UploadForm& form, std::string owner)
      : api_(api), call_(call), form_(form), owner_(std::move(owner)) {}

  const std::string& session() const { return session_; }

  // Streams one file into the store; its id.
  asio::awaitable<UploadForm::Outcome<std::string>> Store(const UploadForm::File& file) {
    const ObjectKey key{session_, NewId()};
    auto writer =
        co_await ObjectsFor(api_, call_).create(key, {file.name, file.content_type, form_.read_only()});
    if (!writer) co_return Failed(writer.error());
    std::uint64_t size = 0;
    while (true) {
      auto n = co_await form_.Read(buffer_);
      if (!n) co_return std::unexpected(n.error());
      if (*n == 0) break;
      size += *n;
      if (size > static_cast<std::uint64_t>(call_.plan.max_file_size))
        co_return std::unexpected(UploadProblem{413, "File size limit exceeded", false});
      if (auto written = co_await (*writer)->write(std::span(buffer_).first(*n)); !written)
        co_return Failed(written.error());
    }
    if (auto stored = co_await (*writer)->commit(); !stored) co_return Failed(stored.error());
    stored_.push_back(key);
    bytes_ += size;
    co_return key.id;
  }

  // Makes what is stored usable, or takes it back.
  asio::awaitable<UploadForm::Outcome<void>> Finish() {
    if (stored_.empty()) co_return UploadForm::Outcome<void>();
    if (auto owned = co_await OwnSession(api_, session_, owner_); !owned) {
      auto problem = Failed(owned.error());
      co_await Discard();
      co_return problem;
    }
    api_.log.Write(Severity::kInfo, "files uploaded",
                   {{"request", call_.request.id},
                    {"trace", call_.request.trace.trace_id},
                    {"session", session_},
                    {"files", static_cast<std::int64_t>(stored_.size())},
                    {"bytes", static_cast<std::int64_t>(bytes_)}});
    co_return UploadForm::Outcome<void>();
  }

  // What cannot be removed now nobody can reach, and the janitor finds it.
  asio::awaitable<void> Discard() {
    for (const ObjectKey& key : stored_) (void)co_await ObjectsFor(api_, call_).remove(key);
    stored_.clear();
  }

 private:
  std::unexpected<UploadProblem> Failed(const Error& error) {
    api_.log.Write(
        Severity::kError, "upload not stored",
        {{"request", call_.request.id}, {"trace", call_.request.trace.trace_id}, {"detail", error.message}});
    if (error.code == ErrorCode::kUnavailable)
      return std::unexpected(UploadProblem{503, "Service is temporarily unavailable", false});
    return std::unexpected(UploadProblem{500, "Error uploading files", false});
  }

  const ApiContext& api_;
  const ApiCall& call_;
  UploadForm& form_;
  const std::string owner_;
  const std::string session_ = NewId();
  std::vector<char> buffer_ = std::vector<char>(kChunk);
  std::vector<ObjectKey> stored_;
  std::uint64_t bytes_ = 0;
};

Response Refuse(const UploadProblem& problem) {
  return problem.status == 503 ? RetryLater(problem.text) : ErrorResponse(problem.status, problem.text);
}

// Whose the files will be.
asio::awaitable<UploadForm::Outcome<std::string>> ReadOwner(const ApiCall& call, UploadForm& form) {
  auto scope = co_await form.ReadScope();
  if (!scope) co_return std::unexpected(scope.error());
  auto owner = SessionKey(call.principal, *scope);
  if (!owner) co_return std::unexpected(UploadProblem{400, owner.error().message});
  co_return std::move(*owner);
}

// All files or none: the ids of what is stored, as `files` of the answer.
asio::awaitable<UploadForm::Outcome<json::array>> StoreAll(UploadForm& form, Filling& filling) {
  json::array files;
  while (true) {
    auto file = co_await form.NextFile();
    if (!file) co_return std::unexpected(file.error());
    if (!*file) co_return files;
    auto id = co_await filling.Store(**file);
    if (!id) co_return std::unexpected(id.error());
    files.push_back(json::object{{"filename", (*file)->name}, {"fileId", *id}});
  }
}

struct BatchResult {
  json::array files;
  int succeeded = 0, failed = 0;
  bool limit_reached = false;

  void Add(const std::string& name, const UploadForm::Outcome<std::string>& id) {
    if (id) {
      ++succeeded;
      files.push_back(json::object{{"status", "success"}, {"filename", name}, {"fileId", *id}});
    } else {
      ++failed;
      files.push_back(json::object{{"status", "error"}, {"filename", name}, {"error", id.error().text}});
    }
  }
};

// Each file for itself; only what breaks the stream is everybody's problem.
asio::awaitable<UploadForm::Outcome<BatchResult>> StoreEach(UploadForm& form, Filling& filling) {
  BatchResult result;
  while (true) {
    auto file = co_await form.NextFile();
    if (!file && file.error().fatal) co_return std::unexpected(file.error());
    if (file && !*file) co_return result;
    if (result.succeeded + result.failed == kMaxBatch) {
      result.limit_reached = true;
      continue;
    }
    if (!file) {
      result.Add(form.refused_name(), std::unexpected(file.error()));
      continue;
    }
    auto id = co_await filling.Store(**file);
    if (!id && id.error().fatal) co_return std::unexpected(id.error());
    result.Add((*file)->name, id);
  }
}

json::object Success(const Filling& filling, std::string_view message, json::array files) {
  // session_id: what clients before storage_session_id read.
  return {{"message", message},
          {"storage_session_id", filling.session()},
          {"session_id", filling.session()},
          {"files", std::move(files)}};
}

Response AllStored(const Filling& filling, json::array files) {
  return JsonResponse(200, Success(filling, "success", std::move(files)));
}

Response EachStored(const Filling& filling, BatchResult result) {
  const char* message = result.failed == 0 ? "success" : result.succeeded == 0 ? "error" : "partial_success";
  json::object body = Success(filling, message, std::move(result.files));
  body["succeeded"] = result.succeeded;
  body["failed"] = result.failed;
  if (result.limit_reached) {
    body["filesLimitReached"] = true;
    body["maxFiles"] = kMaxBatch;
  }
  return JsonResponse(result.succeeded == 0 ? 400 : 200, body);
}

// Neither route can be interrupted by a client that leaves: while its body is read the reader tells, and
// afterwards everything is there and may as well be finished.
template <typename Stored>
asio::awaitable<Response> Receive(const ApiContext& api, ApiCall& call,
                                  asio::awaitable<UploadForm::Outcome<Stored>> (*store)(UploadForm&,
                                                                                        Filling&),
                                  Response (*answer)(const Filling&, Stored)) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  auto form = UploadForm::Open(call.request, api.settings);
  if (!form) co_return Refuse(form.error());
  auto owner = co_await ReadOwner(call, *form);
  if (!owner) co_return Refuse(owner.error());
  Filling filling(api, call, *form, std::move(*owner));
  auto stored = co_await store(*form, filling);
  if (!stored) {
    co_await filling.Discard();
    co_return Refuse(stored.error());
  }
  if (auto finished = co_await filling.Finish(); !finished) co_return Refuse(finished.error());
  co_return answer(filling, std::move(*stored));
}

}  // namespace

asio::awaitable<Response> HandleUpload(const ApiContext& api, ApiCall& call) {
  return Receive(api, call, StoreAll, AllStored);
}

asio::awaitable<Response> HandleBatchUpload(const ApiContext& api, ApiCall& call) {
  return Receive(api, call, StoreEach, EachStored);
}

}  // namespace codeapi
