#include "api/exec_request.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace codeapi {
namespace {

const std::string kId1 = "aaaaaaaaaaaaaaaaaaaa1", kId2 = "bbbbbbbbbbbbbbbbbbbb2";
const std::string kSession1 = "ssssssssssssssssssss1", kSession2 = "ssssssssssssssssssss2";

Result<ExecRequest> Parse(std::string_view body) {
  return ParseExecRequest(body, Settings{});
}

// The text a client sees, or "accepted".
std::string Refusal(std::string_view body, const Settings& settings = {}) {
  const auto parsed = ParseExecRequest(body, settings);
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(IsUtf8(parsed.error().message));
  return parsed.error().message;
}

// A body with `members` after lang and code.
std::string With(const std::string& members) {
  return R"j({"lang":"py","code":"print()",)j" + members + "}";
}

// A body with one file whose members are `members`, after good ones unless those are there.
std::string WithFile(const std::string& members) {
  std::string file;
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"id", kId1},
                                    {"storage_session_id", kSession1},
                                    {"name", "in.txt"}}) {
    std::string quoted = "\"";
    quoted.append(name).append("\"");
    if (members.find(quoted) == std::string::npos)
      file.append(quoted).append(":\"").append(value).append("\",");
  }
  return With(R"("files":[{)" + (members.empty() ? file.substr(0, file.size() - 1) : file + members) + "}]");
}

TEST(ExecRequest, DefaultsComeFromTheSettings) {
  Settings settings;
  settings.run_timeout = std::chrono::milliseconds(1234);
  settings.run_memory_limit = 77 << 20;
  const auto parsed = ParseExecRequest(R"({"lang":"py","code":""})", settings);
  ASSERT_TRUE(parsed);
  const ExecutionRequest& got = parsed->execution;
  EXPECT_EQ(got.id, "");
  EXPECT_EQ(got.runtime, "py");
  EXPECT_EQ(got.code, "");  // an empty program is a program
  EXPECT_TRUE(got.args.empty());
  EXPECT_FALSE(got.input.has_value());
  EXPECT_TRUE(got.files.empty());
  EXPECT_EQ(got.wall_ms, 1234u);
  EXPECT_EQ(got.cpu_ms, 2468u);
  EXPECT_EQ(got.memory_bytes, 77u << 20);
  settings.run_cpu_time = std::chrono::milliseconds(99);
  EXPECT_EQ(ParseExecRequest(R"({"lang":"py","code":""})", settings)->execution.cpu_ms, 99u);
}

TEST(ExecRequest, WhatLibreChatSends) {
  const auto parsed = Parse(
      R"j({"lang":"py","code":"print('hello')","args":["x","y"],"user_id":"user-0001","files":[],)j"
      R"("codeSessionKey":"execute_code","session_id":5,"runtime_session_hint":null,"intent":{"a":[1]},"id":7})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->execution.code, "print('hello')");
  EXPECT_EQ(parsed->execution.args, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(parsed->execution.id, "");
}

TEST(ExecRequest, LanguageAliases) {
  const std::pair<const char*, const char*> aliases[] = {{"py", "py"},
                                                         {"python", "py"},
                                                         {"PYTHON", "py"},
                                                         {"bash", "bash"},
                                                         {"sh", "bash"},
                                                         {"js", "js"},
                                                         {"javascript", "js"},
                                                         {"bun", "js"},
                                                         {"bun-js", "js"},
                                                         {"node", "node"},
                                                         {"nodejs", "node"},
                                                         {"node-js", "node"},
                                                         {"Node-JavaScript", "node"}};
  for (const auto& [alias, id] : aliases) {
    const auto parsed = Parse(R"({"code":"x","lang":")" + std::string(alias) + "\"}");
    ASSERT_TRUE(parsed) << alias;
    EXPECT_EQ(parsed->execution.runtime, id);
  }
}

TEST(ExecRequest, LanguageAndCodeAreRequired) {
  EXPECT_EQ(Refusal("{}"), "Missing required field: lang");
  EXPECT_EQ(Refusal(R"({"lang":"py"})"), "Missing required field: code");
  EXPECT_EQ(Refusal(R"({"code":"x"})"), "Missing required field: lang");
  EXPECT_EQ(Refusal(R"({"lang":null,"code":"x"})"), "Missing required field: lang");
  EXPECT_EQ(Refusal(R"({"lang":"py","code":null})"), "Missing required field: code");
  EXPECT_EQ(Refusal(R"({"lang":1,"code":"x"})"), "lang must be a string");
  EXPECT_EQ(Refusal(R"({"lang":"py","code":["x"]})"), "code must be a string");
  EXPECT_EQ(Refusal(R"({"lang":"cobol","code":"x"})"), "Unsupported language: cobol");
  EXPECT_EQ(Refusal(R"({"lang":"","code":"x"})"), "Unsupported language: ");
  EXPECT_EQ(Refusal(R"({"lang":" py","code":"x"})"), "Unsupported language:  py");
}

TEST(ExecRequest, LongLanguageIsCutAtACharacter) {
  const std::string long_name = std::string(63, 'x') + "\xc3\xa9" + std::string(1000, 'y');
  EXPECT_EQ(Refusal(R"({"code":"x","lang":")" + long_name + "\"}"),
            "Unsupported language: " + std::string(63, 'x'));
}

