#include "worker/answer.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/json.hpp>

namespace codeapi {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLimit = 65'536;

Verdict Ended(RunEnd end, int code = 0, int signal = 0) {
  Verdict verdict;
  verdict.end = end;
  verdict.code = code;
  verdict.signal = signal;
  return verdict;
}

Verdict Compiling(RunEnd end, int code = 0) {
  Verdict verdict = Ended(end, code);
  verdict.compiling = true;
  return verdict;
}

AnswerParts Parts(Verdict verdict, std::string out = {}, std::string err = {}) {
  AnswerParts parts;
  parts.session = "the-session";
  parts.stdout_bytes = std::move(out);
  parts.stderr_bytes = std::move(err);
  parts.verdict = std::move(verdict);
  parts.output_limit = kLimit;
  return parts;
}

json::object Render(AnswerParts parts) {
  return json::parse(RenderAnswer(std::move(parts))).as_object();
}

std::string Text(const json::object& body, const char* name) {
  const json::value& value = body.at(name);
  return value.is_null() ? "null" : std::string(value.as_string());
}

// One row of the table of ends: what the fields and the line in stderr say. "null" stands for null.
struct Row {
  const char* name;
  Verdict verdict;
  int code;
  const char *signal, *status, *message;
};

const Row kTable[] = {
    {"exit 0", Ended(RunEnd::kExit), 0, "null", "null", "null"},
    {"exit 7", Ended(RunEnd::kExit, 7), 7, "null", "null", "null"},
    {"exit 137 is no signal", Ended(RunEnd::kExit, 137), 137, "null", "null", "null"},
    {"exit 255", Ended(RunEnd::kExit, 255), 255, "null", "null", "null"},
    {"segmentation fault", Ended(RunEnd::kSignal, 0, SIGSEGV), 139, "SIGSEGV", "null", "null"},
    {"killed by itself", Ended(RunEnd::kSignal, 0, SIGKILL), 137, "SIGKILL", "null", "null"},
    {"interrupted", Ended(RunEnd::kSignal, 0, SIGINT), 130, "SIGINT", "null", "null"},
    {"bad system call", Ended(RunEnd::kSignal, 0, SIGSYS), 159, "SIGSYS", "null", "null"},
    {"real-time signal", Ended(RunEnd::kSignal, 0, 40), 168, "SIG40", "null", "null"},
    {"wall", Ended(RunEnd::kWallLimit), 137, "SIGKILL", "TO", "Time limit exceeded"},
    {"cpu", Ended(RunEnd::kCpuLimit), 137, "SIGKILL", "TO", "CPU time limit exceeded"},
    {"memory", Ended(RunEnd::kMemoryLimit), 137, "SIGKILL", "SG", "Out of memory"},
    {"output", Ended(RunEnd::kOutputLimit), 137, "SIGKILL", "OL", "stdout length exceeded"},
    {"compile error", Compiling(RunEnd::kExit, 1), 1, "null", "null", "null"},
    {"compile wall", Compiling(RunEnd::kWallLimit), 137, "SIGKILL", "TO", "Compile time limit exceeded"},
    {"compile cpu", Compiling(RunEnd::kCpuLimit), 137, "SIGKILL", "TO", "Compile CPU time limit exceeded"},
    {"compile memory", Compiling(RunEnd::kMemoryLimit), 137, "SIGKILL", "SG",
     "Out of memory while compiling"},
    {"cancelled", Ended(RunEnd::kCancelled), 137, "SIGKILL", "null", "Execution cancelled"},
};

TEST(Answer, EveryEnd) {
  for (const Row& row : kTable) {
    SCOPED_TRACE(row.name);
    const json::object body = Render(Parts(row.verdict, "out", "err"));
    EXPECT_EQ(body.at("code"), row.code);
    EXPECT_EQ(Text(body, "signal"), row.signal);
    EXPECT_EQ(Text(body, "status"), row.status);
    EXPECT_EQ(Text(body, "message"), row.message);
    EXPECT_EQ(Text(body, "stdout"), "out");
    const std::string line = std::string("err\n[sandbox] ") + row.message + "\n";
    EXPECT_EQ(Text(body, "stderr"), std::string_view(row.message) == "null" ? "err" : line);
  }
}

TEST(Answer, EndWordsAloneSayTheSame) {
  for (const Row& row : kTable) {
    SCOPED_TRACE(row.name);
    const EndWords words = DescribeEnd(row.verdict, kLimit);
    const auto or_null = [](const std::string& text) { return text.empty() ? "null" : text; };
    EXPECT_EQ(words.code, row.code);
    EXPECT_EQ(or_null(words.signal), row.signal);
    EXPECT_EQ(or_null(words.status), row.status);
    EXPECT_EQ(or_null(words.message), row.message);
  }
}

TEST(Answer, TheShapeClientsKnow) {
  Verdict verdict = Ended(RunEnd::kExit);
  verdict.wall_us = 41'499;
  verdict.cpu_us = 1'500;
  verdict.memory_peak = 5'000'000'000;
  const std::string text = RenderAnswer(Parts(verdict, "hello\n"));
  EXPECT_EQ(text,
            R"({"session_id":"the-session","stdout":"hello\n","stderr":"","files":[],"code":0,"signal":null,)"
            R"("message":null,"status":null,"wall_time":41,"memory":5000000000,"cpu_time":2})");
}

TEST(Answer, MarkerStandsOnALineOfItsOwn) {
  for (const auto& [err, expected] :
       {std::pair("", "[sandbox] Out of memory\n"), std::pair("a\n", "a\n[sandbox] Out of memory\n"),
        std::pair("a", "a\n[sandbox] Out of memory\n"), std::pair("\n", "\n[sandbox] Out of memory\n")}) {
    EXPECT_EQ(Text(Render(Parts(Ended(RunEnd::kMemoryLimit), "", err)), "stderr"), expected);
  }
}

TEST(Answer, TruncatedStderr) {
  Verdict verdict = Ended(RunEnd::kExit, 3);
  verdict.stderr_truncated = true;
  const json::object body = Render(Parts(verdict, "out", "err\xf0\x9f\x98"));
  EXPECT_EQ(body.at("code"), 3);  // the program went on
  EXPECT_EQ(Text(body, "signal"), "null");
  EXPECT_EQ(Text(body, "status"), "null");
  EXPECT_EQ(Text(body, "message"), "stderr truncated at 65536 bytes");
  EXPECT_EQ(Text(body, "stderr"), "err\n[sandbox] stderr truncated at 65536 bytes\n");
}

TEST(Answer, TruncatedStderrBeforeAnotherEnd) {
  Verdict verdict = Ended(RunEnd::kSignal, 0, SIGSEGV);
  verdict.stderr_truncated = true;
  json::object body = Render(Parts(verdict, "", "err"));
  EXPECT_EQ(Text(body, "signal"), "SIGSEGV");
  EXPECT_EQ(Text(body, "message"), "stderr truncated at 65536 bytes");
  EXPECT_EQ(Text(body, "stderr"), "err\n[sandbox] stderr truncated at 65536 bytes\n");

  verdict.end = RunEnd::kWallLimit;
  body = Render(Parts(verdict, "", "err"));
  EXPECT_EQ(Text(body, "message"), "Time limit exceeded");
  EXPECT_EQ(Text(body, "stderr"),
            "err\n[sandbox] stderr truncated at 65536 bytes\n[sandbox] Time limit exceeded\n");
}

TEST(Answer, StdoutIsCutAtACharacterWhenTheLimitCutIt) {
  const std::pair<const char*, const char*> cuts[] = {{"ab\xc3", "ab"},
                                                      {"ab\xe2\x82", "ab"},
                                                      {"ab\xf0\x9f\x98", "ab"},
                                                      {"ab\xf0\x9f\x98\x80", "ab\xf0\x9f\x98\x80"},
                                                      {"\xff\xc3", "\xef\xbf\xbd"}};
  for (const auto& [bytes, text] : cuts) {
    EXPECT_EQ(Text(Render(Parts(Ended(RunEnd::kOutputLimit), bytes)), "stdout"), text);
  }
  // What a program itself left unfinished is shown, not swallowed.
  EXPECT_EQ(Text(Render(Parts(Ended(RunEnd::kExit), "ab\xc3", "cd\xc3")), "stdout"), "ab\xef\xbf\xbd");
  EXPECT_EQ(Text(Render(Parts(Ended(RunEnd::kExit), "ab\xc3", "cd\xc3")), "stderr"), "cd\xef\xbf\xbd");
}

TEST(Answer, AnyBytesBecomeText) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string out = Text(Render(Parts(Ended(RunEnd::kExit), all, all)), "stdout");
  EXPECT_EQ(out.substr(0, 128), all.substr(0, 128));
  EXPECT_EQ(out.substr(128, 3), "\xef\xbf\xbd");
}

