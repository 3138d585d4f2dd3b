#include "store/object_meta_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "store/testing.h"

namespace codeapi {
namespace {

using testing::CodeOf;

const ObjectKey kKey{"sssssssssssssssssssss", "ooooooooooooooooooooo"};

ObjectInfo Sample() {
  return {.key = kKey,
          .meta = {"a/b \"ü\"\n.csv", "text/csv; charset=utf-8", true},
          .size = 1234567890123,
          .last_modified = std::chrono::system_clock::time_point(std::chrono::milliseconds(1700000000123)),
          .etag = std::string(64, 'a')};
}

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ObjectMetaFile, ComesBackAsItWas) {
  const auto decoded = DecodeObjectMeta(kKey, EncodeObjectMeta(Sample()));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, Sample());
}

TEST(ObjectMetaFile, TheLargestFits) {
  ObjectInfo info = Sample();
  info.meta.filename.assign(kMaxObjectFilename, '\x01');  // six bytes each in JSON
  info.meta.content_type.assign(kMaxObjectContentType, '"');
  EXPECT_LE(EncodeObjectMeta(info).size(), kMaxObjectMetaFile);
}

TEST(ObjectMetaFile, RefusesWhatItCannotHaveWritten) {
  const std::string good = EncodeObjectMeta(Sample());
  for (const std::string& bad : {
           std::string(),
           std::string("[]"),
           good.substr(0, good.size() / 2),
           Replace(good, "\"version\":1", "\"version\":2"),
           Replace(good, "\"size\":", "\"size\":-"),
           Replace(good, "\"size\":1", "\"size\":\"1\",\"x\":1"),
           Replace(good, "\"modified_ms\":1700000000123", "\"modified_ms\":9223372036854775807"),
           Replace(good, "aaaa", "AAAA"),
           Replace(good, "\"read_only\"", "\"readonly\""),
           Replace(good, "text/csv", "text\\u0000"),
       }) {
    EXPECT_EQ(CodeOf(DecodeObjectMeta(kKey, bad)), ErrorCode::kInternal) << bad;
  }
}

}  // namespace
}  // namespace codeapi