TEST(ExecRequest, MalformedJson) {
  for (const std::string& body :
       {std::string(), std::string(" "), std::string("{"), std::string("{\"lang\":"), std::string("nonsense"),
        std::string("{} {}"), std::string("{'lang':'py'}"), std::string(R"({"lang":"py",})"),
        std::string("{\"lang\":\"\xff\"}"), std::string("\xef\xbb\xbf{}"), std::string("{\"lang\":\"\n\"}"),
        std::string("{}\0", 3), std::string(R"({"lang":"py","code":"x","timeout":01})"),
        std::string(R"({"lang":"py","code":"x","timeout":NaN})"),
        std::string(R"({"lang":"py","code":"x" /* why */})")}) {
    EXPECT_TRUE(Refusal(body).starts_with("Invalid JSON: ")) << body;
  }
  for (const char* body : {"[]", "null", "\"py\"", "3", "true", R"([{"lang":"py","code":"x"}])"}) {
    EXPECT_EQ(Refusal(body), "The request body must be a JSON object");
  }
}

TEST(ExecRequest, DeepJson) {
  const auto nested = [](std::size_t depth) {
    return With("\"x\":" + std::string(depth, '[') + std::string(depth, ']'));
  };
  EXPECT_EQ(Refusal(nested(60)), "accepted");  // in a key nobody reads
  EXPECT_EQ(Refusal(nested(100)), "Invalid JSON: nested too deeply");
  EXPECT_EQ(Refusal(nested(1'000'000)), "Invalid JSON: nested too deeply");
  EXPECT_EQ(Refusal(std::string(1'000'000, '[')), "Invalid JSON: nested too deeply");
}

TEST(ExecRequest, TextIsTakenAsItIs) {
  const auto parsed = Parse(R"({"lang":"py","code":"a\u0000b\ud83d\ude00\n","stdin":"\u0000","args":[""]})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->execution.code, std::string("a\0b\xf0\x9f\x98\x80\n", 8));
  EXPECT_EQ(parsed->execution.input, std::string(1, '\0'));
  EXPECT_EQ(parsed->execution.args, std::vector<std::string>{""});
}

TEST(ExecRequest, LoneSurrogatesAreNoText) {
  for (const char* escape : {R"(\ud83d)", R"(\ude00)", R"(\ud83dx)", R"(\ud83d\u0041)", R"(\ude00\ud83d)"}) {
    EXPECT_TRUE(
        Refusal(R"({"lang":"py","code":")" + std::string(escape) + "\"}").starts_with("Invalid JSON"));
  }
}