TEST(Answer, FilesAndDeletedFilesAreSorted) {
  AnswerParts parts = Parts(Ended(RunEnd::kExit));
  parts.files = {{"i3", "s", "c.txt", false, InputRef{"s0", "i0", "c.txt"}},
                 {"i1", "s", "a \"quoted\".txt", true, std::nullopt},
                 {"i2", "s", "b.txt", false, std::nullopt}};
  parts.deleted = {"z", "y"};
  const json::object body = Render(std::move(parts));
  EXPECT_EQ(json::serialize(body.at("files")),
            R"([{"id":"i1","name":"a \"quoted\".txt","storage_session_id":"s","inherited":true},)"
            R"({"id":"i2","name":"b.txt","storage_session_id":"s"},)"
            R"({"id":"i3","name":"c.txt","storage_session_id":"s",)"
            R"("modified_from":{"id":"i0","storage_session_id":"s0"}}])");
  EXPECT_EQ(json::serialize(body.at("deleted_files")), R"(["y","z"])");
  EXPECT_FALSE(body.contains("artifact_truncation"));
  EXPECT_FALSE(body.contains("artifact_delivery"));
}

TEST(Answer, TruncationNamesItsReasons) {
  const std::pair<std::uint32_t, const char*> reasons[] = {
      {kSkipMaxFiles, R"(["max_files"])"},
      {kSkipDepth, R"(["depth"])"},
      {kSkipSize, R"(["size"])"},
      {kSkipPath, R"(["path"])"},
      {kSkipUnreadable, R"(["unreadable"])"},
      {kSkipExtension, R"(["extension"])"},
      {kSkipSize | kSkipDepth, R"(["depth","size"])"},
      {63, R"(["max_files","depth","size","path","unreadable","extension"])"},
      {1u << 31, "[]"}};
  for (const auto& [bits, names] : reasons) {
    Verdict verdict = Ended(RunEnd::kExit);
    verdict.harvest.skip_reasons = bits;
    verdict.harvest.skipped_count = 25;
    verdict.harvest.skipped = {"a.bin", "\xff"};
    const json::object body = Render(Parts(verdict));
    EXPECT_EQ(json::serialize(body.at("artifact_truncation")),
              std::string(R"({"code":"artifact_truncated","reasons":)") + names +
                  ",\"skipped\":[\"a.bin\",\"\xef\xbf\xbd\"],\"skipped_count\":25}");
  }
}

// The client drops a report whose figures do not add up.
TEST(Answer, DeliveryAddsUp) {
  AnswerParts parts = Parts(Ended(RunEnd::kExit));
  parts.failed_files = 2;
  parts.files = {{"i1", "s", "in.txt", true, std::nullopt}};
  EXPECT_EQ(
      json::serialize(Render(parts).at("artifact_delivery")),
      R"({"code":"artifact_delivery_failed","status":"failed","attempted":2,"delivered":0,"failed":2})");
  parts.files.push_back({"i2", "s", "new.txt", false, std::nullopt});
  EXPECT_EQ(
      json::serialize(Render(parts).at("artifact_delivery")),
      R"({"code":"artifact_delivery_failed","status":"partial","attempted":3,"delivered":1,"failed":2})");
}

}  // namespace
}  // namespace codeapi
