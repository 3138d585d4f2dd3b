#include "base/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace codeapi {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

const std::string kReplacement = "\xEF\xBF\xBD";

std::string Replacements(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += kReplacement;
  return out;
}

std::string Encode(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)),
          byte(0x80 | (c & 0x3F))};
}

// Table 3-7 written down as the standard has it, to compare the decoder against.
struct Row {
  std::vector<std::pair<int, int>> bytes;
};
const std::vector<Row> kTable37 = {
    {{{0x00, 0x7F}}},
    {{{0xC2, 0xDF}, {0x80, 0xBF}}},
    {{{0xE0, 0xE0}, {0xA0, 0xBF}, {0x80, 0xBF}}},
    {{{0xE1, 0xEC}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {{{0xED, 0xED}, {0x80, 0x9F}, {0x80, 0xBF}}},
    {{{0xEE, 0xEF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {{{0xF0, 0xF0}, {0x90, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {{{0xF1, 0xF3}, {0x80, 0xBF}, {0x80, 0xBF}, {0x80, 0xBF}}},
    {{{0xF4, 0xF4}, {0x80, 0x8F}, {0x80, 0xBF}, {0x80, 0xBF}}},
};

bool Fits(const Row& row, std::string_view text) {
  if (text.size() > row.bytes.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int byte = static_cast<unsigned char>(text[i]);
    if (byte < row.bytes[i].first || byte > row.bytes[i].second) return false;
  }
  return true;
}

bool IsCharacter(std::string_view text) {
  return std::ranges::any_of(kTable37,
                             [&](const Row& r) { return text.size() == r.bytes.size() && Fits(r, text); });
}

bool IsBeginning(std::string_view text) {
  return std::ranges::any_of(kTable37,
                             [&](const Row& r) { return text.size() < r.bytes.size() && Fits(r, text); });
}

/// Calls `check` with every string of the given length made of bytes at which table 3-7 changes its mind.
template <typename Check>
void ForEveryEdge(std::size_t length, const Check& check) {
  static const std::string kEdges =
      "\x00\x41\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xFF"s;
  std::vector<std::size_t> digits(length);
  while (true) {
    std::string text;
    for (const std::size_t digit : digits) text += kEdges[digit];
    check(text);
    std::size_t place = 0;
    while (place < length && ++digits[place] == kEdges.size()) digits[place++] = 0;
    if (place == length) return;
  }
}

TEST(IsUtf8, TakesEveryScalarValueAndNoSurrogate) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    if (IsUtf8(Encode(c)) == surrogate) FAIL() << std::hex << static_cast<unsigned>(c);
  }
  EXPECT_FALSE(IsUtf8(Encode(0x110000)));
}

TEST(IsUtf8, AgreesWithTheTableOnEveryEdgeOfOneCharacter) {
  for (std::size_t length = 1; length <= 4; ++length) {
    ForEveryEdge(length, [](const std::string& text) {
      // A string of several characters is well-formed if some split of it is.
      std::vector<bool> good(text.size() + 1);
      good[0] = true;
      for (std::size_t end = 1; end <= text.size(); ++end) {
        for (std::size_t start = 0; start < end; ++start) {
          if (good[start] && IsCharacter(std::string_view(text).substr(start, end - start))) good[end] = true;
        }
      }
      ASSERT_EQ(IsUtf8(text), good[text.size()]) << testing::PrintToString(text);
    });
  }
}

TEST(IsUtf8, RefusesOverlongSurrogateAndTooLargeForms) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("\0"sv));
  EXPECT_TRUE(IsUtf8("na\u00efve \u20ac \U0001F600"));
  EXPECT_FALSE(IsUtf8("\xC0\x80"));              // NUL in two bytes
  EXPECT_FALSE(IsUtf8("\xC1\xBF"));              // DEL in two bytes
  EXPECT_FALSE(IsUtf8("\xE0\x9F\xBF"));          // U+07FF in three
  EXPECT_FALSE(IsUtf8("\xF0\x8F\xBF\xBF"));      // U+FFFF in four
  EXPECT_FALSE(IsUtf8("\xED\xA0\x80"));          // U+D800
  EXPECT_FALSE(IsUtf8("\xED\xBF\xBF"));          // U+DFFF
  EXPECT_FALSE(IsUtf8("\xF4\x90\x80\x80"));      // U+110000
  EXPECT_FALSE(IsUtf8("\xF8\x88\x80\x80\x80"));  // five bytes, of old
  EXPECT_FALSE(IsUtf8("\x80"));
  EXPECT_FALSE(IsUtf8("\xC3"));
  EXPECT_FALSE(IsUtf8("ok\xFF"));
}

TEST(ToUtf8Lossy, WellFormedTextIsUntouched) {
  for (const auto text : {""sv, "plain"sv, "\0x"sv, "\u00e9\u20ac\U0001F600"sv, "\uFFFD"sv}) {
    EXPECT_EQ(ToUtf8Lossy(text), text);
  }
}

TEST(ToUtf8Lossy, EveryMaximalIllFormedPartBecomesOneReplacement) {
  // Unicode, tables 3-8 to 3-11.
  EXPECT_EQ(ToUtf8Lossy("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), Replacements(8) + "A");
  EXPECT_EQ(ToUtf8Lossy("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), Replacements(8) + "A");
  EXPECT_EQ(ToUtf8Lossy("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            Replacements(5) + "A" + Replacements(2) + "B");
  EXPECT_EQ(ToUtf8Lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), Replacements(4) + "A");
}

TEST(ToUtf8Lossy, AnUnfinishedEndIsOneReplacement) {
  EXPECT_EQ(ToUtf8Lossy("a\xC3"), "a" + Replacements(1));
  EXPECT_EQ(ToUtf8Lossy("a\xE2\x82"), "a" + Replacements(1));
  EXPECT_EQ(ToUtf8Lossy("a\xF0\x9F\x98"), "a" + Replacements(1));
}

TEST(ToUtf8Lossy, ALeadByteDoesNotSwallowWhatFollows) {
  EXPECT_EQ(ToUtf8Lossy("\xE2\x82\"}"), Replacements(1) + "\"}");
  EXPECT_EQ(ToUtf8Lossy("\xF0\u00e9"), Replacements(1) + "\u00e9");
  EXPECT_EQ(ToUtf8Lossy("\xFF\xFE"), Replacements(2));
}

TEST(ToUtf8Lossy, TheResultIsAlwaysWellFormedAndStays) {
  for (std::size_t length = 1; length <= 3; ++length) {
    ForEveryEdge(length, [](const std::string& text) {
      const std::string once = ToUtf8Lossy(text);
      ASSERT_TRUE(IsUtf8(once)) << testing::PrintToString(text);
      ASSERT_EQ(ToUtf8Lossy(once), once);
      ASSERT_EQ(once == text, IsUtf8(text)) << testing::PrintToString(text);
    });
  }
}

TEST(TrimPartialCharacter, CutsOnlyAnUnfinishedEnd) {
  const std::string text = "a\u00e9\u20ac\U0001F600";  // 1 + 2 + 3 + 4 bytes
  const std::size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
  ASSERT_EQ(text.size() + 1, std::size(whole));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(TrimPartialCharacter(std::string_view(text).substr(0, cut)), text.substr(0, whole[cut])) << cut;
  }
}

TEST(TrimPartialCharacter, IllFormedBytesStay) {
  for (const auto text : {"\x80"sv, "\x80\x80\x80\x80"sv, "a\xC0"sv, "a\xFF"sv, "\xE0\x80"sv, "\xED\xA0"sv,
                          "\xF4\x90"sv, "\xF0\x8F\xBF"sv, "\xF5"sv, "\xC3\xC3x"sv, "\xC2\x80\x80"sv}) {
    EXPECT_EQ(TrimPartialCharacter(text), text) << testing::PrintToString(text);
  }
  EXPECT_EQ(TrimPartialCharacter("\xC3\xC3"), "\xC3");  // only the second can still become something
}

TEST(TrimPartialCharacter, AgreesWithTheTableOnEveryEdge) {
  for (std::size_t length = 1; length <= 4; ++length) {
    ForEveryEdge(length, [](const std::string& text) {
      std::size_t keep = text.size();
      for (std::size_t start = 0; start < text.size(); ++start) {
        if (IsBeginning(std::string_view(text).substr(start))) keep = start;
      }
      ASSERT_EQ(TrimPartialCharacter(text).size(), keep) << testing::PrintToString(text);
    });
  }
}

TEST(WorkspaceNameProblem, OrdinaryNamesHaveNone) {
  for (const auto name :
       {"a"sv, "data.csv"sv, "a/b/c.txt"sv, ".hidden"sv, "..."sv, "..a"sv, "a.."sv, "a/..b"sv, "with space"sv,
        "r\u00e9sum\u00e9.pdf"sv, "-rf"sv, "line\nbreak"sv, "~"sv, "C:x"sv}) {
    EXPECT_EQ(WorkspaceNameProblem(name), "") << name;
  }
}

TEST(WorkspaceNameProblem, SaysWhatIsWrong) {
  EXPECT_EQ(WorkspaceNameProblem(""), "is empty");
  EXPECT_EQ(WorkspaceNameProblem("/etc/passwd"), "is not relative");
  EXPECT_EQ(WorkspaceNameProblem("/"), "is not relative");
  EXPECT_EQ(WorkspaceNameProblem("a\\b"), "has a backslash");
  EXPECT_EQ(WorkspaceNameProblem("a\0b"sv), "has a NUL byte");
  EXPECT_EQ(WorkspaceNameProblem("\0"sv), "has a NUL byte");
  EXPECT_EQ(WorkspaceNameProblem("a\xFF"), "is not UTF-8");
  EXPECT_EQ(WorkspaceNameProblem("\xC0\xAE\xC0\xAE/x"), "is not UTF-8");  // an overlong ".."
  EXPECT_EQ(WorkspaceNameProblem("a//b"), "has an empty segment");
  EXPECT_EQ(WorkspaceNameProblem("a/"), "has an empty segment");
  EXPECT_EQ(WorkspaceNameProblem("."), "has a '.' segment");
  EXPECT_EQ(WorkspaceNameProblem("./a"), "has a '.' segment");
  EXPECT_EQ(WorkspaceNameProblem("a/./b"), "has a '.' segment");
  EXPECT_EQ(WorkspaceNameProblem("a/."), "has a '.' segment");
  EXPECT_EQ(WorkspaceNameProblem(".."), "escapes the workspace");
  EXPECT_EQ(WorkspaceNameProblem("../x"), "escapes the workspace");
  EXPECT_EQ(WorkspaceNameProblem("a/../b"), "escapes the workspace");
  EXPECT_EQ(WorkspaceNameProblem("a/b/.."), "escapes the workspace");
}

TEST(WorkspaceNameProblem, LengthIsCountedInBytesAndInclusive) {
  EXPECT_EQ(WorkspaceNameProblem(std::string(127, 'a') + "/" + std::string(128, 'b')), "");
  EXPECT_EQ(WorkspaceNameProblem(std::string(128, 'a') + "/" + std::string(128, 'b')),
            "is longer than 256 bytes");
  EXPECT_EQ(WorkspaceNameProblem("\u00e9\u00e9", 4), "");
  EXPECT_EQ(WorkspaceNameProblem("\u00e9\u00e9", 3), "is longer than 3 bytes");
}

TEST(WorkspaceNameProblem, ASegmentHoldsWhatTheKernelTakes) {
  EXPECT_EQ(WorkspaceNameProblem(std::string(255, 'a')), "");
  EXPECT_EQ(WorkspaceNameProblem(std::string(256, 'a')), "has a segment longer than 255 bytes");
  EXPECT_EQ(WorkspaceNameProblem("x/" + std::string(256, 'a'), 1000), "has a segment longer than 255 bytes");
}

TEST(WorkspaceNameProblem, DepthIsInclusive) {
  EXPECT_EQ(WorkspaceNameProblem("1/2/3/4/5/6/7/8/9/10"), "");
  EXPECT_EQ(WorkspaceNameProblem("1/2/3/4/5/6/7/8/9/10/11"), "is nested deeper than 10 levels");
  EXPECT_EQ(WorkspaceNameProblem("a", 256, 1), "");
  EXPECT_EQ(WorkspaceNameProblem("a/b", 256, 1), "is nested deeper than 1 levels");
}

TEST(PercentEncode, KeepsAttrCharsOnly) {
  EXPECT_EQ(PercentEncode(""), "");
  EXPECT_EQ(PercentEncode("aZ09!#$&+-.^_`|~"), "aZ09!#$&+-.^_`|~");
  EXPECT_EQ(PercentEncode("a b"), "a%20b");
  EXPECT_EQ(PercentEncode("*'()%/\";,\\\r\n"), "%2A%27%28%29%25%2F%22%3B%2C%5C%0D%0A");
  EXPECT_EQ(PercentEncode("\u20ac"), "%E2%82%AC");
  EXPECT_EQ(PercentEncode("\0\xFF"sv), "%00%FF");
}

TEST(PercentDecode, LeavesMalformedEscapesAlone) {
  EXPECT_EQ(PercentDecode(""), "");
  EXPECT_EQ(PercentDecode("%41%6a%4A"), "AjJ");
  EXPECT_EQ(PercentDecode("%2f%2F"), "//");
  EXPECT_EQ(PercentDecode("%00"), "\0"s);
  EXPECT_EQ(PercentDecode("a+b"), "a+b");
  EXPECT_EQ(PercentDecode("%"), "%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("x%4"), "x%4");
  EXPECT_EQ(PercentDecode("%4g%g4"), "%4g%g4");
  EXPECT_EQ(PercentDecode("%%41"), "%A");
  EXPECT_EQ(PercentDecode("%2541"), "%41");  // once, not twice
  EXPECT_EQ(PercentDecode("%-1% 1"), "%-1% 1");
}

TEST(PercentDecode, UndoesPercentEncodeForEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
}

TEST(AsciiLower, TouchesAsciiLettersOnly) {
  EXPECT_EQ(AsciiLower(""), "");
  EXPECT_EQ(AsciiLower("AbZ@[`{09"), "abz@[`{09");
  EXPECT_EQ(AsciiLower("\u00c9\xC1"), "\u00c9\xC1");
  EXPECT_EQ(AsciiLower("A\0B"sv), "a\0b"s);
}

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("abc", ""), 3U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("same", "same"), 0U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("flaw", "lawn"), 2U);
  EXPECT_EQ(EditDistance("ab", "ba"), 2U);  // a swap is two edits
  EXPECT_EQ(EditDistance("saturday", "sunday"), 3U);
  EXPECT_EQ(EditDistance("a", "b"), 1U);
}

TEST(EditDistance, IsSymmetricAndObeysTheTriangle) {
  const std::string_view words[] = {"",      "a",       "port",         "host",
                                    "ports", "support", "CODEAPI_HOST", "CODEAPI_ROOT"};
  for (const auto a : words) {
    for (const auto b : words) {
      EXPECT_EQ(EditDistance(a, b), EditDistance(b, a));
      for (const auto c : words) EXPECT_LE(EditDistance(a, c), EditDistance(a, b) + EditDistance(b, c));
    }
  }
}

}  // namespace
}  // namespace codeapi
