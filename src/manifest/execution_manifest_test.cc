#include "manifest/execution_manifest.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include <boost/json.hpp>

#include "manifest/canonical_json.h"
#include "manifest/testing.h"

namespace codeapi {
namespace {

namespace json = boost::json;
using testing::TestManifest;

json::object Claims(const ExecutionManifest& manifest = TestManifest()) {
  return json::parse(*manifest.ToJson()).as_object();
}

std::string Problem(const json::object& claims) {
  const auto read = ExecutionManifest::FromJson(*CanonicalJson(claims));
  return read ? "none" : read.error().message;
}

std::string ProblemOf(const std::string& text) {
  const auto read = ExecutionManifest::FromJson(text);
  return read ? "none" : read.error().message;
}

TEST(ExecutionManifest, ComesBackWhole) {
  ExecutionManifest manifest = TestManifest();
  manifest.auth_context_hash = "context";
  manifest.round = 7;
  manifest.tool_call_socket = true;
  manifest.tool_calls = 100;
  manifest.support_sha256 = ContentDigest::Of("support");
  manifest.input_files[0].name = "gr\xC3\xBC\xC3\x9F\" \\ \n.txt";
  const auto text = manifest.ToJson();
  ASSERT_TRUE(text) << text.error().message;
  const auto read = ExecutionManifest::FromJson(*text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, manifest);
  EXPECT_EQ(*read->ToJson(), *text);
}

TEST(ExecutionManifest, IsWrittenAsTheReferenceWritesIt) {
  EXPECT_TRUE(TestManifest().ToJson()->starts_with(R"({"code_sha256":")"));
  EXPECT_NE(TestManifest().ToJson()->find(
                R"("input_files":[{"id":"file-1","name":"a.txt","session_id":"session-1"},{"id":"file-2",)"),
            std::string::npos);
}

TEST(ExecutionManifest, EveryClaimIsNeeded) {
  for (const auto& claim : Claims()) {
    json::object less = Claims();
    less.erase(claim.key());
    EXPECT_NE(Problem(less), "none") << claim.key();
  }
}

TEST(ExecutionManifest, EveryClaimHasItsType) {
  for (const auto& claim : Claims()) {
    for (const json::value& other :
         {json::value(nullptr), json::value(-1), json::value(1.5), json::value("?"), json::value(true),
          json::value(json::array{1}), json::value(json::object{})}) {
      json::object changed = Claims();
      changed[claim.key()] = other;
      if (other.kind() == claim.value().kind() && (other.is_bool() || other == "?")) continue;
      EXPECT_NE(Problem(changed), "none") << claim.key() << ": " << json::serialize(other);
    }
  }
}

TEST(ExecutionManifest, NumbersHaveRanges) {
  const auto with = [](const char* claim, const json::value& value) {
    json::object changed = Claims();
    changed[claim] = value;
    return Problem(changed);
  };
  for (const char* claim : {"round", "wall_ms", "cpu_ms", "memory_bytes", "tool_calls", "iat", "exp",
                            "max_upload_bytes", "max_output_files", "max_requests"}) {
    EXPECT_NE(with(claim, (std::int64_t{1} << 53) - 1), "none") << claim;
  }
  EXPECT_EQ(with("round", 0), "Execution manifest round is invalid");
  EXPECT_EQ(with("v", 2), "Execution manifest version is unsupported");
  EXPECT_EQ(with("exp", testing::kManifestTime), "Execution manifest exp is invalid");
  EXPECT_EQ(with("exec_id", "abcdefghijklmnopqrst/"), "Execution manifest exec_id is invalid");
  EXPECT_EQ(with("auth_context_hash", json::string(3000, 'a')),
            "Execution manifest auth_context_hash is invalid");
  EXPECT_EQ(with("code_sha256", "short"), "Execution manifest code_sha256 is invalid");
  EXPECT_EQ(with("execute_body_sha256", ""), "Execution manifest execute_body_sha256 is invalid");
  EXPECT_EQ(with("input_files", "x"), "Execution manifest input_files must be an array");
}

TEST(ExecutionManifest, ClaimsFitTogether) {
  ExecutionManifest manifest = TestManifest();
  manifest.tool_call_socket = true;
  EXPECT_FALSE(manifest.ToJson());
  manifest.tool_calls = 3;
  EXPECT_FALSE(manifest.ToJson()) << "a program with tools has support files";
  manifest.code_sha256 = manifest.command_sha256 = "";
  EXPECT_TRUE(manifest.ToJson()) << "unless none is started";
  manifest.command_sha256 = ContentDigest::Of("x");
  EXPECT_FALSE(manifest.ToJson());
}

TEST(ExecutionManifest, FilesAreHeldToTheirForm) {
  const json::object good{{"id", "a"}, {"session_id", "b"}, {"name", "c"}};
  json::object more = good, less = good, number = good, empty = good;
  more["etag"] = "x";
  less.erase("id");
  number["name"] = 1;
  empty["name"] = "";
  for (const json::value& bad : {json::value(more), json::value(less), json::value(number),
                                 json::value(empty), json::value("c"), json::value(json::array{1})}) {
    json::object claims = Claims();
    claims["input_files"] = json::array{bad};
    EXPECT_EQ(Problem(claims), "Execution manifest input_files contains an invalid file")
        << json::serialize(bad);
  }
  json::object claims = Claims();
  claims["input_files"] = json::array{good, good};
  EXPECT_EQ(Problem(claims), "Execution manifest input_files contains an invalid file") << "one name twice";
}

TEST(ExecutionManifest, RefusesClaimsItDoesNotKnow) {
  json::object claims = Claims();
  claims["zz"] = 1;
  EXPECT_EQ(Problem(claims), "Execution manifest has a claim that is not known");
}

TEST(ExecutionManifest, HasOneSpelling) {
  const std::string text = *TestManifest().ToJson();
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string out = text;
    out.replace(out.find(from), from.size(), to);
    return ProblemOf(out);
  };
  const std::string kNot = "Execution manifest payload is not canonical";
  EXPECT_EQ(ProblemOf(text), "none");
  EXPECT_EQ(ProblemOf(" " + text), kNot);
  EXPECT_EQ(ProblemOf(text + "\n"), kNot);
  EXPECT_EQ(replaced("\"round\":1", "\"round\":1.0"), kNot);
  EXPECT_EQ(replaced("\"round\":1", "\"round\":1e0"), kNot);
  EXPECT_EQ(replaced("\"round\":1", "\"round\":1,\"round\":1"), kNot) << "a member twice";
  EXPECT_EQ(replaced("\"round\":1", "\"round\":1,\"round\":2"), kNot);
  EXPECT_EQ(replaced("\"tenant\"", "\"tena\\u006et\""), kNot);
  EXPECT_EQ(ProblemOf(text + "{}"), "Execution manifest payload is not valid JSON");
  EXPECT_EQ(ProblemOf(""), "Execution manifest payload is not valid JSON");
  EXPECT_EQ(ProblemOf("[]"), "Execution manifest claims must be an object");
  EXPECT_EQ(ProblemOf(std::string(2000, '[')), "Execution manifest payload is not valid JSON");
}

TEST(ExecutionManifest, IsBounded) {
  ExecutionManifest manifest = TestManifest();
  manifest.input_files.clear();
  for (int i = 0; i < 900; ++i) {
    manifest.input_files.push_back({"id", "session", std::to_string(i) + std::string(3000, 'n')});
  }
  const auto text = manifest.ToJson();
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kTooLarge);
  manifest.input_files.resize(600);
  EXPECT_TRUE(manifest.ToJson());
  EXPECT_EQ(ProblemOf(std::string(kMaxManifestJson + 1, ' ')), "Execution manifest is too large");
}

TEST(CommandDigest, KeepsItsPartsApart) {
  const std::string one = CommandDigest("a", "b", {"c", "d"});
  EXPECT_EQ(one, CommandDigest("a", "b", {"c", "d"}));
  EXPECT_NE(one, CommandDigest("a", "b", {"cd"}));
  EXPECT_NE(one, CommandDigest("a", "b", {"d", "c"}));
  EXPECT_NE(one, CommandDigest("ab", "", {"c", "d"}));
  EXPECT_NE(one, CommandDigest("a", "b", {"c", "d", ""}));
}

TEST(SupportDigest, IsOfNamesContentsAndOrder) {
  const auto of = [](std::initializer_list<std::pair<const char*, const char*>> files) {
    SupportDigest digest;
    for (const auto& [name, bytes] : files) digest.Add(name, ContentDigest::Of(bytes));
    return digest.Finish();
  };
  EXPECT_EQ(of({}), "");
  EXPECT_EQ(of({{"a", "1"}, {"b", "2"}}), of({{"a", "1"}, {"b", "2"}}));
  EXPECT_NE(of({{"a", "1"}, {"b", "2"}}), of({{"b", "2"}, {"a", "1"}}));
  EXPECT_NE(of({{"a", "1"}}), of({{"a", "2"}}));
  EXPECT_NE(of({{"a", "1"}}), of({{"b", "1"}}));
}

}  // namespace
}  // namespace codeapi
