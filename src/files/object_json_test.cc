#include "files/object_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;

ObjectInfo Sample(std::string filename = "dir/rates \xe2\x82\xac.tar.gz") {
  ObjectInfo info;
  info.key = {"sssssssssssssssssssss", "iiiiiiiiiiiiiiiiiiiii"};
  info.meta = {std::move(filename), "text/csv; charset=utf-8", false};
  info.size = 12;
  info.last_modified = std::chrono::system_clock::time_point(std::chrono::milliseconds(1767323045678));
  info.etag = "abc";
  return info;
}

TEST(ObjectJson, Details) {
  EXPECT_EQ(ParseDetail("summary"), Detail::kSummary);
  EXPECT_EQ(ParseDetail("full"), Detail::kFull);
  EXPECT_EQ(ParseDetail("normalized"), Detail::kNormalized);
  for (const char* text : {"simple", "", "Full", "everything"}) EXPECT_EQ(ParseDetail(text), Detail::kSimple);
}

TEST(ObjectJson, EveryShape) {
  const ObjectInfo info = Sample();
  EXPECT_EQ(ObjectJson(info, Detail::kSimple), "sssssssssssssssssssss/iiiiiiiiiiiiiiiiiiiii.gz");
  EXPECT_EQ(ObjectJson(info, Detail::kSummary), json::parse(R"({
    "name": "sssssssssssssssssssss/iiiiiiiiiiiiiiiiiiiii.gz", "size": 12, "etag": "abc",
    "lastModified": "2026-01-02T03:04:05.678Z", "fileId": "iiiiiiiiiiiiiiiiiiiii", "id": "iiiiiiiiiiiiiiiiiiiii",
    "storage_session_id": "sssssssssssssssssssss", "filename": "dir/rates €.tar.gz"})"));
  EXPECT_EQ(ObjectJson(info, Detail::kFull), json::parse(R"({
    "name": "sssssssssssssssssssss/iiiiiiiiiiiiiiiiiiiii.gz", "size": 12, "etag": "abc",
    "lastModified": "2026-01-02T03:04:05.678Z", "fileId": "iiiiiiiiiiiiiiiiiiiii", "id": "iiiiiiiiiiiiiiiiiiiii",
    "storage_session_id": "sssssssssssssssssssss", "filename": "dir/rates €.tar.gz",
    "metadata": {"content-type": "text/csv; charset=utf-8", "original-filename": "dir/rates €.tar.gz",
                 "original-filename-encoded": "none"},
    "versionId": null, "contentType": "text/csv; charset=utf-8"})"));
  EXPECT_EQ(ObjectJson(info, Detail::kNormalized), json::parse(R"({
    "id": "iiiiiiiiiiiiiiiiiiiii", "name": "dir/rates €.tar.gz", "storage_session_id": "sssssssssssssssssssss",
    "size": 12, "contentType": "text/csv; charset=utf-8", "lastModified": "2026-01-02T03:04:05.678Z",
    "fileId": "iiiiiiiiiiiiiiiiiiiii", "filename": "dir/rates €.tar.gz"})"));
  EXPECT_EQ(MetadataJson(info), json::parse(R"({
    "name": "sssssssssssssssssssss/iiiiiiiiiiiiiiiiiiiii.gz", "originalFilename": "dir/rates €.tar.gz", "size": 12,
    "lastModified": "2026-01-02T03:04:05.678Z", "etag": "abc", "contentType": "text/csv; charset=utf-8",
    "readOnly": false, "fileId": "iiiiiiiiiiiiiiiiiiiii", "id": "iiiiiiiiiiiiiiiiiiiii",
    "storage_session_id": "sssssssssssssssssssss", "filename": "dir/rates €.tar.gz"})"));
}

TEST(ObjectJson, SealedInputs) {
  ObjectInfo info = Sample();
  info.meta.read_only = true;
  EXPECT_EQ(ObjectJson(info, Detail::kFull).at("metadata").at("read-only"), "true");
  EXPECT_EQ(ObjectJson(info, Detail::kNormalized).at("read_only"), true);
  EXPECT_EQ(MetadataJson(info).at("readOnly"), true);
}

TEST(ObjectJson, ExtensionsAreThoseOfNode) {
  const auto extension = [](std::string name) { return ObjectName(Sample(std::move(name))).substr(43); };
  EXPECT_EQ(extension("a.txt"), ".txt");
  EXPECT_EQ(extension("dir.d/a"), "");
  EXPECT_EQ(extension(".bashrc"), "");
  EXPECT_EQ(extension("d/.bashrc"), "");
  EXPECT_EQ(extension("a."), ".");
  EXPECT_EQ(extension(".."), "");
  EXPECT_EQ(extension("..a"), ".a");
  EXPECT_EQ(extension(""), "");
}

TEST(ObjectJson, SizesAndNamesOfAnyKind) {
  ObjectInfo info = Sample("caf\xe9.csv");
  info.size = std::numeric_limits<std::uint64_t>::max();
  const json::value value = ObjectJson(info, Detail::kSummary);
  EXPECT_EQ(value.at("filename"), "caf\xef\xbf\xbd.csv");
  EXPECT_EQ(value.at("size"), std::numeric_limits<std::uint64_t>::max());
}

}  // namespace
}  // namespace codeapi
