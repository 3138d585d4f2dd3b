#include "store/xml.h"

#include <gtest/gtest.h>

#include "store/testing.h"

namespace codeapi {
namespace {

using testing::CodeOf;

TEST(Xml, ReadsElementsAndText) {
  const auto root = ParseXml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a:List "
      "xmlns:a=\"urn:x\"><Key>a&amp;b&#x41;</Key><Key>2</Key>"
      "<!-- no --><Deep><Er x='1'><![CDATA[<>]]></Er></Deep><Empty/></a:List>\n");
  ASSERT_TRUE(root) << root.error().message;
  EXPECT_EQ(root->name, "List");
  EXPECT_EQ(root->children.size(), 4u);
  EXPECT_EQ(root->get("Key"), "a&bA");
  EXPECT_EQ(root->find("Deep")->get("Er"), "<>");
  EXPECT_EQ(root->get("Empty"), "");
  EXPECT_EQ(root->get("None"), "");
  EXPECT_EQ(root->find("None"), nullptr);
}

TEST(Xml, RefusesWhatIsNotWellFormed) {
  for (const std::string bad : {"", "x", "<a>", "<a></b>", "<a/><b/>", "<a>&nope;</a>", "<a>\xff</a>",
                                "<a b=c/>", "<a/>x", "<a", "<html><body><br></body></html>"}) {
    EXPECT_EQ(CodeOf(ParseXml(bad)), ErrorCode::kInvalid) << bad;
  }
}

TEST(Xml, RefusesDocumentTypes) {
  for (const std::string bad : {"<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
                                "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
                                "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"}) {
    const auto root = ParseXml(bad);
    ASSERT_EQ(CodeOf(root), ErrorCode::kInvalid) << bad;
    EXPECT_NE(root.error().message.find("document type"), std::string::npos);
  }
}

TEST(Xml, RefusesDepthAndNumber) {
  const auto nested = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += "<a>";
    for (std::size_t i = 0; i < depth; ++i) text += "</a>";
    return text;
  };
  EXPECT_TRUE(ParseXml(nested(kMaxXmlDepth)));
  EXPECT_EQ(CodeOf(ParseXml(nested(kMaxXmlDepth + 1))), ErrorCode::kInvalid);
  std::string many = "<r>";
  for (std::size_t i = 0; i < kMaxXmlElements; ++i) many += "<a/>";
  EXPECT_EQ(CodeOf(ParseXml(many + "</r>")), ErrorCode::kInvalid);
}

TEST(Xml, Escapes) {
  const std::string text = "a<b>&\"c'";
  EXPECT_EQ(ParseXml("<a>" + XmlEscape(text) + "</a>")->text, text);
}

}  // namespace
}  // namespace codeapi
