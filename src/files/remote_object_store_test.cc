#include "files/remote_object_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>

#include <boost/asio/executor_work_guard.hpp>

#include "files/files_fixture.h"
#include "files/object_json.h"
#include "net/http_client_fixture.h"
#include "store/object_store_contract.h"

namespace codeapi::testing {
namespace {

using ::testing::HasSubstr;

// Threads that work a store's connections; they must outlive it.
class Threads {
 public:
  Threads() {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~Threads() {
    work_.reset();
    for (std::thread& thread : threads_) thread.join();  // when the last upload has ended
  }
  asio::any_io_executor executor() { return io_.get_executor(); }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::vector<std::thread> threads_;
};

class RemoteBackend {
 public:
  RemoteBackend() { reopen(); }
  ObjectStore& store() { return *store_; }
  void close() { store_.reset(); }
  void reopen() {
    store_ = RemoteObjectStore::Open(threads_.executor(), {service_.url() + "/", "secret", {}}).value();
  }
  // Around what is kept until the commit, and around a piece of a streamed upload.
  static std::vector<std::size_t> sizes() {
    return {0, 1, 262'143, 262'144, 262'145, 524'287, 524'288, 524'289, 3'000'000};
  }

 private:
  FileService service_{"secret"};
  Threads threads_;
  std::unique_ptr<ObjectStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Remote, ObjectStoreContract, RemoteBackend);

class RemoteStore : public ::testing::Test {
 protected:
  std::unique_ptr<ObjectStore> open(std::string url, std::string token = "") {
    return RemoteObjectStore::Open(threads_.executor(), {std::move(url), std::move(token), {}}).value();
  }

  // What every call of a store answers that cannot do anything.
  void expect_unavailable(ObjectStore& store) {
    EXPECT_EQ(CodeOf(Await(Put(store, key_, "x"))), ErrorCode::kUnavailable);
    EXPECT_EQ(CodeOf(Await(Put(store, key_, Bytes(2'000'000)))), ErrorCode::kUnavailable);
    EXPECT_EQ(CodeOf(Await(store.open(key_))), ErrorCode::kUnavailable);
    EXPECT_EQ(CodeOf(Await(store.stat(key_))), ErrorCode::kUnavailable);
    EXPECT_EQ(CodeOf(Await(store.list(key_.session))), ErrorCode::kUnavailable);
    EXPECT_EQ(CodeOf(Await(store.sessions("", 10))), ErrorCode::kUnavailable);
    EXPECT_EQ(CodeOf(Await(store.remove(key_))), ErrorCode::kUnavailable);
    EXPECT_EQ(CodeOf(Await(store.check())), ErrorCode::kUnavailable);
  }

