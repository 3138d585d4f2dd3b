// The public routes over real stores and a real queue; the test plays the worker.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/api_context.h"
#include "store/in_process_job_queue.h"
#include "store/sqlite_state_store.h"
#include "worker/execution.h"
#include "worker/testing.h"

namespace codeapi::testing {

/// A body that is there already.
class TextBody final : public BodyReader {
 public:
  explicit TextBody(std::string text, bool announced = true)
      : text_(std::move(text)), announced_(announced) {}
  awaitable<Result<std::size_t>> read(std::span<char> into) override {
    ++reads;
    if (error) co_return std::unexpected(*error);
    const std::size_t n = std::min<std::size_t>({into.size(), text_.size() - offset_, 1000});
    if (n == 0 && error_at_end) co_return std::unexpected(*error_at_end);
    std::copy_n(text_.data() + offset_, n, into.data());
    offset_ += n;
    co_return n;
  }
  std::optional<std::uint64_t> length() const override {
    return announced_ ? std::optional<std::uint64_t>(text_.size()) : std::nullopt;
  }

  int reads = 0;
  std::optional<Error> error;
  std::optional<Error> error_at_end;  ///< instead of the end

 private:
  std::string text_;
  bool announced_;
  std::size_t offset_ = 0;
};

class ApiTest : public ::testing::Test {
 protected:
  static constexpr const char* kMe = "local:user:local-test-user";

  /// A response with its body read to the end.
  struct Answer {
    int status = 0;
    Headers headers;
    std::string body;
    bool whole = true;  ///< false when the body broke off
  };

  awaitable<Answer> Send(std::string method, std::string target, BodyReader& body, Headers headers = {}) {
    Request request(body);
    request.method = std::move(method);
    request.target = target;
    request.path = target.substr(0, target.find('?'));
    if (target.find('?') != std::string::npos)
      request.query = ParseQuery(target.substr(target.find('?') + 1));
    request.headers = std::move(headers);
    Response response = co_await router.route(request);
    Answer answer{response.status, std::move(response.headers), {}};
    if (auto* text = std::get_if<std::string>(&response.body)) {
      answer.body = std::move(*text);
      co_return answer;
    }
    std::string buffer(1000, '\0');
    while (true) {
      auto n = co_await std::get<std::unique_ptr<BodySource>>(response.body)->read(buffer);
      answer.whole = n.has_value();
      if (!n || *n == 0) co_return answer;
      answer.body.append(buffer, 0, *n);
    }
  }
  awaitable<Answer> Get(std::string target) {
    TextBody body("");
    co_return co_await Send("GET", std::move(target), body);
  }
  awaitable<Answer> Exec(std::string text) {
    TextBody body(std::move(text));
    const Headers headers{{"Content-Type", "application/json"}};
    co_return co_await Send("POST", "/v1/exec", body, headers);
  }

  /// Takes one job as a worker does and answers it.
  awaitable<ExecutionRequest> Serve(ExecutionAnswer answer) {
    auto lease = co_await queue->take();
    EXPECT_TRUE(lease);
    auto request = ExecutionRequest::Decode(lease->job().payload);
    EXPECT_TRUE(request);
    EXPECT_EQ(request->id, lease->job().id);
    EXPECT_TRUE(co_await lease->complete(answer.Encode()));
    co_return std::move(*request);
  }

  awaitable<void> Own(std::string session, std::string owner) {
    EXPECT_TRUE(co_await state->put(OwnerKey(session), std::move(owner)));
  }
  awaitable<std::optional<std::string>> OwnerOf(std::string session) {
    auto owner = co_await state->get(OwnerKey(session));
    EXPECT_TRUE(owner);
    co_return *owner;
  }

  /// The routes' context with another state store.
  ApiContext ContextOver(StateStore& other) {
    return {settings,       *queue, other,   store, log,
            *authenticator, rates,  running, plans, [this]() -> awaitable<bool> { co_return healthy; }};
  }

  TempDir dir;
  asio::io_context io;
  RecordingLog log;
  Settings settings;
  std::unique_ptr<InProcessJobQueue> queue =
      std::make_unique<InProcessJobQueue>(InProcessJobQueueOptions{.max_waiting = 2});
  std::unique_ptr<SqliteStateStore> state = *SqliteStateStore::Open(dir / "state.sqlite");
  std::unique_ptr<DirectoryObjectStore> objects = *DirectoryObjectStore::Open(dir / "files");
  FaultyStore store{*objects};
  bool healthy = true;
  std::unique_ptr<Authenticator> authenticator = *Authenticator::Make(settings, *state, log);
  RateLimiter rates{settings, *state};
  ConcurrencyLimiter running{1000};
  PlanLimits plans = *PlanLimits::Parse(settings, log);
  ApiContext context = ContextOver(*state);
  Router router = MakeApiRouter(context);
};

}  // namespace codeapi::testing
