#include "net/http_message.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>

namespace codeapi {
namespace {

// Gives `total` bytes in steps, and counts what it was asked.
class CountingBody : public BodyReader {
 public:
  CountingBody(std::size_t total, bool announced) : total_(total), announced_(announced) {}

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    ++reads;
    const std::size_t size = std::min({into.size(), total_ - given_, std::size_t{1000}});
    std::fill_n(into.data(), size, 'x');
    given_ += size;
    co_return size;
  }
  std::optional<std::uint64_t> length() const override {
    if (!announced_) return std::nullopt;
    return total_;
  }

  int reads = 0;

 private:
  std::size_t total_;
  std::size_t given_ = 0;
  bool announced_;
};

Result<std::string> ReadAll(BodyReader& body, std::size_t limit) {
  asio::io_context io;
  auto future = asio::co_spawn(io, body.read_all(limit), asio::use_future);
  io.run();
  return future.get();
}

TEST(Headers, NamesHaveNoCase) {
  Headers headers;
  headers.add("Content-Type", "a");
  headers.add("content-type", "b");
  EXPECT_EQ(headers.get("CONTENT-TYPE"), "a");
  EXPECT_EQ(headers.count("Content-Type"), 2u);
  headers.set("CONTENT-type", "c");
  EXPECT_EQ(headers.count("Content-Type"), 1u);
  EXPECT_EQ(headers.get("content-type"), "c");
  EXPECT_FALSE(headers.has("Content-Typ"));
  EXPECT_EQ(headers.get("x"), "");
}

TEST(ParseQuery, DecodesNamesAndValues) {
  const Params params = ParseQuery("kind=user&id=a%26b+c&flag&=x&&kind=skill&p=%2B");
  EXPECT_EQ(params.get("kind"), "user");
  EXPECT_EQ(params.get("id"), "a&b c");
  EXPECT_EQ(params.get("p"), "+");
  EXPECT_EQ(params.find("flag"), "");
  EXPECT_EQ(params.find("none"), std::nullopt);
  EXPECT_EQ(params.all().size(), 6u);
  EXPECT_TRUE(ParseQuery("").all().empty());
}

TEST(BodyReader, ReadAllTakesExactlyTheLimit) {
  for (const bool announced : {true, false}) {
    for (const std::size_t size : {0uz, 1uz, 65536uz, 200000uz}) {
      CountingBody body(size, announced);
      const auto got = ReadAll(body, size);
      ASSERT_TRUE(got.has_value());
      EXPECT_EQ(*got, std::string(size, 'x'));
    }
  }
}

TEST(BodyReader, ReadAllRefusesMoreThanTheLimit) {
  CountingBody chunked(5001, false);
  const auto got = ReadAll(chunked, 5000);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, ErrorCode::kTooLarge);
}

TEST(BodyReader, ReadAllDoesNotTouchABodyAnnouncedAsTooLarge) {
  CountingBody body(5001, true);
  const auto got = ReadAll(body, 5000);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(body.reads, 0);
}

TEST(Response, HelpersSetTypeAndBody) {
  const Response json = JsonResponse(201, {{"a", 1}});
  EXPECT_EQ(json.status, 201);
  EXPECT_EQ(json.headers.get("content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(std::get<std::string>(json.body), R"({"a":1})");
  const Response error = ErrorResponse(400, "say \"please\"");
  EXPECT_EQ(boost::json::parse(std::get<std::string>(error.body)).at("error").as_string(), "say \"please\"");
  EXPECT_EQ(TextResponse(200, "x").headers.get("content-type"), "text/plain; charset=utf-8");
}

TEST(Request, MediaTypeHasNoParametersAndNoCase) {
  CountingBody body(0, true);
  Request request(body);
  EXPECT_EQ(request.media_type(), "");
  request.headers.set("Content-Type", "Application/JSON ; charset=utf-8");
  EXPECT_EQ(request.media_type(), "application/json");
}

}  // namespace
}  // namespace codeapi
