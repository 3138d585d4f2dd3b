#include "egress/grant.h"

#include <gtest/gtest.h>

#include <set>

#include "base/ids.h"

namespace codeapi {
namespace {

constexpr std::string_view kSecret = "a secret of exactly 32 bytes, ok";

std::chrono::system_clock::time_point At(std::int64_t second) {
  return std::chrono::system_clock::time_point(std::chrono::seconds(second));
}

Sealer TestSealer(std::string_view secret = kSecret) {
  return *Sealer::Make(secret);
}

Grant TestGrant() {
  return {.grant_id = NewId(),
          .exec_id = NewId(),
          .round = 3,
          .output_session_id = NewId(),
          .max_upload_bytes = 10'000'000,
          .max_output_files = 50,
          .max_requests = 1000,
          .tool_calls = 200,
          .iat = 1000,
          .exp = 2000};
}

// Every text of the same length that differs in one character.
template <typename Check>
void ForEachChange(const std::string& text, Check check) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed != text) check(changed);
  }
}

TEST(Sealer, OpensWhatItSealed) {
  const Sealer sealer = TestSealer();
  for (const std::string text :
       {std::string(), std::string("x"), std::string("\0a", 2), std::string(10'000, 'y')}) {
    EXPECT_EQ(sealer.Open("label", sealer.Seal("label", text)), text);
  }
}

TEST(Sealer, ShowsNothingAndNeverTheSame) {
  const Sealer sealer = TestSealer();
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string sealed = sealer.Seal("label", "the same text");
    EXPECT_EQ(sealed.find("the same"), std::string::npos);
    EXPECT_TRUE(seen.insert(sealed).second);
  }
}

TEST(Sealer, AnotherSecretOrLabelOpensNothing) {
  const Sealer sealer = TestSealer();
  const std::string sealed = sealer.Seal("label", "text");
  EXPECT_FALSE(TestSealer("another secret that has 32 bytes").Open("label", sealed));
  EXPECT_FALSE(sealer.Open("labe", sealed));
  EXPECT_FALSE(sealer.Open("", sealed));
}

TEST(Sealer, AnyChangeSpoilsIt) {
  const Sealer sealer = TestSealer();
  const std::string sealed = sealer.Seal("label", "some text of more than one block of sixteen bytes");
  ForEachChange(sealed,
                [&](const std::string& changed) { EXPECT_FALSE(sealer.Open("label", changed)) << changed; });
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(sealer.Open("label", sealed.substr(0, size)));
  for (const char* more : {".", "A", "=", "\n"}) EXPECT_FALSE(sealer.Open("label", sealed + more));
}

TEST(Sealer, NeedsALongSecret) {
  EXPECT_FALSE(Sealer::Make(""));
  EXPECT_FALSE(Sealer::Make(kSecret.substr(1)));
  EXPECT_EQ(Sealer::Make("short").error().code, ErrorCode::kInvalid);
}

TEST(Grant, SurvivesSealing) {
  const Grant grant = TestGrant();
  EXPECT_EQ(Grant::Open(TestSealer(), grant.Seal(TestSealer()), At(1500)), grant);
}

TEST(Grant, IsGoodForItsTime) {
  const Sealer sealer = TestSealer();
  const std::string text = TestGrant().Seal(sealer);
  EXPECT_TRUE(Grant::Open(sealer, text, At(970)));
  EXPECT_EQ(Grant::Open(sealer, text, At(969)).error(), kGrantOfLater);
  EXPECT_TRUE(Grant::Open(sealer, text, At(2029)));
  EXPECT_EQ(Grant::Open(sealer, text, At(2030)).error(), kExpiredGrant);
  EXPECT_TRUE(Grant::OpenAnyTime(sealer, text));
}

TEST(Grant, IsNoHandleAndNoCallback) {
  const Sealer sealer = TestSealer();
  const Grant grant = TestGrant();
  const std::string handle = Handle{Handle::Kind::kWriteSession, grant.grant_id, NewId(), {}}.Seal(sealer);
  EXPECT_EQ(Grant::OpenAnyTime(sealer, handle).error(), kMalformedGrant);
  EXPECT_EQ(Handle::Open(sealer, grant.Seal(sealer), Handle::Kind::kObject, grant).error(), kMalformedHandle);
  EXPECT_EQ(CallbackToken::Open(sealer, grant.Seal(sealer), At(1500)).error(), kMalformedHandle);
}

TEST(Grant, RefusesWhatIsTooLongUnread) {
  EXPECT_EQ(Grant::OpenAnyTime(TestSealer(), std::string(kMaxSealedGrant + 1, 'A')).error(), kMalformedGrant);
}

TEST(Handle, BelongsToItsGrantAndKind) {
  const Sealer sealer = TestSealer();
  const Grant grant = TestGrant(), other = TestGrant();
  const Handle handle{Handle::Kind::kObject, grant.grant_id, NewId(), NewId()};
  const std::string text = handle.Seal(sealer);
  EXPECT_EQ(Handle::Open(sealer, text, Handle::Kind::kObject, grant), handle);
  EXPECT_EQ(Handle::Open(sealer, text, Handle::Kind::kObject, other).error(), kForeignHandle);
  EXPECT_EQ(Handle::Open(sealer, text, Handle::Kind::kReadSession, grant).error(), kWrongHandle);
  EXPECT_EQ(text.find(handle.object_id), std::string::npos);
  ForEachChange(text, [&](const std::string& changed) {
    EXPECT_FALSE(Handle::Open(sealer, changed, Handle::Kind::kObject, grant));
  });
}

TEST(CallbackToken, SurvivesSealing) {
  const Sealer sealer = TestSealer();
  CallbackToken token{
      .grant_id = NewId(), .exec_id = "e", .session_id = "s", .token = "t", .tools = {}, .iat = 1, .exp = 9};
  EXPECT_EQ(CallbackToken::Open(sealer, token.Seal(sealer), At(5)), token);
  token.tools.emplace();
  EXPECT_EQ(CallbackToken::Open(sealer, token.Seal(sealer), At(5)), token);
  token.tools = {"a", "b"};
  EXPECT_EQ(CallbackToken::Open(sealer, token.Seal(sealer), At(5)), token);
  EXPECT_EQ(CallbackToken::Open(sealer, token.Seal(sealer), At(39)).error(), kExpiredGrant);
}

}  // namespace
}  // namespace codeapi