  Threads threads_;
  ObjectKey key_{NewId(), NewId()};
};

TEST_F(RemoteStore, AddressesAreChecked) {
  for (const char* url : {"", "127.0.0.1:3000", "ftp://host", "http://host/?x", "http://a b"}) {
    EXPECT_EQ(CodeOf(RemoteObjectStore::Open(threads_.executor(), {url, "", {}})), ErrorCode::kInvalid)
        << url;
  }
}

TEST_F(RemoteStore, AServerThatIsAwayIsUnavailable) {
  std::string url;
  {
    FileService gone;
    url = gone.url();
  }
  const auto store = open(url);
  expect_unavailable(*store);
}

TEST_F(RemoteStore, AWrongTokenIsUnavailableAndSaysSo) {
  FileService service("secret");
  for (const char* token : {"", "wrong"}) {
    const auto store = open(service.url(), token);
    expect_unavailable(*store);
    EXPECT_THAT(Await(store->check()).error().message, HasSubstr("CODEAPI_INTERNAL_SERVICE_TOKEN"));
  }
}

Handler Answering(int status, std::string body) {
  return [=](Request& request) -> asio::awaitable<Response> {
    (void)co_await request.body.read_all(64uz << 20);
    co_return TextResponse(status, body, "application/json");
  };
}

// A server that gives one answer to everything.
Router OneAnswer(int status, const std::string& body) {
  Router router;
  for (const char* method : {"GET", "PUT", "DELETE"}) {
    router.add(method, "/sessions/{session}/objects/{id}", Answering(status, body));
    router.add(method, "/sessions/{session}/objects/{id}/metadata", Answering(status, body));
  }
  router.add("GET", "/sessions/{session}/objects", Answering(status, body));
  router.add("GET", "/sessions", Answering(status, body));
  router.add("GET", "/ready", Answering(200, "{}"));
  return router;
}

TEST_F(RemoteStore, AnswersWithoutSenseAreUnavailable) {
  const std::string object =
      R"({"id":"ID","storage_session_id":"SESSION","filename":"a","contentType":"b","etag":"c","size":1,
          "lastModified":"2026-01-02T03:04:05.678Z"})";
  for (const std::string& body :
       {std::string(), std::string("<html>"), std::string("{}"), std::string("[]"), std::string("[1]"),
        object, "[" + object + "]", std::string(R"({"sessions":["../../etc"]})"),
        std::string(R"({"sessions":[1]})")}) {
    TestServer server(OneAnswer(200, body));
    const auto store = open("http://127.0.0.1:" + std::to_string(server.port()));
    EXPECT_EQ(CodeOf(Await(Put(*store, key_, "x"))), ErrorCode::kUnavailable) << body;
    EXPECT_EQ(CodeOf(Await(store->open(key_))), ErrorCode::kUnavailable) << body;
    EXPECT_EQ(CodeOf(Await(store->stat(key_))), ErrorCode::kUnavailable) << body;
    if (body != "[]") EXPECT_EQ(CodeOf(Await(store->list(key_.session))), ErrorCode::kUnavailable) << body;
    EXPECT_EQ(CodeOf(Await(store->sessions("", 10))), ErrorCode::kUnavailable) << body;
  }
}

TEST_F(RemoteStore, StatusesHaveTheirMeanings) {
  for (const auto& [status, code] :
       std::initializer_list<std::pair<int, ErrorCode>>{{400, ErrorCode::kInvalid},
                                                        {401, ErrorCode::kUnavailable},
                                                        {404, ErrorCode::kNotFound},
                                                        {409, ErrorCode::kConflict},
                                                        {413, ErrorCode::kTooLarge},
                                                        {500, ErrorCode::kUnavailable},
                                                        {503, ErrorCode::kUnavailable},
                                                        {302, ErrorCode::kUnavailable},
                                                        {204, ErrorCode::kUnavailable}}) {
    TestServer server(OneAnswer(status, ""));
    const auto store = open("http://127.0.0.1:" + std::to_string(server.port()));
    EXPECT_EQ(CodeOf(Await(Put(*store, key_, "x"))), code) << status;
    EXPECT_EQ(CodeOf(Await(Put(*store, key_, Bytes(2'000'000)))), code) << status;
    EXPECT_EQ(CodeOf(Await(store->open(key_))), code) << status;
    EXPECT_EQ(CodeOf(Await(store->stat(key_))), code) << status;
    EXPECT_EQ(CodeOf(Await(store->remove(key_))), code) << status;
  }
}

// Ends after half of what it announced.
class HalfBody final : public BodySource {
 public:
  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    if (std::exchange(done_, true)) co_return Fail(ErrorCode::kInternal, "gone");
    std::ranges::fill(into, 'h');
    co_return into.size();
  }
  std::optional<std::uint64_t> length() const override { return 1'000'000; }

 private:
  bool done_ = false;
};

TEST_F(RemoteStore, AnObjectCutShortIsNeverAShortSuccess) {
  Router router;
  router.add("GET", "/sessions/{session}/objects/{id}", [](Request&) -> asio::awaitable<Response> {
    Response response;
    response.headers = {{"Content-Type", "a/b"},
                        {"ETag", "\"x\""},
                        {"X-Last-Modified", "2026-01-02T03:04:05.678Z"},
                        {"X-Original-Filename", "a"}};
    response.body = std::make_unique<HalfBody>();
    co_return response;
  });
  TestServer server(std::move(router));
  const auto store = open("http://127.0.0.1:" + std::to_string(server.port()));
  // The end may be noticed before the beginning is looked at.
  EXPECT_EQ(CodeOf(Await(Get(*store, key_))), ErrorCode::kUnavailable);
}

