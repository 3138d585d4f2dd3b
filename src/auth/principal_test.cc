#include "auth/principal.h"

#include <gtest/gtest.h>

namespace codeapi {
namespace {

const Principal kCaller{"acme", "u1"};

TEST(SessionKey, OfAUserIsTheCallersWhateverIdTheClientSends) {
  EXPECT_EQ(*SessionKey(kCaller, {"user", "someone-else", {}}), "acme:user:u1");
  EXPECT_EQ(*SessionKey(kCaller, {"user", "", {}}), "acme:user:u1");
}

TEST(SessionKey, OfAgentsAndSkillsNamesThem) {
  EXPECT_EQ(*SessionKey(kCaller, {"agent", "a-1", {}}), "acme:agent:a-1");
  EXPECT_EQ(*SessionKey(kCaller, {"skill", "s", 3}), "acme:skill:s:v:3");
}

TEST(SessionKey, NeedsTheVersionExactlyForSkills) {
  EXPECT_FALSE(SessionKey(kCaller, {"skill", "s", {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"agent", "a", 1}));
  EXPECT_FALSE(SessionKey(kCaller, {"user", "u", 1}));
}

TEST(SessionKey, AnIdCannotSpellAnotherOwner) {
  EXPECT_NE(*SessionKey(kCaller, {"skill", "s:v:1", 2}), *SessionKey(kCaller, {"skill", "s", 1}));
  EXPECT_NE(*SessionKey(kCaller, {"agent", "user:u1", {}}), *SessionKey(kCaller, {"user", "", {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"agent", "a b", {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"agent", "a/b", {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"agent", "", {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"agent", std::string(129, 'a'), {}}));
  EXPECT_FALSE(SessionKey(kCaller, {"group", "g", {}}));
}

TEST(SessionKey, ATenantCannotSpellAnotherOwner) {
  const auto user = [](const std::string& tenant, const std::string& id) {
    return *SessionKey({tenant, id}, {});
  };
  EXPECT_EQ(user("6650f0c2a4b1d20012345678", "u1"), "6650f0c2a4b1d20012345678:user:u1");
  EXPECT_EQ(user("a.b_c-d e@f", "u:1"), "a.b_c-d e@f:user:u:1");
  EXPECT_NE(user("a", "b:user:c"), user("a:user:b", "c"));
  EXPECT_NE(user("a", "b:agent:c"), *SessionKey({"a:user:b", "x"}, {"agent", "c", {}}));
  EXPECT_NE(user("a:b", "c"), user("a%3Ab", "c"));
  EXPECT_NE(user("a:b", "c"), user("a_b", "c"));
  EXPECT_EQ(user("a:%", "c"), "a%3A%25:user:c");
  EXPECT_EQ(UserKey({"a:b", "c"}), user("a:b", "c"));
}

TEST(PrincipalId, IsShortTextWithoutControlCharacters) {
  for (const char* good : {"6650f0c2a4b1d20012345678", "auth0|5f7c", "urn:tenant:1", "Jörg Ü", "a b"}) {
    EXPECT_TRUE(IsPrincipalId(good)) << good;
  }
  for (const char* bad : {"", " ", "   ", "a\nb", "\t", "a\x7f", "a\xc2\x85", "\xff", "\xc2"}) {
    EXPECT_FALSE(IsPrincipalId(bad)) << bad;
  }
  EXPECT_FALSE(IsPrincipalId(std::string_view("a\0b", 3)));
  EXPECT_TRUE(IsPrincipalId(std::string(256, 'a')));
  EXPECT_FALSE(IsPrincipalId(std::string(257, 'a')));
}

TEST(Principal, LocalIsTheReferencesLocalUser) {
  const Principal local = Principal::Local();
  EXPECT_EQ(UserKey(local), "local:user:local-test-user");
  EXPECT_EQ(local.plan, "local-plan");
  EXPECT_EQ(SourceName(local.source), "none");
}

}  // namespace
}  // namespace codeapi
