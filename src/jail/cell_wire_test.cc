#include "jail/cell_wire.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

using namespace std::string_literals;

TEST(CellWire, FieldsComeBackInOrder) {
  const std::string payload = WireWriter()
                                  .U8(255)
                                  .U32(0xfeedbeef)
                                  .U64(0xffffffffffffffff)
                                  .Str("a\0b"s)
                                  .Str("")
                                  .Strs({"x", "", "yz"})
                                  .payload();
  WireReader in(payload);
  EXPECT_EQ(in.U8(), 255);
  EXPECT_EQ(in.U32(), 0xfeedbeef);
  EXPECT_EQ(in.U64(), 0xffffffffffffffff);
  EXPECT_EQ(in.Str(), "a\0b"s);
  EXPECT_EQ(in.Str(), "");
  EXPECT_FALSE(in.done());
  EXPECT_EQ(in.Strs(), (std::vector<std::string>{"x", "", "yz"}));
  EXPECT_TRUE(in.done());
}

TEST(CellWire, FieldsAreNotPadded) {
  EXPECT_EQ(WireWriter().U8(1).U32(2).U64(3).Str("abc").payload().size(), 1u + 4 + 8 + 4 + 3);
}

TEST(CellWire, AMessageHasItsLengthAndType) {
  const std::string message = WireWriter().U32(7).Message(CellMessage::kExited);
  ASSERT_EQ(message.size(), kCellHeaderSize + 4);
  WireReader in(message);
  EXPECT_EQ(in.U32(), 4u);
  EXPECT_EQ(in.U8(), static_cast<std::uint8_t>(CellMessage::kExited));
  EXPECT_EQ(in.U32(), 7u);
}

TEST(CellWire, ReadingPastTheEndIsRememberedAndGivesZeroes) {
  WireReader in("\x01\x02\x03");
  EXPECT_EQ(in.U32(), 0u);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.U8(), 0) << "the bytes that were left must not be read as something else";
  EXPECT_EQ(in.U64(), 0u);
  EXPECT_EQ(in.Str(), "");
  EXPECT_TRUE(in.Strs().empty());
  EXPECT_FALSE(in.ok());
  EXPECT_FALSE(in.done());
}

TEST(CellWire, ALengthBeyondTheEndIsRefused) {
  const std::string payload = WireWriter().U32(4).payload() + "abc";
  WireReader in(payload);
  EXPECT_EQ(in.Str(), "");
  EXPECT_FALSE(in.ok());
}

TEST(CellWire, ACountBeyondTheEndEndsWithTheBytes) {
  const std::string payload = WireWriter().U32(0xffffffff).Str("a").Str("b").payload();
  WireReader in(payload);
  EXPECT_LE(in.Strs().size(), 3u);
  EXPECT_FALSE(in.ok());
}

TEST(CellWire, LeftoversAreNoticed) {
  WireReader in("ab");
  in.U8();
  EXPECT_TRUE(in.ok());
  EXPECT_FALSE(in.done());
}

}  // namespace
}  // namespace codeapi