TEST_F(RemoteStore, ARefusalEndsAnUploadBeforeItsEnd) {
  FileService service;
  const auto store = open(service.url());
  ASSERT_TRUE(Await(Put(*store, key_, "first")));
  auto writer = Await(store->create(key_, {}));
  ASSERT_TRUE(writer);
  // The server says no at the commit, or while there is still more; never does the writer wait for ever.
  const std::string piece = Bytes(100'000);
  Result<void> written;
  for (int i = 0; i < 200 && written; ++i) written = Await((*writer)->write(piece));
  const auto code = written ? CodeOf(Await((*writer)->commit())) : CodeOf(written);
  EXPECT_EQ(code, ErrorCode::kConflict);
  EXPECT_EQ(CodeOf(Await((*writer)->commit())), ErrorCode::kInvalid);
}

TEST_F(RemoteStore, WhatWasStoredBeforeTheConnectionBrokeIsFound) {
  // Stores the object and then resets the connection instead of answering.
  FileService service;
  Router router;
  router.add("PUT", "/sessions/{session}/objects/{id}", [&](Request& request) -> asio::awaitable<Response> {
    const auto body = co_await request.body.read_all(64uz << 20);
    (void)co_await Put(service.store(), key_, *body);
    Response response;
    response.body = std::make_unique<HalfBody>();
    co_return response;
  });
  router.add("GET", "/sessions/{session}/objects/{id}/metadata", [&](Request&) -> asio::awaitable<Response> {
    const auto info = co_await service.store().stat(key_);
    if (!info) co_return ErrorResponse(404, "File not found");
    co_return JsonResponse(200, MetadataJson(*info));
  });
  TestServer server(std::move(router));
  const auto store = open("http://127.0.0.1:" + std::to_string(server.port()));
  for (const std::size_t size : {5uz, 2'000'000uz}) {
    key_ = {NewId(), NewId()};
    const auto put = Await(Put(*store, key_, Bytes(size)));
    ASSERT_TRUE(put) << put.error().message;
    EXPECT_EQ(put->size, size);
  }
}

TEST_F(RemoteStore, AViewOfATraceTakesItAlongAndEndsWithTheStore) {
  std::mutex mutex;
  std::vector<std::string> traces, spans;
  ServerOptions options;
  options.observe = [&](const Request& request, int) {
    const std::lock_guard lock(mutex);
    traces.push_back(request.trace.trace_id);
    spans.push_back(request.trace.span_id);
  };
  const TraceContext trace = NewTrace();
  std::unique_ptr<ObjectReader> reader;
  {
    FileService service("", nullptr, std::move(options));
    auto store = open(service.url());
    const auto view = store->traced(trace.Header());
    ASSERT_TRUE(view);
    ASSERT_TRUE(Await(Put(*view, key_, "small")));
    const ObjectKey large{key_.session, NewId()};
    ASSERT_TRUE(Await(Put(*view, large, Bytes(2'000'000))));
    EXPECT_EQ(Await(Get(*view, key_)), "small");
    ASSERT_TRUE(Await(view->list(key_.session)));
    ASSERT_TRUE(Await(store->stat(key_)));  // the store itself belongs to no trace
    reader = Await(view->open(large)).value();
    store.reset();
    std::vector<char> buffer(10);
    EXPECT_EQ(CodeOf(Await(reader->read(buffer))), ErrorCode::kUnavailable);
    EXPECT_EQ(CodeOf(Await(Put(*view, {NewId(), NewId()}, "x"))), ErrorCode::kUnavailable);
    reader.reset();
  }
  // The one that is of another trace is the store's own.
  ASSERT_GE(traces.size(), 5u);
  EXPECT_EQ(std::ranges::count(traces, trace.trace_id), static_cast<std::ptrdiff_t>(traces.size()) - 1);
  EXPECT_EQ(std::set<std::string>(spans.begin(), spans.end()).size(), spans.size());
  EXPECT_THAT(spans, ::testing::Not(::testing::Contains(trace.span_id)));
}

}  // namespace
}  // namespace codeapi::testing
