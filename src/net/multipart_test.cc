#include "net/multipart.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "net/http_test_server.h"
#include "net/multipart_fixture.h"

namespace codeapi {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=\"-x\"";

// A form as form-data writes it; the content has everything that is nearly a delimiter.
const std::string kNearly = "\r\n--\r\n--x\r\n-\r\r\n\n--" + std::string(100, '-') + "\r\n--y--\r";
const std::string kSample =
    "ignored\r\n---x \t\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\nuser\r\n"
    "---x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.txt\"\r\nContent-Type: "
    "text/csv\r\n\r\n" +
    kNearly +
    "\r\n---x\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
    "---x\r\nContent-Disposition: form-data; name=\"emptier\"\r\n\r\n"
    "---x--\r\nignored\r\n---x\r\n";

ReadForm Read(std::string_view body, std::vector<std::size_t> cuts = {}, std::size_t step = std::string::npos,
              MultipartLimits limits = {}, std::size_t piece = 4096) {
  MemoryBody reader(body, std::move(cuts), step);
  return RunNow(ReadWholeForm(reader, kType, limits, piece));
}

void ExpectSample(const ReadForm& form) {
  ASSERT_FALSE(form.error) << form.error->message;
  ASSERT_EQ(form.parts.size(), 4u);
  EXPECT_EQ(form.parts[0].head.name, "kind");
  EXPECT_EQ(form.parts[0].content, "user");
  EXPECT_EQ(form.parts[1].head.filename, "a b.txt");
  EXPECT_EQ(form.parts[1].head.content_type, "text/csv");
  EXPECT_EQ(form.parts[1].content, kNearly);
  EXPECT_EQ(form.parts[2].content, "");
  EXPECT_EQ(form.parts[3].head.name, "emptier");
  EXPECT_EQ(form.parts[3].content, "");
}

// What is wrong with a body: the error's message, or empty.
std::string Problem(std::string_view body, MultipartLimits limits = {}) {
  const ReadForm form = Read(body, {}, std::string::npos, limits);
  return form.error ? form.error->message : "";
}

std::string Field(const std::string& content, const std::string& name = "a") {
  return "---x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + content + "\r\n";
}

TEST(Multipart, SplitAnywhere) {
  ExpectSample(Read(kSample));
  for (std::size_t cut = 1; cut < kSample.size(); ++cut) {
    SCOPED_TRACE(cut);
    ExpectSample(Read(kSample, {cut}));
    ExpectSample(Read(kSample, {cut, cut + 1, cut + 3}));
  }
  for (const std::size_t step : {1, 2, 3, 5, 7, 64}) ExpectSample(Read(kSample, {}, step));
  for (const std::size_t piece : {1, 2, 3, 5}) ExpectSample(Read(kSample, {}, 3, {}, piece));
}

TEST(Multipart, TruncatedAnywhereIsInvalidAndNeverASuccess) {
  const std::size_t last = kSample.rfind("---x--") + 6;
  for (std::size_t size = 0; size < last; ++size) {
    const ReadForm form = Read(std::string_view(kSample).substr(0, size), {}, 7);
    ASSERT_TRUE(form.error) << size;
    EXPECT_EQ(form.error->code, ErrorCode::kInvalid);
    EXPECT_EQ(form.error->message, "the form is truncated") << size;
  }
  ExpectSample(Read(std::string_view(kSample).substr(0, last)));
}

TEST(Multipart, TheReadersErrorsPassThroughAndStay) {
  for (const ErrorCode code : {ErrorCode::kCancelled, ErrorCode::kDeadline, ErrorCode::kInvalid}) {
    for (std::size_t size = 0; size < kSample.size(); size += 5) {
      MemoryBody body(std::string_view(kSample).substr(0, size));
      body.error = Error{code, "the client's own"};
      auto reader = *MultipartReader::Open(body, kType);
      RunNow([](MultipartReader& form) -> asio::awaitable<bool> {
        Result<std::optional<MultipartPart>> part;
        do part = co_await form.next();
        while (part && *part);
        EXPECT_TRUE(!part && part.error().message == "the client's own");
        char byte[1];
        EXPECT_FALSE(co_await form.read(byte));
        EXPECT_FALSE(co_await form.read_text(10));
        EXPECT_FALSE(co_await form.next());
        co_return true;
      }(reader));
    }
  }
}

TEST(Multipart, NextSkipsAndReadingOutsideAPartIsItsEnd) {
  const std::string big(300'000, 'b');
  const std::string text = Field(big) + Field("second", "b") + "---x--\r\n";
  MemoryBody body(text, {}, 1000);
  auto reader = *MultipartReader::Open(body, kType);
  RunNow([&]() -> asio::awaitable<bool> {
    char bytes[8];
    EXPECT_EQ(*co_await reader.read(bytes), 0u);
    EXPECT_EQ((*co_await reader.next())->name, "a");
    EXPECT_GT(*co_await reader.read(bytes), 0u);
    EXPECT_EQ((*co_await reader.next())->name, "b");
    EXPECT_EQ(*co_await reader.read_text(6), "second");
    EXPECT_EQ(*co_await reader.read(bytes), 0u);
    EXPECT_EQ(*co_await reader.next(), std::nullopt);
    EXPECT_EQ(*co_await reader.next(), std::nullopt);
    EXPECT_EQ(*co_await reader.read(bytes), 0u);
    co_return true;
  }());
  EXPECT_TRUE(body.at_end());
}

TEST(Multipart, TextIsBounded) {
  const std::string text = Field(std::string(5000, 't')) + "---x--\r\n";
  const auto read = [&](std::size_t limit, MultipartLimits limits = {}) {
    MemoryBody body(text);
    auto reader = *MultipartReader::Open(body, kType, limits);
    return RunNow([](MultipartReader& form, std::size_t most) -> asio::awaitable<Result<std::string>> {
      (void)co_await form.next();
      co_return co_await form.read_text(most);
    }(reader, limit));
  };
  EXPECT_EQ(read(5000)->size(), 5000u);
  EXPECT_EQ(read(4999).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read(0).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read(1'000'000, {.max_field_bytes = 4999}).error().code, ErrorCode::kTooLarge);
}

TEST(Multipart, FormsWithoutParts) {
  EXPECT_EQ(Problem("---x--"), "");
  EXPECT_EQ(Problem("\r\n---x--\r\n"), "");
  EXPECT_TRUE(Read("---x--").parts.empty());
  EXPECT_EQ(Problem(""), "the form is truncated");
  EXPECT_EQ(Problem("{\"json\":true}"), "the form is truncated");
}

TEST(Multipart, HostileForms) {
  EXPECT_EQ(Problem(Field("x") + "---xy\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n\r\n---x--"),
            "a boundary of the form cannot be read");
  EXPECT_EQ(Problem("---x\r\n---x\r\n\r\n---x--"), "a header of a part cannot be read");
  EXPECT_EQ(Problem("---x\r\n\r\ncontent\r\n---x--"), "a part has no Content-Disposition");
  EXPECT_EQ(Problem("---x\nContent-Disposition: form-data; name=\"a\"\n\nx\n---x--\n"),
            "the form is truncated");
  EXPECT_EQ(Problem("---x\r\nContent-Disposition: form-data; name=\"a\"\r\n" + std::string(100'000, 'h')),
            "the header of a part is too large");
  EXPECT_EQ(Problem("---x" + std::string(100'000, ' ')), "the header of a part is too large");
}

TEST(Multipart, LimitsAreExact) {
  const std::string lines = "\r\nContent-Disposition: form-data; name=\"a\"\r\nX-Pad: ";
  const auto header = [&](std::size_t size) {
    return "---x" + lines + std::string(size - lines.size() - 4, 'p') + "\r\n\r\nx\r\n---x--";
  };
  EXPECT_EQ(Problem(header(8192)), "");
  EXPECT_EQ(Problem(header(8193)), "the header of a part is too large");
  EXPECT_EQ(Problem(header(200'000), {.max_header_bytes = 200'000}), "");

  EXPECT_EQ(Problem(Field("1") + Field("2") + "---x--", {.max_parts = 2}), "");
  const ReadForm form = Read(Field("1") + Field("2") + "---x--", {}, 5, {.max_parts = 1});
  ASSERT_TRUE(form.error);
  EXPECT_EQ(form.error->code, ErrorCode::kTooLarge);

  const MultipartLimits margin{.max_margin_bytes = 100'000};
  EXPECT_EQ(Problem(std::string(100'000, 'p') + "\r\n" + Field("x") + "---x--", margin), "");
  EXPECT_EQ(Problem(std::string(100'001, 'p') + "\r\n" + Field("x") + "---x--", margin),
            "too much stands before the form");
  EXPECT_EQ(Problem(Field("x") + "---x" + "--" + std::string(99'998, 'e'), margin), "");
  EXPECT_EQ(Problem(Field("x") + "---x" + "--" + std::string(99'999, 'e'), margin),
            "too much stands behind the form");
}

TEST(Multipart, LargeContentOfNearDelimiters) {
  std::string content;
  while (content.size() < 3'000'000) content += "\r\n---\r\n---y\r";
  const ReadForm form = Read(Field(content) + "---x--\r\n", {}, 65'521);
  ASSERT_FALSE(form.error);
  EXPECT_TRUE(form.parts.at(0).content == content);
}

TEST(Multipart, LongestBoundary) {
  const std::string boundary(70, '-');
  const std::string content = "y" + std::string(500, '-');
  const std::string body = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" +
                           content + "\r\n--" + boundary + "--";
  for (std::size_t cut = 1; cut < body.size(); ++cut) {
    MemoryBody reader(body, {cut});
    const ReadForm form = RunNow(ReadWholeForm(reader, "multipart/form-data; boundary=" + boundary, {}, 64));
    ASSERT_FALSE(form.error) << cut;
    EXPECT_EQ(form.parts.at(0).content, content);
  }
}

TEST(Multipart, OverHttpInChunks) {
  Router router;
  router.add("POST", "/upload", [](Request& request) -> asio::awaitable<Response> {
    const ReadForm form = co_await ReadWholeForm(request.body, request.header("Content-Type"), {}, 4096);
    if (form.error) co_return ErrorResponse(400, form.error->message);
    std::string text;
    for (const ReadForm::Part& part : form.parts) {
      text += part.head.filename.value_or(part.head.name) + "=" + std::to_string(part.content.size()) + " ";
    }
    co_return TextResponse(200, text);
  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  std::string request = "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: " +
                        std::string(kType) + "\r\n\r\n";
  for (std::size_t at = 0; at < kSample.size(); at += 16) {
    const std::string chunk = kSample.substr(at, 16);
    const char digit = "0123456789abcdefg"[chunk.size()];
    request += (chunk.size() == 16 ? "10" : std::string(1, digit)) + "\r\n" + chunk + "\r\n";
  }
  request += "0\r\n\r\n";
  const std::string expected = "kind=4 a b.txt=" + std::to_string(kNearly.size()) + " empty=0 emptier=0 ";
  EXPECT_EQ(client.request(request).body, expected);
  EXPECT_EQ(client.request(request).body, expected);  // the connection lives
}

}  // namespace
}  // namespace codeapi