TEST(ExecRequest, LastOfTwoEqualKeysCounts) {
  const auto parsed = Parse(R"({"lang":"cobol","code":"a","lang":"py","code":"b"})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->execution.code, "b");
  EXPECT_EQ(Refusal(R"({"lang":"py","code":"a","code":5})"), "code must be a string");
}

TEST(ExecRequest, Stdin) {
  EXPECT_EQ(Parse(With(R"("stdin":"")"))->execution.input, "");
  EXPECT_EQ(Parse(With(R"("stdin":"a\nb")"))->execution.input, "a\nb");
  EXPECT_FALSE(Parse(With(R"("stdin":null)"))->execution.input.has_value());
  EXPECT_EQ(Refusal(With(R"("stdin":5)")), "stdin must be a string");
}

TEST(ExecRequest, Arguments) {
  EXPECT_TRUE(Parse(With(R"("args":null)"))->execution.args.empty());
  EXPECT_TRUE(Parse(With(R"("args":[])"))->execution.args.empty());
  for (const char* bad : {R"("a b")", "{}", "[1]", R"(["a",null])", R"([["a"]])"}) {
    EXPECT_EQ(Refusal(With("\"args\":" + std::string(bad))), "args must be an array of strings");
  }
  EXPECT_EQ(Refusal(With(R"("args":["a\u0000b"])")), "args must not contain NUL characters");
}

TEST(ExecRequest, ArgumentsFitTheKernelAndAFrame) {
  const auto list = [](std::size_t count, const std::string& item) {
    std::string out = "\"args\":[";
    for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "\"" : ",\"") + item + "\"";
    return With(out + "]");
  };
  const std::size_t longest = (128u << 10) - 1;
  EXPECT_EQ(Refusal(list(1, std::string(longest, 'x'))), "accepted");
  EXPECT_EQ(Refusal(list(1, std::string(longest + 1, 'x'))), "args are too long");
  EXPECT_EQ(Refusal(list(8, std::string(longest, 'x'))), "accepted");
  EXPECT_EQ(Refusal(list(9, std::string(longest, 'x'))), "args are too long");
  EXPECT_EQ(Refusal(list(4096, "")), "accepted");
  EXPECT_EQ(Refusal(list(4097, "")), "args are too long");
  // Six bytes each on the way to the cell.
  std::string control;
  for (int i = 0; i < 100'000; ++i) control += "\\u0001";
  EXPECT_EQ(Refusal(list(1, control)), "accepted");
  EXPECT_EQ(Refusal(list(2, control)), "args are too long");
}

TEST(ExecRequest, Timeout) {
  Settings settings;
  settings.job_timeout = std::chrono::milliseconds(300'000);
  settings.run_timeout = std::chrono::milliseconds(30'000);
  const std::pair<const char*, std::uint64_t> good[] = {{"null", 30'000},
                                                        {"5000", 5000},
                                                        {"1", 1},
                                                        {"0.25", 1},
                                                        {"1500.9", 1500},
                                                        {"5e3", 5000},
                                                        {"300000", 300'000},
                                                        {"300001", 300'000},
                                                        {"18446744073709551615", 300'000},
                                                        {"99999999999999999999999999", 300'000},
                                                        {"1e300", 300'000}};
  for (const auto& [text, ms] : good) {
    const auto parsed = ParseExecRequest(With("\"timeout\":" + std::string(text)), settings);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->execution.wall_ms, ms) << text;
    EXPECT_EQ(parsed->execution.cpu_ms, 2 * ms) << text;
  }
  for (const char* bad : {"0", "-1", "-0.0", "-1e300", "\"5000\"", "true", "[]", "{}"}) {
    EXPECT_EQ(Refusal(With("\"timeout\":" + std::string(bad)), settings),
              "timeout must be a positive number of milliseconds");
  }
  settings.job_timeout = std::chrono::milliseconds(1000);  // below the default for a run
  EXPECT_EQ(ParseExecRequest(With("\"x\":0"), settings)->execution.wall_ms, 1000u);
}

TEST(ExecRequest, FileReferences) {
  const auto parsed = Parse(With(
      R"("files":[{"id":")" + kId1 + R"(","resource_id":"665f","name":"skills/a.md","storage_session_id":")" +
      kSession1 + R"(","kind":"skill","version":3},{"id":")" + kId2 + R"(","session_id":")" + kSession2 +
      R"(","name":"b.txt","entity_id":"x"},{"id":")" + kId1 + R"(","storage_session_id":")" + kSession2 +
      R"(","session_id":")" + kSession1 + R"(","name":"c.txt","kind":"agent","resource_id":"agent_1"}])"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& files = parsed->execution.files;
  ASSERT_EQ(files.size(), 3u);
  ASSERT_EQ(parsed->scopes.size(), 3u);
  EXPECT_EQ(files[0].id, kId1);
  EXPECT_EQ(files[0].session, kSession1);
  EXPECT_EQ(files[0].name, "skills/a.md");
  EXPECT_EQ(parsed->scopes[0].kind, "skill");
  EXPECT_EQ(parsed->scopes[0].id, "665f");
  EXPECT_EQ(parsed->scopes[0].version, 3u);
  // Older clients: session_id, and neither kind nor resource_id.
  EXPECT_EQ(files[1].session, kSession2);
  EXPECT_EQ(parsed->scopes[1].kind, "user");
  EXPECT_EQ(parsed->scopes[1].id, kId2);
  EXPECT_FALSE(parsed->scopes[1].version.has_value());
  EXPECT_EQ(files[2].session, kSession2);  // the newer name wins
  EXPECT_EQ(parsed->scopes[2].kind, "agent");
}

TEST(ExecRequest, BadFileReferences) {
  const std::pair<std::string, const char*> bad[] = {
      {With(R"("files":{})"), "files must be an array"},
      {With(R"("files":"x")"), "files must be an array"},
      {With(R"("files":[5])"), "files[0] must be an object"},
      {With(R"("files":[null])"), "files[0] must be an object"},
      {WithFile(R"("id":"short")"), "files[0].id is invalid"},
      {WithFile(R"("id":5)"), "files[0].id is invalid"},
      {WithFile(R"("id":null)"), "files[0].id is invalid"},
      {WithFile(R"("id":"../../../../../../../x")"), "files[0].id is invalid"},
      {WithFile(R"("storage_session_id":"short")"), "files[0].storage_session_id is invalid"},
      {WithFile(R"("storage_session_id":5,"session_id":")" + kSession1 + "\""),
       "files[0].storage_session_id is invalid"},
      {WithFile(R"("name":5)"), "files[0].name must be a string"},
      {WithFile(R"("name":null)"), "files[0].name must be a string"},
      {WithFile(R"("name":"")"), "files[0].name is empty"},
      {WithFile(R"("name":"/etc/passwd")"), "files[0].name is not relative"},
      {WithFile(R"("name":"../x")"), "files[0].name escapes the workspace"},
      {WithFile(R"("name":"a/../../x")"), "files[0].name escapes the workspace"},
      {WithFile(R"("name":"a/./x")"), "files[0].name has a '.' segment"},
      {WithFile(R"("name":"a//x")"), "files[0].name has an empty segment"},
      {WithFile(R"("name":"a/")"), "files[0].name has an empty segment"},
      {WithFile(R"("name":"a\\x")"), "files[0].name has a backslash"},
      {WithFile(R"("name":"a\u0000x")"), "files[0].name has a NUL byte"},
      {WithFile(R"("name":"1/2/3/4/5/6/7/8/9/10/11")"), "files[0].name is nested deeper than 10 levels"},
      {WithFile(R"("name":")" + std::string(257, 'n') + "\""), "files[0].name is longer than 256 bytes"},
      {WithFile(R"("resource_id":"a b")"), "files[0].resource_id is invalid"},
      {WithFile(R"("resource_id":"")"), "files[0].resource_id is invalid"},
      {WithFile(R"("resource_id":5)"), "files[0].resource_id is invalid"},
      {WithFile(R"("resource_id":")" + std::string(129, 'r') + "\""), "files[0].resource_id is invalid"},
      {WithFile(R"("kind":"admin")"), "files[0].kind must be one of: skill, agent, user"},
      {WithFile(R"("kind":"User")"), "files[0].kind must be one of: skill, agent, user"},
      {WithFile(R"("kind":"")"), "files[0].kind must be one of: skill, agent, user"},
      {WithFile(R"("kind":5)"), "files[0].kind must be one of: skill, agent, user"},
      {WithFile(R"("kind":"skill")"), "files[0].version is required for kind: 'skill'"},
      {WithFile(R"("kind":"skill","version":null)"), "files[0].version is required for kind: 'skill'"},
      {WithFile(R"("kind":"agent","version":1)"), "files[0].version is only valid for kind: 'skill'"},
      {WithFile(R"("version":1)"), "files[0].version is only valid for kind: 'skill'"},
      {WithFile(R"("kind":"skill","version":"3")"), "files[0].version must be a non-negative integer"},
      {WithFile(R"("kind":"skill","version":-1)"), "files[0].version must be a non-negative integer"},
      {WithFile(R"("kind":"skill","version":1.5)"), "files[0].version must be a non-negative integer"},
      {WithFile(R"("kind":"skill","version":true)"), "files[0].version must be a non-negative integer"},
      {WithFile(R"("kind":"skill","version":18446744073709551616)"),
       "files[0].version must be a non-negative integer"},
  };
  for (const auto& [body, text] : bad) EXPECT_EQ(Refusal(body), text) << body;
}

TEST(ExecRequest, GoodFileReferences) {
  for (const char* members :
       {"", R"("kind":null,"resource_id":null,"version":null)", R"("kind":"skill","version":0)",
        R"("kind":"skill","version":3.0)", R"("kind":"skill","version":18446744073709551615)",
        R"("name":"1/2/3/4/5/6/7/8/9/10")", R"("name":"d\u00e9j\u00e0 vu \ud83d\ude00.txt")",
        R"("name":"..a/...")", R"("resource_id":"A-z_0.9:x")"}) {
    EXPECT_EQ(Refusal(WithFile(members)), "accepted") << members;
  }
  EXPECT_EQ(Refusal(WithFile(R"("name":")" + std::string(200, 'n') + "/" + std::string(55, 'm') + "\"")),
            "accepted");
}

TEST(ExecRequest, IndexOfTheBadReferenceIsNamed) {
  const std::string good =
      R"({"id":")" + kId1 + R"(","storage_session_id":")" + kSession1 + R"(","name":"a"},)";
  EXPECT_EQ(Refusal(With("\"files\":[" + good + good + "7]")), "files[2] must be an object");
}

std::string File(const std::string& id, const std::string& name, const std::string& more = "") {
  return R"({"id":")" + id + R"(","storage_session_id":")" + kSession1 + R"(","name":")" + name + "\"" +
         more + "}";
}

TEST(ExecRequest, LastOfTwoEqualDestinationsWins) {
  const auto parsed =
      Parse(With("\"files\":[" + File(kId1, "a", R"(,"kind":"agent","resource_id":"first")") + "," +
                 File(kId1, "b") + "," + File(kId2, "a", R"(,"kind":"agent","resource_id":"last")") + "]"));
  ASSERT_TRUE(parsed);
  const auto& files = parsed->execution.files;
  ASSERT_EQ(files.size(), 2u);
  ASSERT_EQ(parsed->scopes.size(), 2u);
  EXPECT_EQ(files[0].name, "b");
  EXPECT_EQ(parsed->scopes[0].kind, "user");
  EXPECT_EQ(files[1].name, "a");
  EXPECT_EQ(files[1].id, kId2);
  EXPECT_EQ(parsed->scopes[1].id, "last");  // the one that will be checked
}

TEST(ExecRequest, FileWhereAnotherNeedsADirectory) {
  EXPECT_EQ(Refusal(With("\"files\":[" + File(kId1, "a/b") + "," + File(kId2, "a") + "]")),
            "files contains conflicting destinations \"a\" and \"a/b\"");
  EXPECT_EQ(Refusal(With("\"files\":[" + File(kId1, "a") + "," + File(kId2, "a.b") + "," +
                         File(kId2, "a/b/c/d") + "]")),
            "files contains conflicting destinations \"a\" and \"a/b/c/d\"");
  EXPECT_EQ(Refusal(With("\"files\":[" + File(kId1, "a/b") + "," + File(kId2, "a/c") + "," +
                         File(kId2, "a.txt") + "]")),
            "accepted");
}

TEST(ExecRequest, NumberOfFilesIsLimited) {
  Settings settings;
  settings.max_input_files = 2;
  const std::string two = File(kId1, "a") + "," + File(kId1, "b");
  EXPECT_EQ(Refusal(With("\"files\":[" + two + "]"), settings), "accepted");
  EXPECT_EQ(Refusal(With("\"files\":[" + two + "," + File(kId1, "a") + "]"), settings),
            "files has more than 2 entries");
}

}  // namespace
}  // namespace codeapi
