#include "net/router.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

namespace codeapi {
namespace {

class NoBody : public BodyReader {
 public:
  asio::awaitable<Result<std::size_t>> read(std::span<char>) override { co_return 0; }
  std::optional<std::uint64_t> length() const override { return 0; }
};

Handler Named(std::string name) {
  return [name](Request&) -> asio::awaitable<Response> { co_return TextResponse(200, name); };
}

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    router_.add("GET", "/", Named("root"));
    router_.add("GET", "/v1/download/{session}/{file}", Named("download"));
    router_.add("GET", "/v1/files/{session}", Named("list"));
    router_.add("DELETE", "/v1/files/{session}/{file}", Named("delete"));
    router_.add("GET", "/v1/files/recent", Named("recent"));
    router_.add("POST", "/v1/exec", Named("exec"));
    router_.add("POST", "/v1/exec/programmatic/cancel", Named("cancel"));
    router_.add("GET", "/v1/{other}/tail", Named("tail"));
  }

  Response route(std::string method, std::string path) {
    params_ = {};
    NoBody body;
    Request request(body);
    request.method = std::move(method);
    request.path = std::move(path);
    asio::io_context io;
    auto future = asio::co_spawn(io, router_.route(request), asio::use_future);
    io.run();
    params_ = request.params;
    route_ = request.route;
    return future.get();
  }

  std::string text(std::string method, std::string path) {
    return std::get<std::string>(route(std::move(method), std::move(path)).body);
  }

  Router router_;
  Params params_;
  std::string route_;
};

TEST_F(RouterTest, FindsTheTemplateAndItsParameters) {
  EXPECT_EQ(text("GET", "/v1/download/abc/f%201"), "download");
  EXPECT_EQ(params_.get("session"), "abc");
  EXPECT_EQ(params_.get("file"), "f 1");
  EXPECT_EQ(route_, "/v1/download/{session}/{file}");
  EXPECT_EQ(text("GET", "/"), "root");
}

TEST_F(RouterTest, AnEncodedSlashMakesNoSegment) {
  EXPECT_EQ(text("GET", "/v1/files/a%2fb"), "list");
  EXPECT_EQ(params_.get("session"), "a/b");
  EXPECT_EQ(route("POST", "/v1%2fexec").status, 404);
}

TEST_F(RouterTest, DecodesLiteralSegments) {
  EXPECT_EQ(text("POST", "/v1/%65xec"), "exec");
}

TEST_F(RouterTest, DecodesOnlyOnce) {
  EXPECT_EQ(text("GET", "/v1/files/a%252fb"), "list");
  EXPECT_EQ(params_.get("session"), "a%2fb");
}

TEST_F(RouterTest, ALiteralWinsAndFallsBackToAParameter) {
  EXPECT_EQ(text("GET", "/v1/files/recent"), "recent");
  EXPECT_EQ(text("GET", "/v1/files/tail"), "list");
  EXPECT_EQ(text("GET", "/v1/exec/tail"), "tail");
  EXPECT_EQ(params_.get("other"), "exec");
  EXPECT_EQ(params_.all().size(), 1u);
}

TEST_F(RouterTest, UnknownPathsAre404) {
  for (const char* path : {"/v1", "/v1/", "/v1/exec/", "//v1/exec", "/v1/download/abc", "/v1/download//x",
                           "/v1/download/a/b/c", "/V1/exec", "*", ""}) {
    EXPECT_EQ(text("POST", path), R"({"error":"Not found"})") << path;
    EXPECT_EQ(route("POST", path).status, 404) << path;
    EXPECT_EQ(route_, "") << path;
  }
}

TEST_F(RouterTest, AnotherMethodIs405WithAllow) {
  const Response response = route("PUT", "/v1/files/abc");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.get("allow"), "GET, HEAD");
  EXPECT_EQ(route_, "/v1/files/{session}");
  EXPECT_EQ(route("GET", "/v1/exec").headers.get("Allow"), "POST");
}

TEST_F(RouterTest, HeadIsAnsweredByGet) {
  EXPECT_EQ(text("HEAD", "/v1/files/abc"), "list");
  EXPECT_EQ(route("HEAD", "/v1/exec").status, 405);
}

TEST_F(RouterTest, DotSegmentsAreOnlyText) {
  EXPECT_EQ(text("DELETE", "/v1/files/../exec"), "delete");
  EXPECT_EQ(text("GET", "/v1/files/%2e%2e"), "list");
  EXPECT_EQ(params_.get("session"), "..");
}

TEST_F(RouterTest, UnknownPathsCanBeAnsweredOtherwise) {
  router_.otherwise(Named("elsewhere"));
  EXPECT_EQ(text("GET", "/nowhere"), "elsewhere");
  EXPECT_EQ(route_, "");
  EXPECT_EQ(route("DELETE", "/v1/exec").status, 405);
  EXPECT_EQ(text("GET", "/"), "root");
}

}  // namespace
}  // namespace codeapi
