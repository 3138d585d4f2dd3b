#include "jailer/protocol.h"

#include <gtest/gtest.h>

#include <vector>

namespace codeapi {
namespace {

using namespace std::string_literals;

std::vector<Frame> Drain(FrameParser& parser) {
  std::vector<Frame> frames;
  while (auto frame = parser.Next()) frames.push_back(std::move(*frame));
  return frames;
}

// A header as an attacker would write it.
std::string Header(std::uint32_t length, std::uint8_t type, std::uint32_t job = 1) {
  return EncodeCredit(length) + static_cast<char>(type) + EncodeCredit(job);
}

TEST(Protocol, AFrameOnTheWire) {
  EXPECT_EQ(EncodeFrame(FrameType::kRun, 0x01020304, "{}"), "\x02\0\0\0\x02\x04\x03\x02\x01{}"s);
  EXPECT_EQ(EncodeFrame(FrameType::kFileEnd, 0xffffffff, ""), "\0\0\0\0\x05\xff\xff\xff\xff"s);
}

TEST(Protocol, FramesAreFoundWhereverTheStreamIsCut) {
  const std::string stream = EncodeFrame(FrameType::kRun, 1, "{\"a\":1}") +
                             EncodeFrame(FrameType::kFileEnd, 0xfedcba98, "") +
                             EncodeFrame(FrameType::kStdout, 3, "\0\xff\r\n"s);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameParser parser;
    parser.Feed(std::string_view(stream).substr(0, cut));
    std::vector<Frame> frames = Drain(parser);
    parser.Feed(std::string_view(stream).substr(cut));
    for (Frame& frame : Drain(parser)) frames.push_back(std::move(frame));
    ASSERT_EQ(frames.size(), 3u) << cut;
    EXPECT_EQ(frames[0].type, FrameType::kRun);
    EXPECT_EQ(frames[0].job, 1u);
    EXPECT_EQ(frames[0].payload, "{\"a\":1}");
    EXPECT_EQ(frames[1].type, FrameType::kFileEnd);
    EXPECT_EQ(frames[1].job, 0xfedcba98);
    EXPECT_EQ(frames[1].payload, "");
    EXPECT_EQ(frames[2].payload, "\0\xff\r\n"s);
    EXPECT_EQ(parser.error(), "");
  }
}

TEST(Protocol, ByteByByte) {
  const std::string stream =
      EncodeFrame(FrameType::kStderr, 9, "text") + EncodeFrame(FrameType::kCancel, 9, "");
  FrameParser parser;
  std::size_t found = 0;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    parser.Feed(std::string_view(stream).substr(i, 1));
    found += Drain(parser).size();
    EXPECT_EQ(found, i < 12 ? 0u : i < stream.size() - 1 ? 1u : 2u) << i;
  }
}

TEST(Protocol, ABurstOfFramesStaysWhole) {
  std::string stream;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    stream += EncodeFrame(FrameType::kStdout, i, std::string(i % 50, static_cast<char>(i)));
  }
  FrameParser parser;
  std::uint32_t seen = 0;
  for (std::size_t at = 0; at < stream.size(); at += 100'000) {
    parser.Feed(std::string_view(stream).substr(at, 100'000));
    for (const Frame& frame : Drain(parser)) {
      ASSERT_EQ(frame.job, seen);
      ASSERT_EQ(frame.payload, std::string(seen % 50, static_cast<char>(seen)));
      ++seen;
    }
  }
  EXPECT_EQ(seen, 20'000u);
}

TEST(Protocol, TheLargestPayloadsPass) {
  for (const auto& [type, size] :
       {std::pair(FrameType::kFileData, kMaxDataPayload), std::pair(FrameType::kStdout, kMaxDataPayload),
        std::pair(FrameType::kRun, kMaxControlPayload),
        std::pair(FrameType::kFileBegin, kMaxControlPayload)}) {
    FrameParser parser;
    parser.Feed(EncodeFrame(type, 1, std::string(size, 'x')));
    const auto frame = parser.Next();
    ASSERT_TRUE(frame) << parser.error();
    EXPECT_EQ(frame->payload.size(), size);
  }
}

// The header is enough: nobody may make the other side wait for, or store, what it would refuse.
TEST(Protocol, AnAnnouncementOfTooMuchIsRefusedAtOnce) {
  for (const auto type : {FrameType::kFileData, FrameType::kStdout, FrameType::kStderr}) {
    for (const std::uint32_t length : {kMaxDataPayload + 1, kMaxControlPayload, 0xffffffffu}) {
      FrameParser parser;
      parser.Feed(Header(length, static_cast<std::uint8_t>(type)));
      EXPECT_FALSE(parser.Next());
      EXPECT_EQ(parser.error(), "frame of type " + std::to_string(static_cast<int>(type)) + " announces " +
                                    std::to_string(length) + " bytes");
    }
  }
  for (const std::uint32_t length : {kMaxControlPayload + 1, 0x80000000u, 0xfffffff7u}) {
    FrameParser parser;
    parser.Feed(Header(length, static_cast<std::uint8_t>(FrameType::kVerdict)));
    EXPECT_FALSE(parser.Next());
    EXPECT_NE(parser.error(), "");
  }
}

TEST(Protocol, UnknownTypesAreRefused) {
  for (int type = 0; type < 256; ++type) {
    FrameParser parser;
    parser.Feed(Header(0, static_cast<std::uint8_t>(type)));
    const bool known = type >= 1 && type <= 15;
    EXPECT_EQ(parser.Next().has_value(), known) << type;
    EXPECT_EQ(parser.error(), known ? "" : "unknown frame type " + std::to_string(type));
  }
}

TEST(Protocol, AfterAnErrorThereIsNothingMore) {
  FrameParser parser;
  parser.Feed(EncodeFrame(FrameType::kRun, 1, "{}") + Header(0, 99) + EncodeFrame(FrameType::kRun, 2, "{}"));
  EXPECT_TRUE(parser.Next()) << "what came before it still counts";
  EXPECT_FALSE(parser.Next());
  EXPECT_NE(parser.error(), "");
  parser.Feed(EncodeFrame(FrameType::kRun, 3, "{}"));
  EXPECT_FALSE(parser.Next());
}

TEST(Protocol, Credit) {
  for (const std::uint32_t bytes : {0u, 1u, 0x01020304u, 0xffffffffu}) {
    EXPECT_EQ(DecodeCredit(EncodeCredit(bytes)), bytes);
  }
  EXPECT_EQ(EncodeCredit(0x01020304), "\x04\x03\x02\x01");
  for (const std::size_t size : {0u, 1u, 3u, 5u, 8u})
    EXPECT_FALSE(DecodeCredit(std::string(size, '\1'))) << size;
}

}  // namespace
}  // namespace codeapi
