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

}  // namespace
}  // namespace codeapi
