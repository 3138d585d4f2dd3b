#include "base/media_type.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

TEST(MediaType, IsTakenFromTheLastExtension) {
  EXPECT_EQ(MediaTypeOf("plot.png"), "image/png");
  EXPECT_EQ(MediaTypeOf("a/b.c/report.pdf"), "application/pdf");
  EXPECT_EQ(MediaTypeOf("data.csv.gz"), "application/gzip");
}

TEST(MediaType, IgnoresCase) {
  EXPECT_EQ(MediaTypeOf("PHOTO.JPG"), "image/jpeg");
  EXPECT_EQ(MediaTypeOf("page.HtMl"), "text/html; charset=utf-8");
}

TEST(MediaType, TextSaysItsCharset) {
  for (const char* name : {"a.txt", "a.csv", "a.md", "a.py", "a.js", "a.css", "a.log", "a.tsv"}) {
    EXPECT_TRUE(MediaTypeOf(name).starts_with("text/")) << name;
    EXPECT_TRUE(MediaTypeOf(name).ends_with("; charset=utf-8")) << name;
  }
  EXPECT_EQ(MediaTypeOf("a.json"), "application/json");
}

TEST(MediaType, KnowsTheFirstAndTheLastOfItsTable) {
  EXPECT_EQ(MediaTypeOf("a.7z"), "application/x-7z-compressed");
  EXPECT_EQ(MediaTypeOf("a.zip"), "application/zip");
}

TEST(MediaType, IsBinaryForAnythingElse) {
  for (const char* name : {"", ".", "a", "a.", "Makefile", "a.unknown", "a.zipp", "a.6z", "png", "a.png/"}) {
    EXPECT_EQ(MediaTypeOf(name), "application/octet-stream") << name;
  }
  EXPECT_EQ(MediaTypeOf(".png"), "image/png");
}

}  // namespace
}  // namespace codeapi
