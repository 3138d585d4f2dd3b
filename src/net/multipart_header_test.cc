#include "net/multipart_header.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace codeapi {
namespace {

// The file name that `disposition` (behind the field's name) stands for; nothing when it is refused.
std::optional<std::string> FileName(const std::string& parameters) {
  const auto part =
      ParseMultipartHeader("Content-Disposition: form-data; name=\"file\"; " + parameters + "\r\n");
  if (!part) {
    EXPECT_EQ(part.error().code, ErrorCode::kInvalid);
    return std::nullopt;
  }
  return part->filename.value_or("(field)");
}

std::optional<std::string> Boundary(std::string_view content_type) {
  const auto boundary = ParseMultipartBoundary(content_type);
  return boundary ? std::optional(*boundary) : std::nullopt;
}

TEST(MultipartBoundary, IsFound) {
  EXPECT_EQ(Boundary("multipart/form-data; boundary=--------------------------0123456789abcdef01234567"),
            "--------------------------0123456789abcdef01234567");
  EXPECT_EQ(Boundary("Multipart/Form-Data ;charset=utf-8; BOUNDARY=\"a b:c?\"; x=y"), "a b:c?");
  EXPECT_EQ(Boundary("multipart/form-data; boundary=a=b/c"), "a=b/c");
  EXPECT_EQ(Boundary("multipart/form-data;; boundary=x ;"), "x");
  EXPECT_EQ(Boundary("multipart/form-data; boundary=" + std::string(70, 'b')), std::string(70, 'b'));
}

TEST(MultipartBoundary, IsRefused) {
  for (const std::string type :
       {"", "multipart/form-data", "multipart/form-data; boundary",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a", "multipart/mixed; boundary=a", "application/json; boundary=a",
        "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\\\"b\"", "multipart/form-data; boundary=\"a\"b",
        "multipart/form-data; boundary=\xc3\xa9", "multipart/form-data; bound ary=a",
        "multipart/form-data boundary=a"}) {
    EXPECT_EQ(Boundary(type), std::nullopt) << type;
  }
  EXPECT_EQ(Boundary("multipart/form-data; boundary=" + std::string(71, 'b')), std::nullopt);
  EXPECT_EQ(Boundary(std::string("multipart/form-data; boundary=a\0b", 33)), std::nullopt);
}

TEST(MultipartHeader, FieldsAndFiles) {
  const auto field = ParseMultipartHeader("Content-Disposition: form-data; name=\"kind\"\r\n");
  ASSERT_TRUE(field);
  EXPECT_EQ(std::tie(field->name, field->filename, field->content_type),
            std::tuple("kind", std::nullopt, "text/plain"));
  const auto file = ParseMultipartHeader(
      "content-disposition:form-data;name=f;filename=x.csv\r\nCONTENT-TYPE:\t text/csv; charset=utf-8 \r\n"
      "Content-Transfer-Encoding: Binary\r\nX-Unknown: \x80\r\nContent-Length: 5\r\n");
  ASSERT_TRUE(file);
  EXPECT_EQ(std::tie(file->name, file->filename, file->content_type),
            std::tuple("f", "x.csv", "text/csv; charset=utf-8"));
  const auto untyped = ParseMultipartHeader("Content-Disposition: form-data; name=f; filename=\"\"\r\n");
  ASSERT_TRUE(untyped);
  EXPECT_EQ(std::tie(untyped->filename, untyped->content_type), std::tuple("", "application/octet-stream"));
}

TEST(MultipartHeader, FileNamesAreKeptByteForByte) {
  const std::string long_name = std::string(250, 'n') + ".html";
  for (const std::string name :
       {"plain.txt", "with space .txt", " lead and trail ", "semi;colon=\xc3\xa9.csv", "skills/pdf/ref.md",
        "../../etc/passwd", "/abs", "C:\\dir\\x.txt",
        "\xf0\x9f\x90\x8d snake \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb.py",
        "\xe2\x80\xae"
        "gnp.exe",
        "e\xcc\x81 decomposed", "100%.txt", "%20%2F%0d.txt", "per%2", "'quotes'",
        "\xef\xbb\xbf"
        "bom"}) {
    EXPECT_EQ(FileName("filename=\"" + name + "\""), name);
  }
  EXPECT_EQ(FileName("filename=\"" + long_name + "\""), long_name);
}

TEST(MultipartHeader, EscapesOfFileNames) {
  EXPECT_EQ(FileName("filename=\"say %22hi%22.txt\""), "say \"hi\".txt");
  EXPECT_EQ(FileName("filename=\"say \\\"hi\\\".txt\""), "say \"hi\".txt");
  EXPECT_EQ(FileName("filename=\"a\\\\b\\c\""), "a\\b\\c");
  EXPECT_EQ(FileName("filename*=UTF-8''%e2%82%AC%20rates.txt; filename=\"EUR rates.txt\""),
            "\xe2\x82\xac rates.txt");
  EXPECT_EQ(FileName("filename=\"x\"; filename*=utf-8'en'%2522.txt"), "%22.txt");
  EXPECT_EQ(FileName("filename*=\"UTF-8''a\""), "a");
  EXPECT_EQ(FileName("filename*=UTF-8''"), "");
}

TEST(MultipartHeader, BadFileNamesAreRefused) {
  for (const std::string parameters : {"filename=\"a%0Ab\"",
                                       "filename=\"a%0D%0Ab\"",
                                       "filename=\"tab\there\"",
                                       "filename=\"\x7f\"",
                                       "filename=\"\x1b[2J\"",
                                       "filename=\"caf\xe9\"",
                                       "filename=\"\xed\xa0\x80\"",
                                       "filename=\"\xc0\xaf\"",
                                       "filename=\"open",
                                       "filename=\"back\\\"",
                                       "filename=\"a\" b",
                                       "filename=\"a\"; filename=\"b\"",
                                       "filename*=UTF-8''a; filename*=UTF-8''b",
                                       "filename*=ISO-8859-1''caf%e9",
                                       "filename*=UTF-8''caf%e9",
                                       "filename*=UTF-8''%0a",
                                       "filename*=UTF-8''%00",
                                       "filename*=UTF-8''%zz",
                                       "filename*=UTF-8''%e",
                                       "filename*=UTF-8''sp ace",
                                       "filename*=UTF-8'a",
                                       "filename*=a",
                                       "filename",
                                       "=x",
                                       "name=\"again\""}) {
    EXPECT_EQ(FileName(parameters), std::nullopt) << parameters;
  }
  EXPECT_EQ(FileName(std::string("filename=\"nul\0.txt\"", 18)), std::nullopt);
  EXPECT_EQ(FileName("filename=\"a\r\nX-Evil: 1\""), std::nullopt);
}

TEST(MultipartHeader, BadHeadersAreRefused) {
  const std::string good = "Content-Disposition: form-data; name=\"a\"\r\n";
  ASSERT_TRUE(ParseMultipartHeader(good));
  for (const std::string& lines : {std::string(),
                                   std::string("Content-Type: text/plain\r\n"),
                                   good + good,
                                   std::string("Content-Disposition: attachment; name=\"a\"\r\n"),
                                   std::string("Content-Disposition: form-data\r\n"),
                                   std::string("Content-Disposition: form-data; filename=x\r\n"),
                                   std::string("Content-Disposition: form-data;\r\n name=\"a\"\r\n"),
                                   good + "Content-Type: a/b\r\nContent-Type: c/d\r\n",
                                   good + "Content-Type: multipart/mixed; boundary=b\r\n",
                                   good + "Content-Type: Multipart/digest\r\n",
                                   good + "Content-Type: a/\xc3\xa9\r\n",
                                   good + "Content-Transfer-Encoding: base64\r\n",
                                   good + "Content-Transfer-Encoding: quoted-printable\r\n",
                                   good + "no colon\r\n",
                                   good + ": empty\r\n",
                                   good + "space : x\r\n",
                                   good + "a: b\nc: d\r\n",
                                   good + "a: b\rc: d\r\n",
                                   good + "unended: line",
                                   good + std::string("nul: \0\r\n", 8),
                                   std::string("Content-Disposition: form-data; name=\"\xff\"\r\n"),
                                   std::string("Content-Disposition: form-data; name=\"a%0Ab\"\r\n")}) {
    const auto part = ParseMultipartHeader(lines);
    ASSERT_FALSE(part) << lines;
    EXPECT_EQ(part.error().code, ErrorCode::kInvalid) << lines;
  }
}

}  // namespace
}  // namespace codeapi
