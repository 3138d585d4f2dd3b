#include "runtime/source.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

// `stem entry`
std::string Java(std::string_view code) {
  const SourceNames names = NamesInSource(*FindRuntime("java"), code);
  return names.stem + " " + names.entry;
}

constexpr const char* kMain = "{ public static void main(String[] args) {} }";

TEST(JavaNames, ThePublicClassNamesTheFile) {
  EXPECT_EQ(Java(std::string("public class Till ") + kMain), "Till Till");
  EXPECT_EQ(Java(std::string("import java.util.*;\n\npublic final class Till<T> ") + kMain), "Till Till");
  EXPECT_EQ(Java(std::string("public record Point(int x, int y) ") + kMain), "Point Point");
  EXPECT_EQ(Java(std::string("public enum Day { MON; ") + (kMain + 1)), "Day Day");
}

TEST(JavaNames, WithoutOneTheFileIsMain) {
  EXPECT_EQ(Java(std::string("class Till ") + kMain), "Main Till");
  EXPECT_EQ(Java(""), "Main Main");
  EXPECT_EQ(Java("System.out.println(1);"), "Main Main");
}

TEST(JavaNames, TheClassWithMainIsStarted) {
  EXPECT_EQ(Java(std::string("interface A {} class B {} class C ") + kMain + " class D {}"), "Main C");
  EXPECT_EQ(Java(std::string("public class Library {} class Starter ") + kMain), "Library Starter");
  EXPECT_EQ(Java(std::string("class Other ") + kMain + " public class Till " + kMain), "Till Till");
  EXPECT_EQ(Java("public class Till { void notMain() {} }"), "Till Till");
  EXPECT_EQ(Java("class First {} class Second {}"), "Main First");
}

TEST(JavaNames, APackageIsPartOfTheName) {
  EXPECT_EQ(Java(std::string("/* shop */ package com.shop ;\npublic class Till ") + kMain),
            "Till com.shop.Till");
}

TEST(JavaNames, OnlyTheTopLevelCounts) {
  EXPECT_EQ(Java("class Outer { public static class Inner { void main() {} } } "
                 "class Last { static void main(String[] a) {} }"),
            "Main Last");
  EXPECT_EQ(Java("class A { void f() { void main; } } class B {}"), "Main A") << "a call is no declaration";
}

TEST(JavaNames, CommentsAndTextsAreNotLookedAt) {
  EXPECT_EQ(Java(std::string("// public class No {\n/* public class Nor { */ class Yes ") + kMain),
            "Main Yes");
  EXPECT_EQ(
      Java(std::string("class A { String s = \"} public class X {\\\"\"; char c = '}'; } class B ") + kMain),
      "Main B");
  EXPECT_EQ(Java(std::string("class A { String s = \"\"\"\n } public class X { \"\"\"; } class B ") + kMain),
            "Main B");
  EXPECT_EQ(Java(std::string("@Use(Other.class) public class Till ") + kMain), "Till Till");
}

TEST(JavaNames, TheyCannotLeaveTheWorkspaceOrBecomeOptions) {
  EXPECT_EQ(Java("public class " + std::string(5000, 'x') + kMain), "Main Main");
  EXPECT_EQ(Java("public class ../../etc {}"), "Main Main");
  EXPECT_EQ(Java("package -Dx=y; class A {}"), "Main Main");
  EXPECT_EQ(Java("public class \0x {}"), "Main Main");
  EXPECT_EQ(Java("public class A\xff {}"), "Main Main") << "no UTF-8";
}

TEST(JavaNames, UnfinishedSourcesEnd) {
  for (const char* code : {"class", "public class", "\"", "'", "\"\"\"", "/*", "//", "package", "package a.b",
                           "\"\\", "class A {{{{", "}}}} public class A"}) {
    EXPECT_FALSE(Java(code).empty()) << code;
  }
}

TEST(SourceNames, OtherLanguagesHaveFixedOnes) {
  const SourceNames names = NamesInSource(*FindRuntime("py"), "class Till: pass");
  EXPECT_EQ(names.stem, "main");
  EXPECT_EQ(names.entry, "");
}

TEST(SourceText, PhpMayBeWithoutItsTag) {
  const Runtime& php = *FindRuntime("php");
  EXPECT_EQ(SourceText(php, "echo 1;\n"), "<?php echo 1;\n");
  EXPECT_EQ(SourceText(php, "<?php\necho 1;"), "<?php\necho 1;");
  EXPECT_EQ(SourceText(php, "<p><?= 1 ?></p>"), "<p><?= 1 ?></p>");
  EXPECT_EQ(SourceText(php, "echo '<?xml ?>';"), "<?php echo '<?xml ?>';");
  EXPECT_EQ(SourceText(*FindRuntime("py"), "print(1)"), "print(1)");
}

TEST(EntryName, IsWordsAndDots) {
  EXPECT_TRUE(IsEntryName(""));
  EXPECT_TRUE(IsEntryName("a.B$c_1"));
  EXPECT_TRUE(IsEntryName("Größe"));
  for (const char* bad : {"-Xmx1m", "a b", "a/b", "@file", "a\n"}) EXPECT_FALSE(IsEntryName(bad)) << bad;
  EXPECT_FALSE(IsEntryName(std::string(257, 'a')));
}

}  // namespace
}  // namespace codeapi
