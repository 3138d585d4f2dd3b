#include "worker/execution.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

TEST(ExecutionRequest, SurvivesTheQueue) {
  ExecutionRequest in;
  in.id = "abcdefghijklmnopqrstu";
  in.runtime = "py";
  in.code = std::string("print('\xc3\xa9\xf0\x9f\x98\x80')\n\t\"\\\0\x01", 21);
  in.args = {"", "a b", "\n"};
  in.input = "";
  in.files = {{"s1", "i1", "d/\xc3\xa9.csv"}, {"s2", "i2", "b"}};
  in.wall_ms = 0xffffffffffffffff;
  in.cpu_ms = 1;
  in.memory_bytes = 1ull << 60;
  const auto out = ExecutionRequest::Decode(in.Encode());
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->id, in.id);
  EXPECT_EQ(out->runtime, in.runtime);
  EXPECT_EQ(out->code, in.code);
  EXPECT_EQ(out->args, in.args);
  EXPECT_EQ(out->input, in.input);
  ASSERT_EQ(out->files.size(), 2u);
  EXPECT_EQ(out->files[0].session, "s1");
  EXPECT_EQ(out->files[0].id, "i1");
  EXPECT_EQ(out->files[0].name, "d/\xc3\xa9.csv");
  EXPECT_EQ(out->files[1].name, "b");
  EXPECT_EQ(out->wall_ms, in.wall_ms);
  EXPECT_EQ(out->cpu_ms, in.cpu_ms);
  EXPECT_EQ(out->memory_bytes, in.memory_bytes);
}

TEST(ExecutionRequest, NoInputIsNotAnEmptyOne) {
  const auto out = ExecutionRequest::Decode(ExecutionRequest{}.Encode());
  ASSERT_TRUE(out);
  EXPECT_FALSE(out->input.has_value());
}

TEST(ExecutionRequest, GarbageIsAFaultOfOurs) {
  const std::string whole = ExecutionRequest{}.Encode();
  std::vector<std::string> garbage = {"", "null", "[]", "7", "{}", "\xff", whole + "x", whole.substr(1)};
  const std::pair<const char*, const char*> edits[] = {
      {R"("args":[])", R"("args":[1])"},         {R"("args":[])", R"("args":{})"},
      {R"("files":[])", R"("files":[[]])"},      {R"("files":[])", R"("files":[["a","b"]])"},
      {R"("files":[])", R"("files":["abc"])"},   {R"("code":"")", R"("code":null)"},
      {R"("wall_ms":0)", R"("wall_ms":-1)"},     {R"("wall_ms":0)", R"("wall_ms":1.5)"},
      {R"("cpu_ms":0)", R"("cpu_ms":"1")"},      {R"("memory_bytes":0)", R"("memory_bytes":1e30)"},
      {R"("runtime":"")", R"("runtime":false)"}, {R"("id":"")", R"("ids":"")"}};
  for (const auto& [from, to] : edits) {
    std::string edited = whole;
    ASSERT_NE(edited.find(from), std::string::npos) << from;
    garbage.push_back(edited.replace(edited.find(from), std::string_view(from).size(), to));
  }
  for (std::size_t cut = 0; cut < whole.size(); ++cut) garbage.push_back(whole.substr(0, cut));
  for (const std::string& text : garbage) {
    const auto out = ExecutionRequest::Decode(text);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code, ErrorCode::kInternal);
  }
}

TEST(ExecutionAnswer, SurvivesTheQueue) {
  for (const auto& in : {ExecutionAnswer{200, true, "{\"a\":\" 1 \"}"}, ExecutionAnswer{503, false, ""},
                         ExecutionAnswer{400, false, std::string("\0\n\xff", 3)}}) {
    const auto out = ExecutionAnswer::Decode(in.Encode());
    ASSERT_TRUE(out);
    EXPECT_EQ(out->status, in.status);
    EXPECT_EQ(out->stored_files, in.stored_files);
    EXPECT_EQ(out->body, in.body);
  }
}

TEST(ExecutionAnswer, GarbageIsAFaultOfOurs) {
  for (const char* text : {"", "200", "200 1", "200 1x{}", "200x1 {}", "2x0 1 {}", "20x 1 {}", "abc 1 {}",
                           "-20 1 {}", " 20 1 {}", "099 1 {}", "200 2 {}", "200   {}", "{\"a\":1}"}) {
    const auto out = ExecutionAnswer::Decode(text);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code, ErrorCode::kInternal);
  }
}

}  // namespace
}  // namespace codeapi
